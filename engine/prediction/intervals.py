"""Intervals around predicted scores: conformal, from the errors on photos that the measured model never saw.

Photos of one group (a burst, a theme) err alike, so a hundred of them say less about a photo of another group than a
hundred groups would: how much less is estimated from the errors themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.folds import Index

COVERAGE = 0.9
Array = NDArray[np.float64]

_LEAST_SPREAD = 1e-9


def weights(values: Array, groups: Index | None = None) -> Array:
    """Return what each photo counts for a photo of a new group: 1 by itself, less among others that are like it.

    1 / (1 + ρ (m - 1)) for each of a group's m photos: the weights that estimate best where photos of a group have a
    share ρ of their variance in common, and their sum is the effective number of photos. ρ is the intraclass
    correlation of the values' ranks (one-way analysis of variance), 0…1: at 0 all photos count, at 1 each group once.

    Args:
        values: (N,) errors or scores, N ≥ 1.
        groups: (N,) group numbers; None: each photo is one.

    >>> values = np.array([1.0, 1.1, 1.2, 5.0, 5.1, 5.2])
    >>> weights(values).sum()
    np.float64(6.0)
    >>> weights(values, np.array([0, 0, 0, 1, 1, 1])).sum().round(1)
    np.float64(2.3)
    """
    if groups is None:
        return np.ones(values.size)
    _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if counts.size == values.size:
        return np.ones(values.size)
    crowd = counts[group].astype(np.float64)
    return np.asarray(1.0 / (1.0 + _likeness(values, group, counts) * (crowd - 1.0)), np.float64)


def _likeness(values: Array, group: Index, counts: Index) -> float:
    """Return the intraclass correlation of the values' ranks; 1 where there is one group only."""
    size, groups = values.size, counts.size
    if groups < 2:
        return 1.0
    _, level, equal = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(equal) - (equal - 1) / 2)[level]
    means = np.bincount(group, ranks) / counts
    between = float((counts * (means - ranks.mean()) ** 2).sum()) / (groups - 1)
    within = float(((ranks - means[group]) ** 2).sum()) / (size - groups)
    typical = (size - float((counts.astype(np.float64) ** 2).sum()) / size) / (groups - 1)
    total = between + (typical - 1) * within
    return float(np.clip((between - within) / total, 0.0, 1.0)) if total > 0 else 0.0


def conformal_quantile(values: Array, coverage: float, groups: Index | None = None) -> float:
    """Return what a value of a new photo, of a new group, does not exceed with the given probability.

    The value at place (n + 1) · coverage of n (split conformal, Vovk et al. 2005), where each counts by its weight and
    n is their sum (`weights`); laid between two neighbours where the place is no whole number, so that it holds as
    often as asked, on average, and not more often as when it is rounded up. Where so few can't reach so far it is the
    largest value, which holds less often.

    Args:
        values: (N,) of photos that the model didn't see, N ≥ 1.
        coverage: wanted probability, 0…1.
        groups: (N,) group numbers; None: each photo is one.
    """
    order = np.argsort(values, kind="stable")
    places = np.cumsum(weights(values, groups)[order])
    return float(np.interp(coverage * (places[-1] + 1), places, values[order]))


def conformal_halfwidth(
    given: Array, out_of_fold: Array, coverage: float = COVERAGE, groups: Index | None = None
) -> float:
    """Return half the width of an interval that should hold the true score with the given probability.

    See `conformal_quantile`; the errors are those of a cross-validation over groups (cross-conformal, Vovk 2015).

    Args:
        given: (N,) scores that the person gave, N ≥ 1.
        out_of_fold: (N,) scores guessed by models that didn't see the photo's group.
        coverage: wanted probability, 0…1.
        groups: (N,) group numbers; None: each photo is one.

    >>> conformal_halfwidth(np.zeros(9), np.arange(9.0) + 1, 0.8)
    8.0
    """
    return conformal_quantile(np.abs(np.asarray(given) - np.asarray(out_of_fold)), coverage, groups)


def score_range(given: Array, coverage: float = COVERAGE, groups: Index | None = None) -> tuple[float, float]:
    """Return the ends between which a person's score of any photo lies: all that is known of one unlike the others.

    Args:
        given: (N,) all scores of the person, N ≥ 1.
        coverage: wanted probability, 0…1.
        groups: (N,) group numbers; None: each photo is one.
    """
    tail = (1 + coverage) / 2
    return -conformal_quantile(-given, tail, groups), conformal_quantile(given, tail, groups)


def make_interval(
    given: Array, held_out: Array, spread: Array | None = None, *, groups: Index | None = None
) -> dict[str, Any]:
    """Return the manifest's ``interval``.

    Args:
        given: (N,) scores that the person gave, N ≥ 1.
        held_out: (N,) guesses of models that hadn't seen the photo's group.
        spread: (N,) standard deviations that these models gave, above 0; None where the family gives none.
        groups: (N,) group numbers; None: each photo is one.

    Returns:
        ``coverage`` and ``halfwidth``, in score units, which holds for any photo. ``factor``, where a photo's half
        width is that many of its standard deviations (normalised conformal, Papadopoulos et al. 2008): only where that
        makes the intervals of these photos narrower on average, for a model's doubt need not be where its errors are.
    """
    half = conformal_halfwidth(given, held_out, groups=groups)
    found: dict[str, Any] = {"coverage": COVERAGE, "halfwidth": half}
    if spread is not None and np.isfinite(spread).all():
        doubt = np.maximum(spread, _LEAST_SPREAD)
        factor = conformal_halfwidth(np.asarray(given) / doubt, np.asarray(held_out) / doubt, groups=groups)
        if factor * float(doubt.mean()) < half:
            found["factor"] = factor
    return found


def half_widths(interval: Mapping[str, Any], size: int, spread: Array | None = None) -> Array:
    """Return each photo's half width: the same for all, or by the model's own doubt.

    Args:
        interval: as `make_interval` returns it; ``factor`` may be missing or None.
        size: how many photos.
        spread: (size,) standard deviations that the model gives them; None where it gives none.

    Raises:
        LookupError, TypeError, ValueError: it is no such interval.
    """
    half, factor = float(interval["halfwidth"]), interval.get("factor")
    if factor is None or spread is None:
        return np.full(size, half)
    return float(factor) * np.maximum(spread, _LEAST_SPREAD)


def share_held(interval: Mapping[str, Any], given: Array, guessed: Array, spread: Array | None = None) -> float:
    """Return the share of photos whose score lies within its interval, 0…1.

    Args:
        interval: made from the errors on other photos, of other groups: else the share says nothing.
        given: (N,) scores that the person gave, N ≥ 1.
        guessed: (N,) what a model says that didn't see them.
        spread: (N,) its standard deviations; None where the family gives none.
    """
    return float((np.abs(given - guessed) <= half_widths(interval, given.size, spread)).mean())
