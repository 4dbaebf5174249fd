"""What any model must beat: the mean score, and the score of the scored photo that looks most alike."""

from __future__ import annotations

import dataclasses

import numpy as np

from engine.metrics import Metrics, evaluate
from engine.models.base import Features, Scores, TrainingSet
from engine.models.folds import Index
from engine.training.split import directions_of

_CHUNK = 2048


class Baselines:
    """Collects both baselines' guesses for photos that were held out, part by part.

    Args:
        data: all scored photos.
    """

    def __init__(self, data: TrainingSet) -> None:
        self._scores = data.scores
        self._directions = directions_of(data.features, data.blocks)
        self._mean = np.full(data.scores.size, np.nan)
        self._nearest = np.full(data.scores.size, np.nan)

    def guess(self, seen: Index, unseen: Index) -> None:
        """Let both guess the photos of `unseen` knowing only those of `seen` (row numbers)."""
        self._mean[unseen] = self._scores[seen].mean()
        self._nearest[unseen] = self._scores[seen][nearest(self._directions[seen], self._directions[unseen])]

    def metrics(self) -> dict[str, Metrics]:
        """Return the figures of ``mean`` and ``nearest`` over all photos that were guessed."""
        rows = np.flatnonzero(np.isfinite(self._mean))
        given = self._scores[rows]
        mean = evaluate(given, self._mean[rows])
        # a mean ranks nothing; that each fold's mean leans away from the fold is no correlation
        mean = dataclasses.replace(mean, srcc=None, plcc=None, kendall=None)
        return {"mean": mean, "nearest": evaluate(given, self._nearest[rows])}


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
