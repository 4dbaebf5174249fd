"""One training from spec to bundle, as a generator of events: read, embed, split, fit, evaluate, save.

The test part is never seen by the model that is measured on it. When all is measured, the bundle that is saved learns
from every score: with few labels each one counts, and the figures describe the recipe.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from engine.errors import Message
from engine.events import Event, Finished, Notice, PartMetrics, Phase, Progress, StopCheck, never_stop
from engine.features.backbones import get_backbone
from engine.metrics import Metrics, evaluate
from engine.models.base import Scorer, Scores, TrainingSet
from engine.models.bundle import new_model_id, save_bundle
from engine.models.catalog import scorer_class
from engine.models.folds import Index
from engine.prediction.intervals import COVERAGE, conformal_halfwidth
from engine.training.album import Album, load_album
from engine.training.spec import TrainSpec
from engine.training.split import Parts, fold_masks, split_groups
from engine.workspace import Workspace

_CV_FOLDS = 5
_TOO_FEW_FOR_A_TEST_PART = 30
_VERSIONS = ("beholder", "numpy", "openvino", "pillow", "safetensors", "scikit-learn", "skops", "timm", "torch")


def _now() -> datetime:
    return datetime.now(UTC)


def run_training(
    workspace: Workspace,
    spec: TrainSpec,
    *,
    should_stop: StopCheck = never_stop,
    now: Callable[[], datetime] = _now,
) -> Iterator[Event]:
    """Train, measure and save one model; the last event is `Finished` with the contract's result.

    Args:
        workspace: photos and scores come from its ``data/``, the bundle goes to ``trained_models_storage/``.
        spec: what is asked.
        should_stop: asked often; True ends the work with `Interrupted`.
        now: the present time.

    Raises:
        BeholderError: too few scores, a damaged ``scores.txt``, missing weights, a full disk, …
    """
    begun = time.monotonic()
    yield Phase("features")
    album: Album | None = None
    for event in load_album(workspace, spec, should_stop):
        if isinstance(event, Album):
            album = event
        else:
            yield event
    assert album is not None  # load_album ends with it or raises
    data = album.scored

    yield Phase("splitting")
    folds = spec.folds
    if folds is None and data.scores.size < _TOO_FEW_FOR_A_TEST_PART:
        folds = _CV_FOLDS
        yield Notice(
            Message(
                "{n} scores are too few for a test part of their own: {folds}-fold cross-validation instead.",
                {"n": int(data.scores.size), "folds": folds},
            )
        )
    parts = _parts(data.groups, spec, folds)

    yield Phase("fitting")
    probe = scorer_class(spec.model)()
    validation = data.subset(parts.validation) if parts.validation.size else data.subset(parts.test)
    yield from probe.fit(data.subset(parts.train), validation, should_stop=should_stop)

    yield Phase("evaluating")
    measured: dict[str, Metrics] = {"train": evaluate(data.scores[parts.train], _guess(probe, data, parts.train))}
    if parts.validation.size:
        measured["validation"] = evaluate(data.scores[parts.validation], _guess(probe, data, parts.validation))
    out_of_fold = np.zeros(data.scores.size)
    plain = np.zeros(data.scores.size)
    masks = fold_masks(data.groups, folds or _CV_FOLDS, spec.seed)
    for done, mask in enumerate(masks):
        yield Progress("evaluating", done, len(masks))
        seen, held_out = np.flatnonzero(~mask), np.flatnonzero(mask)
        out_of_fold[held_out] = _fit_and_guess(spec, data, seen, held_out, should_stop)
        plain[held_out] = data.scores[seen].mean()
    yield Progress("evaluating", len(masks), len(masks))
    measured["cv"] = evaluate(data.scores, out_of_fold)
    if folds is None:
        seen = np.sort(np.concatenate([parts.train, parts.validation]))
        guess = _fit_and_guess(spec, data, seen, parts.test, should_stop)
        measured["test"] = evaluate(data.scores[parts.test], guess)
        plainest = evaluate(data.scores[parts.test], np.full(parts.test.size, data.scores[seen].mean()))
    else:
        measured["test"], plainest = measured["cv"], evaluate(data.scores, plain)
    metrics = {part: figures.to_dict() for part, figures in measured.items()}
    for part in ("test", "cv"):
        yield PartMetrics(part, metrics[part])
    yield PartMetrics("baseline", plainest.to_dict())

    yield Phase("saving")
    final = scorer_class(spec.model)()
    for _ in final.fit(data, None, should_stop=should_stop):
        pass  # its curve was shown on the validation part
    created = now()
    manifest: dict[str, Any] = {
        "model_id": new_model_id(spec.model, created),
        "name": spec.name,
        "model": spec.model,
        "backbone": spec.backbone,
        "weights": spec.weights,
        "fingerprint": get_backbone(spec.backbone).fingerprint(spec.weights),
        "created": created.isoformat(timespec="seconds"),
        "n": int(data.scores.size),
        "scale": [workspace.scale.low, workspace.scale.high],
        "spec": spec.model_dump(mode="json"),
        "data_hash": album.digest(),
        "split": _split_record(album, parts, folds),
        "interval": {"coverage": COVERAGE, "halfwidth": conformal_halfwidth(data.scores, out_of_fold)},
        "metrics": metrics,
        "baseline": plainest.to_dict(),
        "details": final.details(),
        "versions": _versions(),
    }
    rows = np.linspace(0, data.scores.size - 1, min(16, data.scores.size)).round().astype(int)
    info = save_bundle(workspace, manifest, final, data.features[rows])
    yield Finished(
        {
            "model_id": info.model_id,
            "name": info.name,
            "model": info.model,
            "backbone": info.backbone,
            "n": info.n,
            "metrics": metrics,
            "baseline": plainest.to_dict(),
            "seconds": round(time.monotonic() - begun, 3),
        }
    )


def _parts(groups: Index, spec: TrainSpec, folds: int | None) -> Parts:
    if folds is None:
        return split_groups(groups, spec.split, spec.seed)
    # in cross-validation every photo is tested; the live curve looks at the first fold
    mask = fold_masks(groups, folds, spec.seed)[0]
    held_out = np.flatnonzero(mask).astype(np.int64)
    return Parts(np.flatnonzero(~mask).astype(np.int64), np.zeros(0, np.int64), held_out)


def _guess(scorer: Scorer, data: TrainingSet, rows: Index) -> Scores:
    return scorer.predict(data.features[rows])


def _fit_and_guess(spec: TrainSpec, data: TrainingSet, seen: Index, unseen: Index, should_stop: StopCheck) -> Scores:
    scorer = scorer_class(spec.model)()
    for _ in scorer.fit(data.subset(seen), None, should_stop=should_stop):
        pass  # only the guesses count here
    return _guess(scorer, data, unseen)


def _split_record(album: Album, parts: Parts, folds: int | None) -> Mapping[str, Any]:
    groups = album.scored.groups
    record: dict[str, Any] = {"kind": "folds" if folds else "parts", "groups": int(np.unique(groups).size)}
    if folds:
        return record | {"folds": folds}
    return record | {
        part: [album.names[row] for row in rows]
        for part, rows in (("train", parts.train), ("validation", parts.validation), ("test", parts.test))
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _VERSIONS:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = ""
    return found
