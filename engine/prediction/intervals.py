"""Intervals around predicted scores: conformal, from the errors on photos that each fold's model never saw."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.9


def conformal_halfwidth(
    given: NDArray[np.float64], out_of_fold: NDArray[np.float64], coverage: float = COVERAGE
) -> float:
    """Return half the width of an interval that should hold the true score with the given probability.

    The ⌈(N + 1) · coverage⌉-th smallest absolute error (cross-conformal, Vovk 2015); with too few scores for that,
    the largest error.

    Args:
        given: (N,) scores that the person gave, N ≥ 1.
        out_of_fold: (N,) scores guessed by models that didn't see the photo's group.
        coverage: wanted probability, 0…1.

    >>> conformal_halfwidth(np.zeros(9), np.arange(9.0) + 1, 0.8)
    8.0
    """
    errors = np.sort(np.abs(np.asarray(given) - np.asarray(out_of_fold)))
    position = min(math.ceil((errors.size + 1) * coverage), errors.size)
    return float(errors[position - 1])
