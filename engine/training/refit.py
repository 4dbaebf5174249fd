"""Learn `taste` anew on the scores as they are now, in memory and within a second, to see where one is going."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import NotEnoughData
from engine.events import StopCheck, never_stop, raise_if_stopped
from engine.features.backbones import DEFAULT, Backbone, get_backbone
from engine.features.cache import FeatureCache
from engine.features.known import known_photos, known_vectors
from engine.features.preprocess import FloatArray
from engine.labels.scorebook import ScoreBook
from engine.models.base import FitControl, Scores, TrainingSet
from engine.models.catalog import FEWEST_SCORES
from engine.models.taste import Taste
from engine.prediction.intervals import conformal_halfwidth
from engine.training.album import check_scores
from engine.training.bursts import capture_times
from engine.training.measure import fit_quietly
from engine.training.split import group_photos
from engine.workspace import Scale, Workspace

ALBUM = 2000
"""Unscored photos by which it is judged how features vary over the album."""


@dataclass(frozen=True)
class Refit:
    """What `taste` says after it has learned the present scores.

    Args:
        n: scored photos that it learned from: those whose vectors are in the cache.
        guesses: name of an unscored photo → its score and both ends of its 90 % interval, on the workspace's scale.
    """

    n: int
    guesses: dict[str, tuple[float, float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form, numbers rounded to four digits."""
        rounded = {name: [round(value, 4) for value in guess] for name, guess in self.guesses.items()}
        return {"n": self.n, "guesses": rounded}


def refit(workspace: Workspace, *, should_stop: StopCheck = never_stop) -> Refit:
    """Fit `taste` with the features that are in the cache; nothing is saved, and no photo is opened but for its time.

    Only unscored photos get a guess: an honest one of a scored photo is of a model that had not seen it, and five more
    fits would take five times as long. The interval's width comes from the errors of the cross-validation by which
    `taste` chose its settings; a training measures it apart from that choice.

    Args:
        workspace: its photos, scores and cached features.
        should_stop: asked between the steps.

    Raises:
        NotEnoughData: fewer than 8 scores, all are equal, or there are vectors of too few scored photos.
        DamagedFile: ``scores.txt`` is damaged. NeedMissing: the network's weights are not here.
        Interrupted: `should_stop` said so.
    """
    entries = [entry for entry in ScoreBook(workspace).entries() if entry.present]
    scores = {workspace.data / entry.name: entry.score for entry in entries if entry.score is not None}
    check_scores(scores.values())
    backbone = get_backbone(DEFAULT)
    with FeatureCache(workspace.features_file) as cache:
        vectors = _Vectors(cache, backbone, should_stop)
        unscored = vectors.known([workspace.data / entry.name for entry in entries if entry.score is None])
        photos, features = vectors.all_of(vectors.known(list(scores)))
        given = np.array([scores[photo] for photo in photos], np.float64)
        _check_known(given, len(scores))
        data = _training_set(
            workspace, backbone, photos, features, given, vectors.album(features, unscored), should_stop
        )
        scorer, scale = Taste(), Scale(*data.scale)
        fit_quietly(scorer, data, FitControl(should_stop=should_stop), "taste")
        width = conformal_halfwidth(scorer.cv_errors, np.zeros(given.size), groups=data.groups)
        guesses: dict[str, tuple[float, float, float]] = {}
        for paths, rows in vectors.of(unscored):
            for path, raw in zip(paths, scorer.predict(rows).tolist(), strict=True):
                guesses[path.name] = _guess(scale, raw, width)
    return Refit(int(given.size), guesses)


class _Vectors:
    def __init__(self, cache: FeatureCache, backbone: Backbone, should_stop: StopCheck) -> None:
        self._cache, self._should_stop = cache, should_stop
        self._fingerprint, self._width = backbone.fingerprint("default"), backbone.width

    def known(self, photos: list[Path]) -> dict[Path, str]:
        return known_photos(self._cache, self._fingerprint, photos)

    def of(self, photos: dict[Path, str]) -> Iterator[tuple[list[Path], FloatArray]]:
        for paths, rows in known_vectors(self._cache, self._fingerprint, self._width, photos):
            raise_if_stopped(self._should_stop)
            yield paths, rows

    def all_of(self, photos: dict[Path, str]) -> tuple[list[Path], FloatArray]:
        found: list[Path] = []
        parts = [np.zeros((0, self._width), np.float32)]
        for paths, rows in self.of(photos):
            found += paths
            parts.append(rows)
        return found, np.concatenate(parts)

    def album(self, scored: FloatArray, unscored: dict[Path, str]) -> FloatArray:
        """Return the scored photos' vectors and those of some others, evenly spread over the album."""
        every = max(1, -(-len(unscored) // ALBUM))
        some = dict(list(unscored.items())[::every])
        return np.concatenate([scored, self.all_of(some)[1]])


def _check_known(given: Scores, scored: int) -> None:
    if given.size < min(FEWEST_SCORES, scored):
        raise NotEnoughData(
            "The network has looked at {known} of {n} scored photos; at least {needed} are needed.",
            remedy="Train a model once, or predict the folder; from then on they are known.",
            known=int(given.size),
            n=scored,
            needed=FEWEST_SCORES,
        )
    check_scores(given.tolist())


def _training_set(
    workspace: Workspace,
    backbone: Backbone,
    photos: list[Path],
    features: FloatArray,
    given: Scores,
    album: FloatArray,
    should_stop: StopCheck,
) -> TrainingSet:
    blocks = [width for _, width in backbone.blocks]
    taken = capture_times(photos, should_stop)
    groups = group_photos([photo.name for photo in photos], features, blocks, taken, should_stop)
    scale = workspace.scale
    return TrainingSet(features, given, groups, album, blocks, 0, photos=tuple(photos), scale=(scale.low, scale.high))


def _guess(scale: Scale, raw: float, width: float) -> tuple[float, float, float]:
    score = scale.clip(raw)
    return score, scale.clip(score - width), scale.clip(score + width)
