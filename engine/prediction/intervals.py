"""Intervals around predicted scores: conformal, from the errors on photos that the measured model never saw."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.9
Array = NDArray[np.float64]

_LEAST_SPREAD = 1e-9


def conformal_halfwidth(given: Array, out_of_fold: Array, coverage: float = COVERAGE) -> float:
    """Return half the width of an interval that should hold the true score with the given probability.

    The ⌈(N + 1) · coverage⌉-th smallest absolute error (split conformal, Vovk et al. 2005; over the folds of a
    cross-validation, Vovk 2015): the N + 1 makes up for few calibration photos. With too few for that, the largest
    error, which holds less often than asked.

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


def make_interval(given: Array, held_out: Array, spread: Array | None = None) -> dict[str, float]:
    """Return the manifest's ``interval``: coverage and half width, and where the model knows its doubt, a factor.

    Args:
        given: (N,) scores that the person gave, N ≥ 1.
        held_out: (N,) guesses of models that hadn't seen the photo.
        spread: (N,) standard deviations that these models gave, above 0; None where the family gives none.

    Returns:
        ``coverage`` and ``halfwidth``, in score units, which holds for any photo; with `spread` also ``factor``: a
        photo's half width is that many of its standard deviations (normalised conformal, Papadopoulos et al. 2008).
    """
    found = {"coverage": COVERAGE, "halfwidth": conformal_halfwidth(given, held_out)}
    if spread is not None and np.isfinite(spread).all():
        doubt = np.maximum(spread, _LEAST_SPREAD)
        found["factor"] = conformal_halfwidth(np.asarray(given) / doubt, np.asarray(held_out) / doubt)
    return found
