"""Ridge regression of very many photos by `Moments`: penalty and weighting chosen, solved, and solved for the curve."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np

from engine.events import Event, Progress, raise_if_stopped
from engine.models.base import Features, FitControl, Scores, TrainingSet
from engine.models.folds import Index
from engine.models.label_curve import label_curve
from engine.models.moments import (
    Line,
    Moments,
    System,
    choose_by_moments,
    gather,
    gathered,
    in_blocks,
    solve_few,
    summed,
)
from engine.models.products import shared, weighted
from engine.models.standardise import Standardiser

_FEW = 1000  # up to so many scores a point of the curve comes from the photos' own products, which are fewer
_UNTRIED = 1.0  # where there is only one group, nothing can be held out to choose by


class RidgeOfMany:
    """One training set's moments, and what is asked of them.

    Args:
        data: N scored photos.
        control: asked between blocks and folds.
        centred: see `System`.
    """

    def __init__(self, data: TrainingSet, control: FitControl, *, centred: bool) -> None:
        self._data, self._control, self._centred = shared(data), control, centred
        self._stop = control.should_stop
        self._middle = self.standardiser("block").mean  # that of any weighting
        self._lines: list[Line] = []
        self._whole: Moments | None = None

    def standardiser(self, weighting: str) -> Standardiser:
        """Return the album's standardiser of a weighting."""
        return weighted(self._data, weighting).standardiser

    def choose(
        self, folds: Index, weightings: Sequence[str], strengths: Sequence[float]
    ) -> Generator[Progress, None, tuple[str, float]]:
        """Return the weighting and the penalty with the smallest error on folds that were held out.

        Args:
            folds: (N,) fold numbers 0…K-1, K ≥ 2. weightings: ``block``, ``variance``. strengths: penalties, rising.

        Raises:
            Interrupted: the control's `should_stop` said so.
        """
        if folds.max() == 0:
            return weightings[0], min(strengths, key=lambda strength: abs(strength - _UNTRIED))
        parts = yield from gather(self._rows, self._data.scores, folds, self._stop)
        tried = []
        for weighting in weightings:
            factor = self.standardiser(weighting).factor
            found = choose_by_moments(parts, factor, strengths, self._stop, centred=self._centred)
            tried.append((found, weighting))
            yield Progress("fitting", folds.size, folds.size)
        (_, _, self._lines), weighting = best = min(tried, key=lambda each: each[0].error)
        self._whole = summed(parts)
        return weighting, best[0].strength

    def held_out_errors(self, folds: Index, weighting: str) -> Scores:
        """Return (N,) squared errors of what `choose` chose, on photos of folds that were held out."""
        data, standardiser = self._data, self.standardiser(weighting)
        guesses = np.full(folds.size, data.scores.mean())
        for fold, (weights, level) in enumerate(self._lines):
            raise_if_stopped(self._stop)
            those = np.flatnonzero(folds == fold)
            guesses[those] = in_blocks(_guess(standardiser, weights, level), data.features, those)
        return np.asarray((guesses - data.scores) ** 2, np.float64)

    def solve(self, weighting: str, strength: float) -> Line:
        """Return the answer of all photos."""
        if self._whole is None:
            self._whole = gathered(self._rows, self._data.scores, self._stop)
        return self._solved(self._whole, weighting, strength)

    def curve(self, weighting: str, strength: float, validation: TrainingSet) -> Iterator[Event]:
        """Yield the learning curve of this weighting and penalty; see `label_curve`."""
        data, standardiser = self._data, self.standardiser(weighting)

        def refit(draw: Index) -> tuple[Scores, Scores]:
            guess = _guess(standardiser, *self._of_some(draw, weighting, strength))
            return in_blocks(guess, data.features, draw), in_blocks(guess, validation.features)

        yield from label_curve(data.scores, validation.scores, refit, data.seed, self._control)

    def _rows(self, those: Index) -> Features:
        return self._data.features[those] - self._middle

    def _of_some(self, draw: Index, weighting: str, strength: float) -> Line:
        data = self._data
        if draw.size == data.scores.size:
            return self.solve(weighting, strength)
        if draw.size <= _FEW:
            rows = self.standardiser(weighting).apply(data.features[draw])
            return solve_few(rows, data.scores[draw], strength, centred=self._centred)
        some = gathered(lambda those: self._rows(draw[those]), data.scores[draw], self._stop)
        weights, levels = System(some, self.standardiser(weighting).factor, centred=self._centred).path([strength])
        return weights[0], float(levels[0])

    def _solved(self, moments: Moments, weighting: str, strength: float) -> Line:
        return System(moments, self.standardiser(weighting).factor, centred=self._centred).solve(strength)


def _guess(standardiser: Standardiser, weights: Scores, level: float) -> Callable[[Features], Scores]:
    """Return what predicts (n,) scores of (n, D) features."""
    return lambda features: standardiser.apply(features) @ weights + level
