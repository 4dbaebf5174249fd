"""`gp`: a Gaussian process on standardised features; besides the score it says how sure it is of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.events import Event, StopCheck, raise_if_stopped
from engine.models.arrays import load_shaped, save_arrays
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.folds import Index
from engine.models.kernels import Matrix, median_distance, squared_distances
from engine.models.label_curve import label_curve
from engine.models.scaling import WEIGHTINGS, standardisers
from engine.models.settings import settings
from engine.models.standardise import Standardiser

KERNELS = ("rbf+linear", "rbf", "linear")
_START = np.log([0.7, 1.0, 0.5, 0.7])  # amplitude, length, slope, noise
_LOW, _HIGH = np.log([0.02, 0.2, 0.02, 0.1]), np.log([5.0, 10.0, 5.0, 2.0])
_DOUBT = 1.0  # deviation of the log-normal prior on each of them: a handful of scores must not decide everything
_ROUNDS = 40
_FOR_SETTINGS = 600  # photos whose scores decide on the kernel; each step costs their cube
_MOST = 3000  # photos that are remembered; the model's file grows with their square
_CHUNK = 2048
_FILE = "gp.safetensors"
_RECIPE, _ALONE = Recipe("gp"), FitControl()


@dataclass(frozen=True)
class Kernel:
    """How much two photos' scores have in common, in variances of the scores.

    Args:
        amplitude: deviation of the part that likeness explains. length: its reach, in median distances.
        slope: deviation of the linear part. noise: deviation of what no feature explains.
        scales: median squared distance and mean squared length of the rows.
    """

    amplitude: float
    length: float
    slope: float
    noise: float
    scales: tuple[float, float]

    def between(self, left: Matrix, right: Matrix) -> Matrix:
        """Return the (N, M) covariances, without the noise, of (N, D) and (M, D) standardised rows."""
        reach = 2 * self.length**2 * self.scales[0]
        alike: Matrix = self.amplitude**2 * np.exp(-squared_distances(left, right) / reach)
        return alike + self.slope**2 / self.scales[1] * (left @ right.T)

    def variance(self, rows: Matrix) -> Scores:
        """Return the (N,) variances, without the noise, of (N, D) rows nothing is known of."""
        own: Scores = self.amplitude**2 + self.slope**2 / self.scales[1] * (rows**2).sum(axis=1)
        return own


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
        order = np.random.default_rng(data.seed).permutation(data.scores.size)
        kept = np.sort(order[:_MOST])
        scores = data.scores[kept]
        self._mean, self._spread = float(scores.mean()), max(float(scores.std()), 1e-9)
        target = (scores - self._mean) / self._spread
        few = np.sort(np.random.default_rng(data.seed).permutation(kept.size)[:_FOR_SETTINGS])
        tried = []
        for weighting, standardiser in standardisers(data, self._weighting).items():
            rows = standardiser.apply(data.features[kept])
            kernel, cost = _best_kernel(rows[few], target[few], self._parts, control.should_stop)
            tried.append((cost, weighting, standardiser, rows, kernel))
        _, self._weighting, standardiser, rows, self._kernel = min(tried, key=lambda each: each[0])
        if validation is not None and validation.scores.size:
            within = self._kernel.between(rows, rows)
            across = self._kernel.between(standardiser.apply(validation.features), rows)

            def refit(draw: Index) -> tuple[Scores, Scores]:
                known = within[np.ix_(draw, draw)]
                middle = target[draw].mean()
                alpha = np.linalg.solve(known + self._kernel.noise**2 * np.eye(draw.size), target[draw] - middle)
                guesses = known @ alpha + middle, across[:, draw] @ alpha + middle
                return guesses[0] * self._spread + self._mean, guesses[1] * self._spread + self._mean

            yield from label_curve(scores, validation.scores, refit, data.seed, control)
        raise_if_stopped(control.should_stop)
        covariance = self._kernel.between(rows, rows) + self._kernel.noise**2 * np.eye(kept.size)
        self._whitening = np.linalg.inv(np.linalg.cholesky(covariance))
        self._alpha = self._whitening.T @ (self._whitening @ target)
        # standardised features come out of float32: nothing is lost
        self._standardiser, self._rows = standardiser, rows.astype(np.float32)

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


def _best_kernel(rows: Matrix, target: Scores, parts: str, should_stop: StopCheck) -> tuple[Kernel, float]:
    """Return the kernel with the highest marginal likelihood under its prior, and the negative logarithm of that.

    See Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, section 5.4.1.
    """
    from scipy.optimize import minimize

    squared, inner = squared_distances(rows, rows), rows @ rows.T
    scales = (median_distance(squared), max(float(np.trace(inner)) / target.size, 1e-9))
    squared, inner = squared / scales[0], inner / scales[1]
    free = np.array(["rbf" in parts, "rbf" in parts, "linear" in parts, True])
    identity = np.eye(target.size)

    def all_of(point: Scores) -> Scores:
        full = np.array([-np.inf, 0.0, -np.inf, 0.0])  # a part that is left out has no amplitude
        full[free] = point
        return full

    def cost(point: Scores) -> tuple[float, Scores]:
        """Return the negative log posterior and its gradient."""
        raise_if_stopped(should_stop)
        amplitude, length, slope, noise = np.exp(all_of(point))
        alike = amplitude**2 * np.exp(-squared / (2 * length**2))
        line = slope**2 * inner
        root = np.linalg.cholesky(alike + line + noise**2 * identity)
        whitening = np.linalg.solve(root, identity)
        precision = whitening.T @ whitening
        alpha = precision @ target
        pull = precision - np.outer(alpha, alpha)
        slopes = np.array(
            [
                float((pull * alike).sum()),
                float((pull * alike * squared).sum()) / (2 * length**2),
                float((pull * line).sum()),
                noise**2 * float(np.trace(pull)),
            ]
        )
        away = (point - _START[free]) / _DOUBT
        value = 0.5 * float(target @ alpha) + float(np.log(np.diag(root)).sum()) + 0.5 * float(away @ away)
        return value, slopes[free] + away / _DOUBT

    bounds = list(zip(_LOW[free], _HIGH[free], strict=True))
    found = minimize(
        cost, _START[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ROUNDS, "ftol": 1e-6}
    )
    amplitude, length, slope, noise = (float(value) for value in np.exp(all_of(np.asarray(found.x))))
    return Kernel(amplitude, length, slope, noise, scales), float(found.fun)
