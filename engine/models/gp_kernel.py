"""The kernel of a Gaussian process, and the search for its settings by marginal likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.events import StopCheck, raise_if_stopped
from engine.models.base import Scores
from engine.models.kernels import Matrix, median_distance, squared_distances
from engine.models.products import Weighted

KERNELS = ("rbf+linear", "rbf", "linear")
_START = np.log([0.7, 1.0, 0.5, 0.7])  # amplitude, length, slope, noise
_LOW, _HIGH = np.log([0.02, 0.2, 0.02, 0.1]), np.log([5.0, 10.0, 5.0, 2.0])
_DOUBT = 1.0  # deviation of the log-normal prior on each of them: a handful of scores must not decide everything
_ROUNDS = 40


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
        return self.of(squared_distances(left, right), left @ right.T)

    def of(self, squared: Matrix, inner: Matrix) -> Matrix:
        """Return the (N, M) covariances, without the noise, of rows with these squared distances and inner products."""
        reach = 2 * self.length**2 * self.scales[0]
        alike: Matrix = self.amplitude**2 * np.exp(-squared / reach)
        return alike + self.slope**2 / self.scales[1] * inner

    def variance(self, rows: Matrix) -> Scores:
        """Return the (N,) variances, without the noise, of (N, D) rows nothing is known of."""
        own: Scores = self.amplitude**2 + self.slope**2 / self.scales[1] * (rows**2).sum(axis=1)
        return own


def best_kernel(known: Weighted, target: Scores, parts: str, should_stop: StopCheck) -> tuple[Kernel, float]:
    """Return the kernel with the highest marginal likelihood under its prior, and the negative logarithm of that.

    See Rasmussen & Williams, Gaussian Processes for Machine Learning, 2006, section 5.4.1.

    Args:
        known: N photos' standardised features.
        target: (N,) scores of mean 0 and deviation 1.
        parts: one of `KERNELS`.
        should_stop: see `FitControl`.

    Raises:
        Interrupted: `should_stop` said so.
    """
    from scipy.linalg.lapack import dpotri
    from scipy.optimize import minimize

    squared, inner = known.squared, known.inner
    scales = (median_distance(squared), max(float(np.trace(inner)) / target.size, 1e-9))
    squared, inner = squared / scales[0], inner / scales[1]
    free = np.array(["rbf" in parts, "rbf" in parts, "linear" in parts, True])
    diagonal = np.diag_indices_from(inner)

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
        covariance = alike + line
        covariance[diagonal] += noise**2
        root = np.linalg.cholesky(covariance)
        below = np.tril(dpotri(root, lower=1)[0])  # the inverse, of which LAPACK fills one half
        precision = below + np.tril(below, -1).T
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
