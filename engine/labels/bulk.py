"""Change many scores by one rule: shift them, or stretch them over a range."""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.errors import UsageError
from engine.workspace import Scale, format_score


def shifted(scores: Mapping[str, float], by: float, scale: Scale) -> dict[str, float]:
    """Return the scores moved by a number of points; what would leave the scale stops at its end.

    Args:
        scores: name → score, on the scale.
        by: points, negative to lower them.
        scale: their scale.

    >>> shifted({"a": 95.0, "b": 20.0}, 10, Scale())
    {'a': 100.0, 'b': 30.0}
    """
    return {name: scale.clip(_kept(score + by)) for name, score in scores.items()}


def rescaled(scores: Mapping[str, float], low: float, high: float, scale: Scale) -> dict[str, float]:
    """Return the scores stretched evenly, so that the lowest becomes `low` and the highest `high`.

    Scores that are all equal have nothing to stretch: they only move into the range where they are outside.

    Args:
        scores: name → score, on the scale.
        low: what the lowest becomes, on the scale.
        high: what the highest becomes, on the scale, not below `low`.
        scale: their scale.

    Raises:
        UsageError: the range is none, or reaches beyond the scale.

    >>> rescaled({"a": 40.0, "b": 50.0, "c": 60.0}, 0, 100, Scale())
    {'a': 0.0, 'b': 50.0, 'c': 100.0}
    """
    if not (low in scale and high in scale and low <= high):
        raise UsageError(
            "{low}-{high} is not a range on the scale {scale}.",
            remedy="Give the lowest and the highest score, both within the scale.",
            low=format_score(low),
            high=format_score(high),
            scale=str(scale),
        )
    if not scores:
        return {}
    first, last = min(scores.values()), max(scores.values())
    if first == last:
        return {name: min(max(score, low), high) for name, score in scores.items()}
    stretch = (high - low) / (last - first)
    digits = 4 - math.floor(math.log10(scale.span))  # a ten-thousandth of the scale: 33.33, not 33.333333
    return {name: min(max(_kept(low + (score - first) * stretch, digits), low), high) for name, score in scores.items()}


def _kept(score: float, digits: int = 6) -> float:
    """Return a score with no more decimals than scores keep."""
    return round(score, min(digits, 6)) + 0.0
