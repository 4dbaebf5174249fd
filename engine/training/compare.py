"""A comparison: families on backbones under one grouped split, each measured and saved, best first.

Features are computed once a backbone; every row sees the same photos, groups and parts. What was done is noted in the
job's checkpoint folder, so that a comparison that was broken off goes on with the next row.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import BeholderError, Interrupted, Message
from engine.events import Event, Finished, ItemFailed, Notice, Phase, Progress, Row, raise_if_stopped
from engine.models.base import FitControl
from engine.models.bundle import find_bundle, read_manifest
from engine.models.record import read_record
from engine.storage import disk_errors, safe_name, write_json
from engine.training.album import Album, check_scores, load_album, restrict
from engine.training.measure import make_plan
from engine.training.run import train_album
from engine.training.spec import CompareSpec, TrainSpec
from engine.training.verdict import Said, best_told, held_out, verdict
from engine.workspace import Workspace

YARDSTICK = "ridge"
"""The plain family that every other one is held against."""

_NOTES = "comparison.json"
_SHOWN = ("test", "cv")
_HEARTBEAT = 2.0  # seconds; a job that says nothing for long counts as silent
_ALONE = FitControl()
_log = logging.getLogger(__name__)
_Made = TypeVar("_Made")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Line:
    """One row of the leaderboard.

    Args:
        spec: its training.
        said: what its model said of photos that it had not seen.
    """

    spec: TrainSpec
    state: str = "waiting"
    model_id: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    verdict: Message | None = None
    error: BeholderError | None = None
    said: Said = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.spec.model}/{self.spec.backbone}"

    def label(self, with_backbone: bool) -> str:
        """Return what the row is called in a sentence."""
        return self.key if with_backbone else self.spec.model

    def srcc(self, part: str) -> float:
        """Return its SRCC on a part; below every possible one where there is none."""
        value = self.metrics.get(part, {}).get("srcc")
        return -2.0 if value is None else float(value)

    def result(self) -> dict[str, Any]:
        return {
            "model": self.spec.model,
            "backbone": self.spec.backbone,
            "model_id": self.model_id,
            "metrics": self.metrics,
            "seconds": self.seconds,
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
            "error": None if self.error is None else self.error.message.to_dict(),
        }

    def row(self) -> Row:
        return Row("leaderboard", self.key, {**self.result(), "state": self.state})


def run_comparison(
    workspace: Workspace,
    spec: CompareSpec,
    *,
    control: FitControl = _ALONE,
    now: Callable[[], datetime] = _now,
) -> Iterator[Event]:
    """Train and measure each family on each backbone; the last event is `Finished` with the rows, best first.

    The order is by the SRCC over cross-validated predictions; where a row has none (a network that was trained once),
    by that of the test part for all. A family that fails is a row with its error.

    Args:
        workspace: photos and scores come from its ``data/``, the bundles go to ``trained_models_storage/``.
        spec: what is compared.
        control: `should_finish` ends it after the present row; ``checkpoints`` keeps which rows are done.
        now: the present time.

    Raises:
        BeholderError: too few scores, a damaged ``scores.txt``, …; or all rows failed: the first one's error.
        Interrupted: `control.should_stop` said so; the rows that are done are kept.
    """
    yield from _Comparison(workspace, spec, control, now).run()


class _Comparison:
    """One comparison under way."""

    def __init__(
        self, workspace: Workspace, spec: CompareSpec, control: FitControl, now: Callable[[], datetime]
    ) -> None:
        self.workspace, self.spec, self.control, self.now = workspace, spec, control, now
        self.begun = time.monotonic()
        self.backbones = list(dict.fromkeys(spec.backbones))
        # the yardstick goes first on each backbone, so that every later row gets its verdict at once
        place = {backbone: number for number, backbone in enumerate(self.backbones)}
        trainings = sorted(spec.trainings(), key=lambda one: (place[one.backbone], one.model != YARDSTICK))
        self.lines = [_Line(training) for training in trainings]
        self.contents: dict[str, str] = {}
        self.groups: dict[str, int] = {}
        self.digest = hashlib.sha256()
        self.only: Album | None = None

    def run(self) -> Iterator[Event]:
        """Yield the comparison's events; see `run_comparison`."""
        for line in self.lines:
            yield line.row()
        yield Phase("features")
        yield from self._read_albums()
        notes = _Notes(self.control.checkpoints, self.digest.hexdigest())
        yield Phase("comparing")
        for line in self.lines:
            if line.state == "waiting" and (model_id := notes.rows.get(line.key)):
                yield from self._take_over(line, model_id)
        for backbone in self.backbones:
            waiting = [line for line in self.lines if line.state == "waiting" and line.spec.backbone == backbone]
            if not waiting or self._is_finishing():
                continue
            album = yield from self._album(waiting[0].spec)
            for line in waiting:
                if not self._is_finishing():
                    yield from self._train(line, album)
                    if line.model_id is not None:
                        notes.add(line.key, line.model_id)
        yield from self._end()

    def _is_finishing(self) -> bool:
        """Say whether the person wants no further rows; without any there would be nothing to keep."""
        return self.control.should_finish() and any(line.state == "done" for line in self.lines)

    def _of(self, backbone: str) -> list[_Line]:
        return [line for line in self.lines if line.spec.backbone == backbone]

    def _read_albums(self) -> Iterator[Event]:
        """Compute every backbone's features, and find the photos that all of them can read."""
        errors: list[BeholderError] = []
        for backbone in self.backbones:
            lines = self._of(backbone)
            try:
                album = yield from load_album(self.workspace, lines[0].spec, self.control.should_stop)
            except Interrupted:
                raise
            except BeholderError as error:  # such as weights that are not here: the other backbones go on
                errors.append(error)
                for line in lines:
                    line.state, line.error = "failed", error
                    yield line.row()
                continue
            contents = dict(zip(album.names, album.hashes, strict=True))
            if not self.groups:
                self.groups = dict(zip(album.names, album.scored.groups.tolist(), strict=True))
                self.contents = contents
                asked = self.spec.model_dump_json(exclude={"models", "backbones"})
                self.digest.update(f"{asked}\n{album.digest()}\n".encode())
            else:
                self.contents = {
                    name: content for name, content in self.contents.items() if contents.get(name) == content
                }
            self.only = album if len(self.backbones) == 1 else None  # of several, one at a time is held in memory
        if len(errors) == len(self.backbones):
            raise errors[0]
        self.digest.update("\n".join(self.contents).encode("utf-8", "surrogateescape"))

    def _album(self, spec: TrainSpec) -> Generator[Event, None, Album]:
        """Return a backbone's album, cut to what all of them can read; its features come from the cache."""
        album = self.only
        if album is None:
            album = yield from _filtered(load_album(self.workspace, spec, self.control.should_stop), (Progress,))
        there = dict(zip(album.names, album.hashes, strict=True))
        names = [name for name, content in self.contents.items() if there.get(name) == content]
        album = restrict(album, names, self.groups)
        check_scores(album.scored.scores.tolist())
        return album

    def _train(self, line: _Line, album: Album) -> Iterator[Event]:
        """Train one row; what fails is told in the row, and the others go on."""
        raise_if_stopped(self.control.should_stop)
        line.state, begun = "running", time.monotonic()
        yield line.row()
        progress = self._progress()
        yield progress
        said = begun
        work = self._training(line.spec, album)
        try:
            while True:
                try:
                    event = next(work)
                except StopIteration as end:
                    self._done(line, str(end.value["model_id"]))
                    break
                if isinstance(event, Notice | ItemFailed):
                    yield event
                elif time.monotonic() - said >= _HEARTBEAT:
                    said = time.monotonic()
                    yield progress
        except Interrupted:
            raise
        except BeholderError as error:
            line.error = error
        except Exception as error:  # noqa: BLE001  (logged, and told in the row)
            _log.exception("%s failed", line.key)
            line.error = BeholderError(
                "{model} stopped on a fault of the program: {cause}.",
                remedy="See the details with: beholder jobs logs",
                model=line.spec.model,
                cause=f"{type(error).__name__}: {error}".rstrip(": ."),
            )
        if line.error is not None:
            line.state, line.seconds = "failed", round(time.monotonic() - begun, 3)
        yield line.row()

    def _training(self, spec: TrainSpec, album: Album) -> Generator[Event, None, dict[str, Any]]:
        plan = yield from make_plan(spec, album.scored)
        control = self.control.within(safe_name(f"{spec.model}-{spec.backbone}"))
        return (yield from train_album(self.workspace, spec, album, plan, control=control, now=self.now, leaked=False))

    def _progress(self) -> Progress:
        done = sum(line.state in {"done", "failed"} for line in self.lines)
        return Progress("comparing", done, len(self.lines))

    def _take_over(self, line: _Line, model_id: str) -> Iterator[Event]:
        """Take a row from an earlier run, if its model is still there."""
        try:
            self._done(line, model_id)
        except BeholderError:
            return  # removed or damaged since: it is trained again
        yield line.row()

    def _done(self, line: _Line, model_id: str) -> None:
        info = find_bundle(self.workspace, model_id)
        line.said = held_out(read_record(info.path))
        line.metrics = {part: dict(info.metrics[part]) for part in _SHOWN if part in info.metrics}
        line.seconds = float(read_manifest(info)["seconds"])
        line.model_id, line.state = info.model_id, "done"
        plain = next((other for other in self._of(line.spec.backbone) if other.spec.model == YARDSTICK), line)
        is_known = plain is not line and plain.state == "done"
        line.verdict = verdict(line.said, plain.said if is_known else None, YARDSTICK, self.groups)

    def _end(self) -> Iterator[Event]:
        done = [line for line in self.lines if line.state == "done"]
        failed = [line for line in self.lines if line.error is not None]
        if not done:
            assert failed[0].error is not None
            raise failed[0].error
        part = "cv" if all("cv" in line.metrics for line in done) else "test"
        done.sort(key=lambda line: -line.srcc(part))
        yield self._progress()
        best = done[0]
        if len(done) > 1:
            names = [line.label(len(self.backbones) > 1) for line in done]
            told = best_told(names, [line.said for line in done], best.srcc(part), self.groups)
            yield Notice(told)
        rows = [line.result() for line in (*done, *failed)]
        yield Finished({"rows": rows, "model_id": best.model_id, "seconds": round(time.monotonic() - self.begun, 3)})


class _Notes:
    """Which rows are done, in the job's checkpoint folder; they hold for the same data and split only."""

    def __init__(self, folder: Path | None, digest: str) -> None:
        self._file = folder / _NOTES if folder is not None else None
        self._digest = digest
        self.rows: dict[str, str] = {}
        if self._file is None or not self._file.exists():
            return
        try:
            content = json.loads(self._file.read_bytes())
            if content["digest"] == digest:
                self.rows = {str(key): str(value) for key, value in content["rows"].items()}
        except (OSError, LookupError, TypeError, ValueError, AttributeError):
            _log.warning("the notes of an earlier run can't be read: all rows are trained again")

    def add(self, key: str, model_id: str) -> None:
        """Note that a row is done."""
        self.rows[key] = model_id
        if self._file is not None:
            with disk_errors(self._file.parent):
                self._file.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._file, {"digest": self._digest, "rows": self.rows})


def _filtered(work: Generator[Event, None, _Made], kinds: tuple[type[Event], ...]) -> Generator[Event, None, _Made]:
    """Do the work, and pass only events of these kinds on."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            made: _Made = end.value
            return made
        if isinstance(event, kinds):
            yield event
