"""What a job was asked to do: ``spec.json``, validated when it is written and again when it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from engine.errors import DamagedFile, UsageError
from engine.storage import disk_errors, write_bytes

SPEC_NAME = "spec.json"
Kind = Literal["train", "predict", "compare", "tune"]
KINDS: tuple[str, ...] = get_args(Kind)


def _absolute(value: Any) -> str:
    # Not pydantic's `str`: that refuses file names that are not UTF-8, which a disk may well hold.
    if not isinstance(value, str | os.PathLike) or not (text := os.fspath(value)) or not isinstance(text, str):
        raise ValueError("a path must be a text that is not empty")
    return os.path.abspath(text)  # noqa: PTH100  (Path.absolute() keeps "..", and resolve() follows links)


class PredictRequest(BaseModel):
    """Which photos a prediction job scores, and with which model.

    Args:
        model: a model's id, unique prefix or name, ``latest``, ``best`` or ``default``.
        paths: files and folders; made absolute, because the worker lives in another folder.
        recursive: whether folders inside folders count.
        out: a file that the rows are written to when all are there; made absolute.
        format: ``csv``, ``json``, ``jsonl`` or ``parquet``; None means as the file's ending says.
        xmp: which sidecars are written: ``lightroom`` or ``darktable``.
        stars: the scores from which a photo has 2, 3, 4 and 5 stars; empty means fifths of the scale.
        overwrite_ratings: whether a person's rating in a sidecar gives way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str = "default"
    paths: Annotated[list[Annotated[str, PlainValidator(_absolute)]], Field(min_length=1)]
    recursive: bool = True
    out: Annotated[str, PlainValidator(_absolute)] | None = None
    format: Literal["csv", "json", "jsonl", "parquet"] | None = None
    xmp: Literal["lightroom", "darktable"] | None = None
    stars: str = ""
    overwrite_ratings: bool = False


class JobSpec(BaseModel):
    """One job as it stands in ``spec.json``.

    Args:
        job_id: name of the job's folder.
        kind: what sort of work it is.
        created: ISO 8601, UTC.
        payload: the validated fields of that kind of work.
        queue: whether it waits until the device that it trains on is free; predictions never wait.
    """

    model_config = ConfigDict(frozen=True)
    job_id: str
    kind: Kind
    created: str
    payload: dict[str, Any]
    queue: bool = True


def new_job_id(kind: str, moment: datetime, token: str) -> str:
    """Return a job's name, which sorts by time.

    >>> new_job_id("train", datetime(2026, 11, 23, 12, 15, 30, tzinfo=UTC), "a1b2")
    '20261123-121530-train-a1b2'
    """
    return f"{moment.astimezone(UTC):%Y%m%d-%H%M%S}-{kind}-{token}"


def check_payload(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of a job with all its fields, JSON-ready.

    Raises:
        UsageError: no such kind of job, or a field is unknown, missing or out of range.
    """
    if kind not in KINDS:
        raise UsageError(
            "There is no kind of job called {kind}.",
            remedy="Known are: {known}.",
            kind=kind,
            known=", ".join(KINDS),
        )
    try:
        if kind == "predict":
            return PredictRequest.model_validate(dict(payload)).model_dump()
        from engine.training.spec import CompareSpec, TrainSpec, TuneSpec

        kinds: Mapping[str, type[BaseModel]] = {"train": TrainSpec, "compare": CompareSpec, "tune": TuneSpec}
        checked = kinds[kind].model_validate(dict(payload)).model_dump(mode="json")
        training = checked["base"] if kind == "tune" else checked
        if training["weights"] not in {"default", "none"}:
            training["weights"] = _absolute(training["weights"])
        if checked.get("storage"):
            checked["storage"] = _absolute(checked["storage"])
        return checked
    except ValidationError as error:
        raise UsageError(
            "This {kind} job can't be started: {cause}.",
            remedy="Correct that setting and start it again.",
            kind=kind,
            cause=_causes(error),
        ) from error


def _causes(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'it'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )


def save_spec(folder: Path, spec: JobSpec) -> None:
    """Write ``spec.json`` atomically.

    Raises:
        BeholderError: the disk is full or read-only.
    """
    # ASCII, because a path in it may hold bytes that are no UTF-8.
    write_bytes(folder / SPEC_NAME, json.dumps(spec.model_dump(), indent=2).encode("ascii") + b"\n")


def load_spec(folder: Path) -> JobSpec:
    """Return what the job in this folder was asked to do.

    Raises:
        DamagedFile: ``spec.json`` is no valid spec.
        NotFound: it is missing.
    """
    path = folder / SPEC_NAME
    try:
        with disk_errors(path):
            return JobSpec.model_validate(json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise DamagedFile(
            "{path} is damaged: {cause}.",
            remedy="Start the job again with the same settings.",
            path=path,
            cause=_causes(error) if isinstance(error, ValidationError) else str(error),
        ) from error
