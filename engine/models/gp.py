"""`gp`: a Gaussian process on standardised features; besides the score it says how sure it is of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.events import Event, raise_if_stopped
from engine.models.arrays import load_shaped, save_arrays
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.folds import Index
from engine.models.gp_kernel import Kernel, best_kernel
from engine.models.kernels import Matrix
from engine.models.label_curve import label_curve
from engine.models.products import Weighted, weighted
from engine.models.scaling import WEIGHTINGS, asked_weightings
from engine.models.settings import settings
from engine.models.standardise import Standardiser

_FOR_SETTINGS = 600  # photos whose scores decide on the kernel; each step costs their cube
_MOST = 3000  # photos that are remembered; the model's file grows with their square
_CHUNK = 2048
_FILE = "gp.safetensors"
_RECIPE, _ALONE = Recipe("gp"), FitControl()


class GaussianProcess(OnFeatures):
    """A Gaussian kernel and a linear one, weighted by marginal likelihood; a `Scorer` and `Uncertain`.

    The likelihood also chooses how the features are scaled. Predicting needs numpy alone. Of more than 3000 scored
    photos, 3000 drawn by chance are remembered.
    """

    name: ClassVar[str] = "gp"

    def __init__(self, recipe: Recipe = _RECIPE) -> None:
        chosen = settings(recipe)
        self._parts, self._weighting = str(chosen["kernel"]), str(chosen["weighting"])
        self._standardiser: Standardiser | None = None
        self._kernel = Kernel(0.0, 1.0, 0.0, 1.0, (1.0, 1.0))
        self._rows: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._alpha: Matrix = np.zeros(0)
        self._whitening: Matrix = np.zeros((0, 0))
        self._mean, self._spread = 0.0, 1.0

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Find the kernel's settings, show the learning curve with them, fit on all; see `Scorer.fit`."""
        raise_if_stopped(control.should_stop)
        data = _remembered(data)
        self._set_unit(data.scores)
        target = self._in_unit(data.scores)
        few = np.sort(np.random.default_rng(data.seed).permutation(target.size)[:_FOR_SETTINGS])
        tried = []
        for weighting in asked_weightings(self._weighting):
            known = weighted(data, weighting)
            kernel, cost = best_kernel(known.only(few), target[few], self._parts, control.should_stop)
            tried.append((cost, known, kernel))
        _, chosen, self._kernel = min(tried, key=lambda each: each[0])
        self._weighting = chosen.weighting
        if validation is not None and validation.scores.size:
            within = self._kernel.of(chosen.squared, chosen.inner)
            across = self._kernel.between(weighted(validation, self._weighting).rows, chosen.rows)

            def refit(draw: Index) -> tuple[Scores, Scores]:
                known = within[np.ix_(draw, draw)]
                middle = target[draw].mean()
                alpha = np.linalg.solve(known + self._kernel.noise**2 * np.eye(draw.size), target[draw] - middle)
                guesses = known @ alpha + middle, across[:, draw] @ alpha + middle
                return guesses[0] * self._spread + self._mean, guesses[1] * self._spread + self._mean

            yield from label_curve(data.scores, validation.scores, refit, data.seed, control)
        raise_if_stopped(control.should_stop)
        self._solve(chosen)

    def again(self, data: TrainingSet) -> GaussianProcess:
        """Return a scorer with this one's settings, fitted on other photos; see `Settled.again`."""
        other = GaussianProcess()
        other._parts, other._weighting, other._kernel = self._parts, self._weighting, self._kernel
        data = _remembered(data)
        other._set_unit(data.scores)
        other._solve(weighted(data, self._weighting))
        return other

    def _set_unit(self, scores: Scores) -> None:
        self._mean, self._spread = float(scores.mean()), max(float(scores.std()), 1e-9)

    def _in_unit(self, scores: Scores) -> Scores:
        return (scores - self._mean) / self._spread

    def _solve(self, known: Weighted) -> None:
        from scipy.linalg.lapack import dtrtri

        covariance = self._kernel.of(known.squared, known.inner)
        covariance[np.diag_indices_from(covariance)] += self._kernel.noise**2
        self._whitening = np.ascontiguousarray(dtrtri(np.linalg.cholesky(covariance), lower=1)[0])
        self._alpha = self._whitening.T @ (self._whitening @ self._in_unit(known.data.scores))
        # standardised features come out of float32: nothing is lost
        self._standardiser, self._rows = known.standardiser, known.rows.astype(np.float32)

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features; numpy alone."""
        return self._both(features, spread=False)[0]

    def spread(self, features: Features) -> Scores:
        """Return (N,) deviations of the person's score around the predicted one; see `Uncertain.spread`."""
        return self._both(features, spread=True)[1]

    def _both(self, features: Features, *, spread: bool) -> tuple[Scores, Scores]:
        if self._standardiser is None:
            raise ValueError("not fitted")
        known = self._rows.astype(np.float64)
        guesses, deviations = [np.zeros(0)], [np.zeros(0)]
        for start in range(0, features.shape[0], _CHUNK):
            rows = self._standardiser.apply(features[start : start + _CHUNK])
            shared = self._kernel.between(rows, known)
            guesses.append(shared @ self._alpha * self._spread + self._mean)
            if spread:
                explained = ((shared @ self._whitening.T) ** 2).sum(axis=1)
                left = np.maximum(self._kernel.variance(rows) - explained, 0.0) + self._kernel.noise**2
                deviations.append(np.sqrt(left) * self._spread)
        return np.concatenate(guesses), np.concatenate(deviations)

    def details(self) -> dict[str, float | int | str]:
        """Return the kernel's settings, in deviations of the scores, and the number of photos remembered."""
        kernel = self._kernel
        numbers = {"amplitude": kernel.amplitude, "length": kernel.length, "slope": kernel.slope, "noise": kernel.noise}
        return {
            **{name: round(value, 6) for name, value in numbers.items()},
            "weighting": self._weighting,
            "photos": int(self._alpha.size),
        }

    def save(self, folder: Path) -> None:
        """Write ``gp.safetensors``."""
        if self._standardiser is None:
            raise ValueError("not fitted")
        kernel = self._kernel
        numbers = [kernel.amplitude, kernel.length, kernel.slope, kernel.noise, *kernel.scales]
        save_arrays(
            folder / _FILE,
            {
                "mean": self._standardiser.mean,
                "factor": self._standardiser.factor,
                "rows": self._rows,
                "alpha": self._alpha,
                "whitening": self._whitening,
                "numbers": np.array([*numbers, self._mean, self._spread, float(self._weighting == "variance")]),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> GaussianProcess:
        """Return the fitted model that `save` wrote; see `Scorer.load`."""
        arrays = load_shaped(
            folder / _FILE,
            {"mean": "D", "factor": "D", "rows": "ND", "alpha": "N", "whitening": "NN", "numbers": (9,)},
        )
        model = cls()
        model._standardiser = Standardiser(arrays["mean"], arrays["factor"])
        model._rows, model._alpha, model._whitening = arrays["rows"], arrays["alpha"], arrays["whitening"]
        amplitude, length, slope, noise, median, squared, *rest = arrays["numbers"].tolist()
        model._mean, model._spread, by_variance = rest
        model._weighting = WEIGHTINGS[int(by_variance > 0)]
        model._kernel = Kernel(amplitude, length, slope, noise, (median, squared))
        return model


def _remembered(data: TrainingSet) -> TrainingSet:
    """Return the set, or of a large one as many photos, drawn by chance, as are remembered."""
    if data.scores.size <= _MOST:
        return data
    order = np.random.default_rng(data.seed).permutation(data.scores.size)
    return data.subset(np.sort(order[:_MOST]))
