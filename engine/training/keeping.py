"""Keep what a training made: the bundle with its manifest and record, and its guesses of the album's photos."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.errors import BeholderError, ImageError
from engine.events import Event, Notice
from engine.features.backbones import fingerprint, get_backbone
from engine.metrics import Interval
from engine.models.base import Features, Scorer
from engine.models.bundle import new_model_id, save_bundle
from engine.models.familiar import Familiar
from engine.models.record import Guessed, Record
from engine.prediction.guesses import Guess, write_guesses
from engine.prediction.intervals import make_interval, score_range, share_held
from engine.training.album import Album
from engine.training.measure import Measured, Plan
from engine.training.priors import Prior
from engine.training.spec import TrainSpec
from engine.training.threads import few_threads
from engine.workspace import Scale, Workspace

TUNED_WEIGHTS = "network.safetensors"
"""The file in which a bundle carries its own network."""

_VERSIONS = ("beholder", "numpy", "openvino", "pillow", "safetensors", "scikit-learn", "skops", "timm", "torch")
_CHUNK = 2048
_GOLDEN = 16
_FEWEST_ERRORS = 9  # with fewer, no interval can hold nine times of ten
_ENOUGH_ERRORS = 40


@runtime_checkable
class TrainsNetwork(Protocol):
    """A scorer that carries a network of its own."""

    def weights_digest(self) -> str:
        """Return the SHA-256 of the network's file in the bundle."""
        ...


@dataclass(frozen=True)
class Training:
    """One training that is about to be kept.

    Args:
        spec: what was asked. album: on what. plan: how it was split. measured: what came out.
        prior: what it started from. created: when. seconds: how long it took so far.
    """

    spec: TrainSpec
    album: Album
    plan: Plan
    measured: Measured
    prior: Prior | None
    created: datetime
    seconds: float


def keep(workspace: Workspace, training: Training, scorer: Scorer) -> Generator[Event, None, dict[str, Any]]:
    """Write the bundle and then the guesses; return the manifest.

    Raises:
        BeholderError: the disk is full or read-only; no half bundle is left.
    """
    scale = workspace.scale
    manifest = _manifest(training, scorer, scale)
    familiar = yield from _familiar(training, scorer)
    save_bundle(workspace, manifest, scorer, _golden(training.album, scorer), _record(training), familiar)
    is_tuned = bool(manifest.get("tuned"))
    try:
        guesses = _own_guesses(training) if is_tuned else _guesses(training, scorer, scale)
        # what a tuned network learned from and nobody cross-validated stays unguessed: its own word would flatter
        everything = bool(training.measured.held_out.all())
        write_guesses(workspace, manifest["model_id"], guesses, stamps=training.album.stamps, complete=everything)
    except BeholderError as error:
        yield Notice(error.message)  # the model is there; its guesses can be had by asking it
    return manifest


def _manifest(training: Training, scorer: Scorer, scale: Scale) -> dict[str, Any]:
    spec, measured, data = training.spec, training.measured, training.album.scored
    backbone = get_backbone(spec.backbone)
    made: dict[str, Any] = {"weights": spec.weights, "fingerprint": training.album.fingerprint}
    if isinstance(scorer, TrainsNetwork):
        made = {
            "weights": TUNED_WEIGHTS,
            "fingerprint": fingerprint(backbone, scorer.weights_digest()),
            "tuned": True,
        }
    if training.prior is not None:
        made["prior"] = training.prior.to_dict()
    return {
        "model_id": new_model_id(spec.model, training.created),
        "name": spec.name,
        "model": spec.model,
        "backbone": spec.backbone,
        **made,
        "created": training.created.isoformat(timespec="seconds"),
        "n": int(data.scores.size if measured.scorer is None else training.plan.parts.train.size),
        "scale": [scale.low, scale.high],
        "spec": spec.model_dump(mode="json"),
        "data_hash": training.album.digest(),
        "split": _split(training.album, training.plan),
        "interval": _interval(training),
        "metrics": {part: figures.to_dict() for part, figures in measured.metrics.items()},
        "intervals": {part: _lists(ends) for part, ends in measured.intervals.items()},
        "baseline": measured.baselines["mean"].to_dict(),
        "baselines": {name: figures.to_dict() for name, figures in measured.baselines.items()},
        "leaked": None if measured.leaked is None else {"test": measured.leaked.to_dict()},
        "details": scorer.details(),
        "versions": _versions(backbone.source),
        "seconds": round(training.seconds, 3),
    }


