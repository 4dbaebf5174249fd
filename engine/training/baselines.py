"""What any model must beat: the mean score, and the score of the scored photo that looks most alike."""

from __future__ import annotations

import dataclasses

import numpy as np

from engine.metrics import Metrics, evaluate
from engine.models.base import Features, Scores, TrainingSet
from engine.models.folds import Index
from engine.models.moments import MANY
from engine.models.standardise import Standardiser
from engine.training.likeness import unit_rows
from engine.training.split import directions_of

_CHUNK = 2048
_ASKED = 2000


class Baselines:
    """Collects both baselines' guesses for photos that were held out, part by part.

    Args:
        data: all scored photos.
        many: photos beyond which the nearest is looked for on behalf of a random `_ASKED` of a part's photos only.
    """

    def __init__(self, data: TrainingSet, many: int = MANY) -> None:
        self._scores, self._seed = data.scores, data.seed
        self._is_large = data.scores.size > many
        self._features = data.features
        self._standardiser = Standardiser.fit(data.features, data.blocks)
        self._directions = None if self._is_large else directions_of(data.features, data.blocks)
        self._mean = np.full(data.scores.size, np.nan)
        self._nearest = np.full(data.scores.size, np.nan)

    def guess(self, seen: Index, unseen: Index) -> None:
        """Let both guess the photos of `unseen` knowing only those of `seen` (row numbers)."""
        self._mean[unseen] = self._scores[seen].mean()
        if self._directions is not None:
            self._nearest[unseen] = self._scores[seen][nearest(self._directions[seen], self._directions[unseen])]
            return
        asked = np.sort(np.random.default_rng(self._seed).permutation(unseen)[:_ASKED])
        self._nearest[asked] = self._scores[self._nearest_of(asked, seen)]

    def _nearest_of(self, asked: Index, seen: Index) -> Index:
        """Return which of the seen photos each of some is closest to; no copy of all directions is made."""
        wanted = self._direction(asked)
        best, found = np.full(asked.size, -np.inf), np.zeros(asked.size, np.int64)
        for start in range(0, seen.size, _CHUNK):
            part = seen[start : start + _CHUNK]
            cosines = wanted @ self._direction(part).T
            nearer = cosines.max(axis=1) > best
            best[nearer] = cosines.max(axis=1)[nearer]
            found[nearer] = part[cosines.argmax(axis=1)[nearer]]
        return found

    def _direction(self, rows: Index) -> Features:
        return unit_rows(self._standardiser, self._features[rows])

    def metrics(self) -> dict[str, Metrics]:
        """Return the figures of ``mean`` and ``nearest`` over all photos that were guessed."""
        rows = np.flatnonzero(np.isfinite(self._mean))
        given = self._scores[rows]
        mean = evaluate(given, self._mean[rows])
        # a mean ranks nothing; that each fold's mean leans away from the fold is no correlation
        mean = dataclasses.replace(mean, srcc=None, plcc=None, kendall=None)
        asked = np.flatnonzero(np.isfinite(self._nearest))
        return {"mean": mean, "nearest": evaluate(self._scores[asked], self._nearest[asked])}


def nearest(seen: Features, unseen: Features) -> Index:
    """Return for each of (U, D) directions which of the (S, D) it is closest to by cosine.

    >>> nearest(np.eye(2, dtype=np.float32), np.array([[0.6, 0.8]], np.float32)).tolist()
    [1]
    """
    found = [np.argmax(unseen[start : start + _CHUNK] @ seen.T, axis=1) for start in range(0, len(unseen), _CHUNK)]
    return np.concatenate(found).astype(np.int64)


def mean_guess(scores: Scores) -> Scores:
    """Return (N,) times the mean of (N,) scores: what ranks nothing and errs by their spread."""
    return np.full(scores.size, float(scores.mean()))
