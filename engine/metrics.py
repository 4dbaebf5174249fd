"""How well predicted scores agree with given ones: SRCC, PLCC, MAE, RMSE, R², and the mean-score baseline."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """Agreement of one set of predictions with the given scores.

    Args:
        srcc: Spearman's rank correlation, -1…1; None where it is undefined (a constant side, fewer than 3 photos).
        plcc: Pearson's linear correlation, -1…1; None likewise.
        mae: mean absolute error, in score units.
        rmse: root mean squared error, in score units.
        r2: coefficient of determination, ≤ 1; None where the given scores are constant.
        n: number of photos.
    """

    srcc: float | None
    plcc: float | None
    mae: float
    rmse: float
    r2: float | None
    n: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return a JSON-ready form, rounded to six digits."""
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}


def evaluate(given: Array, predicted: Array) -> Metrics:
    """Return all metrics of predictions against given scores.

    Args:
        given: (N,) scores that a person gave, N ≥ 1.
        predicted: (N,) scores that a model gave, finite.

    Raises:
        ValueError: the two differ in length, are empty, or are not finite.

    >>> evaluate(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 40.0])).srcc
    1.0
    """
    given, predicted = np.asarray(given, np.float64), np.asarray(predicted, np.float64)
    if given.shape != predicted.shape or given.ndim != 1 or not given.size:
        raise ValueError(f"shapes {given.shape} and {predicted.shape} are not two equal, non-empty lists")
    if not (np.isfinite(given).all() and np.isfinite(predicted).all()):
        raise ValueError("scores must be finite")
    error = predicted - given
    spread = float(((given - given.mean()) ** 2).sum())
    return Metrics(
        srcc=correlation(ranks(given), ranks(predicted)),
        plcc=correlation(given, predicted),
        mae=float(np.abs(error).mean()),
        rmse=math.sqrt(float((error**2).mean())),
        r2=1 - float((error**2).sum()) / spread if spread > 0 else None,
        n=given.size,
    )


def correlation(left: Array, right: Array) -> float | None:
    """Return Pearson's correlation of two (N,) lists; None for fewer than 3 values or a constant side."""
    if left.size < 3:
        return None
    a, b = left - left.mean(), right - right.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    tiny = 1e-12 * max(1.0, float(np.abs(left).max()) * float(np.abs(right).max()))
    return float(np.clip(float(a @ b) / scale, -1.0, 1.0)) if scale > tiny else None


def ranks(values: Array) -> Array:
    """Return (N,) ranks 1…N; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Array = (last - (counts - 1) / 2).astype(np.float64)
    return shared[inverse]


def baseline(fitted: Array, given: Array) -> Metrics:
    """Return the metrics of the plainest guess: the mean of the (M,) fitted scores for each of (N,) photos."""
    return evaluate(given, np.full(given.shape, float(np.mean(fitted))))
