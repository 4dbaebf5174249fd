"""A Gaussian kernel for very many photos: each is compared with some landmarks, not with all others.

The kernel matrix of N photos is replaced by what m landmarks tell of it (Nyström; Williams & Seeger, Using the Nyström
method to speed up kernel machines, 2001): ridge regression on m numbers a photo. A photo's score is then a weighted sum
of its likenesses to the landmarks, the same form as with support vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.events import Event, Progress, raise_if_stopped
from engine.models.base import Features, FitControl, Scores, TrainingSet
from engine.models.folds import Index
from engine.models.kernels import median_distance, squared_distances
from engine.models.label_curve import label_curve
from engine.models.moments import BLOCK, Line, Moments, System, choose_by_moments, gather, gathered, in_blocks, summed
from engine.models.standardise import Standardiser

LANDMARKS = 1024
"""Photos that all others are compared with."""
_CUTOFF = 1e-5  # of the largest eigenvalue: what lies below is rounding of single precision
Single = NDArray[np.float32]


class KernelOfMany:
    """One training set's likenesses to its landmarks, and what is asked of them.

    Args:
        data: N scored photos.
        control: asked between blocks and folds.
        standardiser: under which photos are compared.
        most: how many landmarks, drawn at random by the set's seed.

    Attributes:
        support: (m, D) float32 standardised rows of the landmarks.
        gamma: the exponent of the likeness exp(-gamma · d²), once `choose` has chosen it.
    """

    def __init__(
        self, data: TrainingSet, control: FitControl, standardiser: Standardiser, most: int = LANDMARKS
    ) -> None:
        self._data, self._control, self._standardiser = data, control, standardiser
        size = data.scores.size
        chosen = np.sort(np.random.default_rng(data.seed).permutation(size)[:most])
        rows = standardiser.apply(data.features[chosen])
        self.support: Single = rows.astype(np.float32)
        self._lengths = (self.support**2).sum(axis=1)
        self._between = squared_distances(rows, rows)
        self._median = median_distance(self._between)
        self._squared: Single = np.zeros((0, chosen.size), np.float32)
        self._whole = Moments.nothing(0)
        self._lines: list[Line] = []
        self.gamma, self._strength = 0.0, 0.0
        self._basis: Single = np.zeros((0, 0), np.float32)

    def choose(
        self, folds: Index, widths: Sequence[float], strengths: Sequence[float]
    ) -> Generator[Progress, None, tuple[float, float]]:
        """Return the penalty and the width with the smallest error on folds that were held out.

        Args:
            folds: (N,) fold numbers 0…K-1, K ≥ 2. widths: of the kernel, relative to the median squared distance.
            strengths: penalties, rising; see `System`.

        Raises:
            Interrupted: the control's `should_stop` said so.
        """
        yield from self._compare()
        tried = []
        for width in widths:
            self._span(width)
            parts = yield from gather(self._rows, self._data.scores, folds, self._control.should_stop)
            ones = np.ones(self._basis.shape[1], np.float32)
            found = choose_by_moments(parts, ones, strengths, self._control.should_stop, centred=True)
            tried.append((found, width, summed(parts)))
        (self._strength, _, lines), width, self._whole = min(tried, key=lambda each: each[0].error)
        self._span(width)
        self._lines = [(self._basis @ weights, level) for weights, level in lines]
        return self._strength, width

    def held_out_errors(self, folds: Index) -> Scores:
        """Return (N,) squared errors of the chosen settings on photos of folds that were held out."""
        guesses = np.zeros(folds.size)
        for fold, (weights, level) in enumerate(self._lines):
            raise_if_stopped(self._control.should_stop)
            those = np.flatnonzero(folds == fold)
            guesses[those] = in_blocks(self._guess(weights, level), self._squared, those)
        return np.asarray((guesses - self._data.scores) ** 2, np.float64)

    def solve(self) -> Line:
        """Return (m,) weights of the landmarks and the intercept, of all photos, with the chosen settings."""
        return self._solved(self._whole)

    def curve(self, validation: TrainingSet) -> Iterator[Event]:
        """Yield the learning curve of the chosen settings; see `label_curve`."""
        data = self._data
        unseen = self._distances(validation.features)

        def refit(draw: Index) -> tuple[Scores, Scores]:
            some = gathered(lambda those: self._rows(draw[those]), data.scores[draw], self._control.should_stop)
            guess = self._guess(*self._solved(some))
            return in_blocks(guess, self._squared, draw), in_blocks(guess, unseen)

        yield from label_curve(data.scores, validation.scores, refit, data.seed, self._control)

    def _compare(self) -> Iterator[Progress]:
        """Keep each photo's squared distances from the landmarks: 4 kB a photo."""
        size = self._data.scores.size
        self._squared = np.empty((size, self.support.shape[0]), np.float32)
        for start in range(0, size, BLOCK):
            raise_if_stopped(self._control.should_stop)
            part = slice(start, start + BLOCK)
            self._squared[part] = self._distances(self._data.features[part])
            yield Progress("fitting", min(start + BLOCK, size), size)

    def _distances(self, features: Features) -> Single:
        """Return (n, m) squared distances from the landmarks, in single precision."""
        found = np.empty((features.shape[0], self.support.shape[0]), np.float32)
        for start in range(0, features.shape[0], BLOCK):
            rows = self._standardiser.apply(features[start : start + BLOCK]).astype(np.float32)
            squared = (rows**2).sum(axis=1)[:, None] + self._lengths - 2 * (rows @ self.support.T)
            np.maximum(squared, 0.0, out=found[start : start + BLOCK])  # rounding
        return found

    def _span(self, width: float) -> None:
        """Take a width, and find the numbers that stand for a photo under it: their products are the kernel's."""
        self.gamma = width / self._median
        values, vectors = np.linalg.eigh(np.exp(-self.gamma * self._between))
        keep = values > _CUTOFF * values[-1]
        self._basis = (vectors[:, keep] / np.sqrt(values[keep])).astype(np.float32)

    def _like(self, near: Single) -> Single:
        likeness: Single = np.exp(np.float32(-self.gamma) * near)
        return likeness

    def _guess(self, weights: Scores, level: float) -> Callable[[Single], Scores]:
        return lambda near: np.asarray(self._like(near) @ weights + level, np.float64)

    def _rows(self, those: Index) -> Single:
        return self._like(self._squared[those]) @ self._basis

    def _solved(self, moments: Moments) -> Line:
        ones = np.ones(self._basis.shape[1], np.float32)
        weights, level = System(moments, ones, centred=True).solve(self._strength)
        return self._basis @ weights, level
