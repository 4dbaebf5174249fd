"""One training from spec to bundle, as a generator of events: embed, split, fit, evaluate, save.

The test part is never seen by the model that is measured on it. When all is measured, the bundle that is saved learns
from every score: with few labels each one counts, and the figures describe the recipe.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from engine.errors import BeholderError
from engine.events import Event, Finished, Notice, PartMetrics, Phase, exhaust
from engine.features.backbones import get_backbone
from engine.models.base import FitControl, Scorer
from engine.models.bundle import new_model_id, save_bundle
from engine.models.catalog import make_scorer
from engine.prediction.guesses import Guess, write_guesses
from engine.prediction.intervals import COVERAGE, conformal_halfwidth
from engine.training.album import Album, load_album
from engine.training.measure import Measured, Plan, make_plan, measure
from engine.training.spec import TrainSpec
from engine.workspace import Scale, Workspace

_VERSIONS = ("beholder", "numpy", "openvino", "pillow", "safetensors", "scikit-learn", "skops", "timm", "torch")
_CHUNK = 2048
_ALONE = FitControl()


def _now() -> datetime:
    return datetime.now(UTC)


def run_training(
    workspace: Workspace,
    spec: TrainSpec,
    *,
    control: FitControl = _ALONE,
    now: Callable[[], datetime] = _now,
) -> Iterator[Event]:
    """Train, measure and save one model; the last event is `Finished` with the contract's result.

    Args:
        workspace: photos and scores come from its ``data/``, the bundle goes to ``trained_models_storage/``.
        spec: what is asked.
        control: stops, ends early, and keeps where the work is.
        now: the present time.

    Raises:
        BeholderError: too few scores, a damaged ``scores.txt``, missing weights, a full disk, …
    """
    begun = time.monotonic()
    yield Phase("features")
    album = yield from load_album(workspace, spec, control.should_stop)
    plan = yield from make_plan(spec, album.scored)
    measured = yield from measure(spec, album.scored, plan, workspace.scale, control)
    metrics = {part: figures.to_dict() for part, figures in measured.metrics.items()}
    for part in ("test", "cv"):
        yield PartMetrics(part, metrics[part])
    yield PartMetrics("baseline", measured.baseline.to_dict())
    manifest = yield from _save(workspace, spec, album, plan, measured, control, now())
    yield Finished(
        {key: manifest[key] for key in ("model_id", "name", "model", "backbone", "n", "metrics", "baseline")}
        | {"seconds": round(time.monotonic() - begun, 3)}
    )


def _save(
    workspace: Workspace,
    spec: TrainSpec,
    album: Album,
    plan: Plan,
    measured: Measured,
    control: FitControl,
    created: datetime,
) -> Generator[Event, None, dict[str, Any]]:
    """Fit on every score, write the bundle, return its manifest."""
    yield Phase("saving")
    data, scale = album.scored, workspace.scale
    scorer = make_scorer(spec.recipe())
    exhaust(scorer.fit(data, None, control=control.within("final")))
    manifest: dict[str, Any] = {
        "model_id": new_model_id(spec.model, created),
        "name": spec.name,
        "model": spec.model,
        "backbone": spec.backbone,
        "weights": spec.weights,
        "fingerprint": get_backbone(spec.backbone).fingerprint(spec.weights),
        "created": created.isoformat(timespec="seconds"),
        "n": int(data.scores.size),
        "scale": [scale.low, scale.high],
        "spec": spec.model_dump(mode="json"),
        "data_hash": album.digest(),
        "split": _split_record(album, plan),
        "interval": {
            "coverage": COVERAGE,
            "halfwidth": conformal_halfwidth(data.scores, measured.out_of_fold),
        },
        "metrics": {part: figures.to_dict() for part, figures in measured.metrics.items()},
        "baseline": measured.baseline.to_dict(),
        "details": scorer.details(),
        "versions": _versions(),
    }
    golden = np.linspace(0, data.scores.size - 1, min(16, data.scores.size)).round().astype(int)
    save_bundle(workspace, manifest, scorer, data.features[golden])
    try:
        guesses = _guesses(album, measured, scorer, scale)
        write_guesses(workspace, manifest["model_id"], guesses, stamps=album.stamps)
    except BeholderError as error:
        yield Notice(error.message)  # the model is there; its guesses can be had by asking it
    return manifest


def _guesses(album: Album, measured: Measured, scorer: Scorer, scale: Scale) -> dict[str, Guess]:
    """Return what the model says of each readable photo; where it has seen the score, what its twin had said."""
    held_out = [Guess(scale.clip(guess), True) for guess in measured.out_of_fold.tolist()]
    found = dict(zip(album.names, held_out, strict=True))
    copies = dict(zip(album.hashes, held_out, strict=True))
    names = [name for name in album.unscored if name in album.stamps]
    for start in range(0, len(names), _CHUNK):
        part = names[start : start + _CHUNK]
        rows = album.scored.album[[album.unscored[name] for name in part]]
        for name, guess in zip(part, scorer.predict(rows).tolist(), strict=True):
            # the model knows a copy's score too, whatever the copy is called
            found[name] = copies.get(album.stamps[name].content) or Guess(scale.clip(guess), False)
    return found


def _split_record(album: Album, plan: Plan) -> dict[str, Any]:
    groups = int(np.unique(album.scored.groups).size)
    if plan.folds is not None:
        return {"kind": "folds", "groups": groups, "folds": plan.folds}
    parts = {part: [album.names[row] for row in rows] for part, rows in vars(plan.parts).items()}
    return {"kind": "parts", "groups": groups, **parts}


def _versions() -> dict[str, str]:
    found = {}
    for package in _VERSIONS:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = ""
    return found