def _interval(training: Training) -> dict[str, Any]:
    """Return the manifest's ``interval``, with what stands for a far photo, and how often it held on the test part."""
    measured, data = training.measured, training.album.scored
    found = _from_errors(training, _calibration(training, measured.held_out))
    found["far"] = [round(end, 6) for end in score_range(data.scores, groups=data.groups)]
    if measured.tested is None:
        return found
    test = np.isfinite(measured.tested)
    others = measured.held_out & ~test
    if np.count_nonzero(others) >= _FEWEST_ERRORS:
        spread = None if measured.tested_spread is None else measured.tested_spread[test]
        without = _from_errors(training, others)
        found["held"] = round(share_held(without, data.scores[test], measured.tested[test], spread), 6)
        found["held_of"] = int(np.count_nonzero(test))
    return found


def _calibration(training: Training, held_out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the photos whose errors the interval rests on.

    A network was stopped by its validation part, whose errors are a little too small for that: with a test part that
    is large enough, they don't count.
    """
    tested = training.measured.tested
    if training.measured.scorer is None or tested is None:
        return held_out
    test = np.isfinite(tested)
    return test if np.count_nonzero(test) >= _ENOUGH_ERRORS else held_out


def _from_errors(training: Training, rows: NDArray[np.bool_]) -> dict[str, Any]:
    measured, data = training.measured, training.album.scored
    spread = None if measured.spread is None else measured.spread[rows]
    return make_interval(data.scores[rows], measured.predicted[rows], spread, groups=data.groups[rows])


def _familiar(training: Training, scorer: Scorer) -> Generator[Event, None, Familiar | None]:
    """Return what tells photos that are far from the scored ones; a network is asked for vectors of its own."""
    data, measured = training.album.scored, training.measured
    unseen = None if measured.scorer is None else measured.held_out
    try:
        vectors = scorer.vectors(data)
    except ImageError as error:
        yield Notice(error.message)  # the model is there; it can't tell what is far
        return None
    with few_threads(training.spec.model, data.scores.size):
        return Familiar.fit(vectors, data.groups, data.blocks, unseen=unseen, seed=data.seed)


def _lists(intervals: Mapping[str, Interval | None]) -> dict[str, list[float] | None]:
    return {metric: None if ends is None else list(ends) for metric, ends in intervals.items()}


def _split(album: Album, plan: Plan) -> dict[str, Any]:
    groups = int(np.unique(album.scored.groups).size)
    if plan.folds is not None:
        return {"kind": "folds", "groups": groups, "folds": plan.folds, "fold_of": plan.fold_of(album.names)}
    parts = {part: [album.names[row] for row in rows] for part, rows in vars(plan.parts).items()}
    return {"kind": "parts", "groups": groups, **parts}


def _versions(source: str) -> dict[str, str]:
    found = {}
    for package in (*_VERSIONS, *(("torchvision",) if source == "torchvision" else ())):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = ""
    return found


def _golden(album: Album, scorer: Scorer) -> Features:
    """Return the vectors of up to 16 scored photos, spread over the album."""
    size = album.scored.scores.size
    rows = np.linspace(0, size - 1, min(_GOLDEN, size)).round().astype(np.int64)
    return scorer.vectors(album.scored.subset(rows))


def _record(training: Training) -> Record:
    measured, album = training.measured, training.album
    columns = zip(
        album.names,
        album.scored.scores.tolist(),
        measured.predicted.tolist(),
        training.plan.part_names(),
        measured.held_out.tolist(),
        album.scored.groups.tolist(),
        strict=True,
    )
    guesses = (
        Guessed(name, given, round(predicted, 6), part, held_out, group)
        for name, given, predicted, part, held_out, group in columns
    )
    return Record(measured.curve, tuple(guesses))


def _own_guesses(training: Training) -> dict[str, Guess]:
    """Return what a tuned network said of the photos that it did not learn from; the others it is asked about later."""
    measured = training.measured
    told = zip(training.album.names, measured.predicted.tolist(), measured.held_out.tolist(), strict=True)
    return {name: Guess(predicted, True) for name, predicted, held_out in told if held_out}


def _guesses(training: Training, scorer: Scorer, scale: Scale) -> dict[str, Guess]:
    """Return what the model says of each readable photo; where it has seen the score, what its twin had said."""
    album = training.album
    held_out = [Guess(guess, True) for guess in training.measured.predicted.tolist()]
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
