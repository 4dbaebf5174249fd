"""`svr`: support vector regression with a Gaussian kernel, on standardised features and standardised scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import Message
from engine.events import Event, Notice, raise_if_stopped
from engine.models.arrays import load_shaped, save_arrays
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.folds import Index, deal_folds
from engine.models.kernels import Matrix, median_distance, squared_distances
from engine.models.label_curve import label_curve
from engine.models.moments import in_blocks
from engine.models.products import Weighted, weighted
from engine.models.ridge import FOLDS
from engine.models.scaling import AUTO, WEIGHTINGS, asked_weightings
from engine.models.settings import settings
from engine.models.standardise import Standardiser

MOST = 8000
"""Scores that are learned from: the likenesses of all pairs are half a gigabyte then, and a fit takes minutes."""

_FILE = "svr.safetensors"
_RECIPE, _ALONE = Recipe("svr"), FitControl()


class SupportVector(OnFeatures):
    """A score is a weighted sum of likenesses to scored photos; errors inside the tube cost nothing. A `Scorer`.

    The likeness is exp(-width · d² / median d²), so its reach comes from the data. `C` and `epsilon` are in
    deviations of the scores, so they mean the same on every scale. Grouped cross-validation
    chooses how the features are scaled. Predicting needs numpy alone.

    Args:
        recipe: see `Recipe`.
        most: scores that it learns from; of more, so many are chosen by chance.
    """

    name: ClassVar[str] = "svr"

    def __init__(self, recipe: Recipe = _RECIPE, *, most: int = MOST) -> None:
        chosen = settings(recipe)
        self._most = most
        self._cost, self._tube, self._width = (float(chosen[name]) for name in ("C", "epsilon", "width"))
        self._weighting = str(chosen["weighting"])
        self._standardiser: Standardiser | None = None
        self._gamma = 0.0
        self._support: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._weights: Matrix = np.zeros(0)
        self._intercept = 0.0

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Show the learning curve, then fit on all of `data`; see `Scorer.fit`."""
        raise_if_stopped(control.should_stop)
        if data.scores.size > self._most:
            text = "svr compares all pairs of photos: of {n} scores it learns from {most} chosen by chance."
            yield Notice(Message(text, {"n": int(data.scores.size), "most": self._most}))
            data = _some(data, self._most)
        folds = deal_folds(data.groups, FOLDS, data.seed)
        tried = []
        for weighting in asked_weightings(self._weighting):
            known = weighted(data, weighting)
            gamma, gram = self._likeness(known)
            error = self._held_out_error(gram, data.scores, folds, control) if self._weighting == AUTO else 0.0
            tried.append((error, known, gamma, gram))
        _, chosen, gamma, gram = min(tried, key=lambda each: each[0])
        self._weighting = chosen.weighting
        if validation is not None and validation.scores.size:
            unseen = weighted(validation, self._weighting).rows
            likeness = np.exp(-gamma * squared_distances(unseen, chosen.rows))

            def refit(draw: Index) -> tuple[Scores, Scores]:
                used, weights, intercept = self._solve(gram[np.ix_(draw, draw)], data.scores[draw])
                support = draw[used]
                return gram[np.ix_(draw, support)] @ weights + intercept, likeness[:, support] @ weights + intercept

            yield from label_curve(data.scores, validation.scores, refit, data.seed, control)
        raise_if_stopped(control.should_stop)
        self._keep(chosen, gamma, gram)

    def again(self, data: TrainingSet) -> SupportVector:
        """Return a scorer with this one's settings, fitted on other photos; see `Settled.again`."""
        other = SupportVector(most=self._most)
        other._cost, other._tube, other._width = self._cost, self._tube, self._width
        other._weighting = self._weighting
        known = weighted(_some(data, self._most), self._weighting)
        other._keep(known, *other._likeness(known))
        return other

    def _likeness(self, known: Weighted) -> tuple[float, Matrix]:
        """Return the kernel's exponent, and the (N, N) likenesses of the photos."""
        gamma = self._width / median_distance(known.squared)
        return gamma, np.exp(-gamma * known.squared)

    def _keep(self, known: Weighted, gamma: float, gram: Matrix) -> None:
        used, self._weights, self._intercept = self._solve(gram, known.data.scores)
        # standardised features come out of float32: nothing is lost
        support = known.standardiser.apply(known.data.features[used]).astype(np.float32)
        self._standardiser, self._gamma, self._support = known.standardiser, gamma, support

    def _held_out_error(self, gram: Matrix, scores: Scores, folds: Index, control: FitControl) -> float:
        """Return the mean squared error on groups that were held out; 0 where there is only one."""
        error = 0.0
        for fold in range(int(folds.max()) + 1) if folds.max() else ():
            raise_if_stopped(control.should_stop)
            seen, unseen = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            used, weights, intercept = self._solve(gram[np.ix_(seen, seen)], scores[seen])
            guess = gram[np.ix_(unseen, seen[used])] @ weights + intercept
            error += float(((guess - scores[unseen]) ** 2).sum()) / scores.size
        return error

    def _solve(self, gram: Matrix, scores: Scores) -> tuple[Index, Matrix, float]:
        """Return the support's rows, their weights and the intercept from an (N, N) kernel matrix."""
        from sklearn.svm import SVR

        mean, spread = float(scores.mean()), float(scores.std())
        if spread < 1e-9:
            return np.zeros(0, np.int64), np.zeros(0), mean
        model = SVR(kernel="precomputed", C=self._cost, epsilon=self._tube).fit(gram, (scores - mean) / spread)
        used = np.asarray(model.support_, np.int64)
        return used, np.asarray(model.dual_coef_[0]) * spread, float(model.intercept_[0]) * spread + mean

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features; numpy alone."""
        if self._standardiser is None:
            raise ValueError("not fitted")
        standardiser, support = self._standardiser, self._support.astype(np.float64)

        def guess(part: Features) -> Scores:
            squared = squared_distances(standardiser.apply(part), support)
            return np.exp(-self._gamma * squared) @ self._weights + self._intercept

        return in_blocks(guess, features)

    def details(self) -> dict[str, float | int | str]:
        """Return the settings and the number of support vectors."""
        return {
            "C": self._cost,
            "epsilon": self._tube,
            "width": self._width,
            "weighting": self._weighting,
            "support_vectors": int(self._support.shape[0]),
        }

    def save(self, folder: Path) -> None:
        """Write ``svr.safetensors``."""
        if self._standardiser is None:
            raise ValueError("not fitted")
        numbers = (self._intercept, self._gamma, self._cost, self._tube, self._width)
        save_arrays(
            folder / _FILE,
            {
                "mean": self._standardiser.mean,
                "factor": self._standardiser.factor,
                "support": self._support,
                "weights": self._weights,
                "numbers": np.array([*numbers, float(self._weighting == "variance")]),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> SupportVector:
        """Return the fitted model that `save` wrote; see `Scorer.load`."""
        arrays = load_shaped(
            folder / _FILE,
            {"mean": "D", "factor": "D", "support": "SD", "weights": "S", "numbers": (6,)},
        )
        model = cls()
        model._standardiser = Standardiser(arrays["mean"], arrays["factor"])
        model._support, model._weights = arrays["support"], arrays["weights"]
        model._intercept, model._gamma, model._cost, model._tube, model._width, by_variance = arrays["numbers"].tolist()
        model._weighting = WEIGHTINGS[int(by_variance > 0)]
        return model


def _some(data: TrainingSet, most: int) -> TrainingSet:
    """Return the set, or a random part of a larger one."""
    if data.scores.size <= most:
        return data
    return data.subset(np.sort(np.random.default_rng(data.seed).permutation(data.scores.size)[:most]))
