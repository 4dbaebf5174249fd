"""Quick styles: which single key gives which score, and when a typed score can only be finished."""

from __future__ import annotations

import re

from engine.workspace import Scale

STYLES = ("type", "tens", "stars")

_WHOLE = re.compile(r"-?[0-9]+")
_STARS = 5


def quick_scores(scale: Scale, style: str) -> dict[str, float]:
    """Return the score behind each key of a style.

    ``tens``: on a scale whose whole numbers have a key each (0-9, 1-5, 1-10) the digit itself, 0 being 10; otherwise
    1 … 9 are tenths of the scale, 0 its end, backquote and minus its beginning. ``stars``: 1 … 5, from the lowest
    score to the highest. ``type``: none, scores are typed.

    Args:
        scale: where the scores lie.
        style: one of `STYLES`.

    Raises:
        ValueError: the style is none of them.

    >>> quick_scores(Scale(0, 100), "tens")["7"], quick_scores(Scale(1, 10), "tens")["0"]
    (70.0, 10.0)
    """
    if style not in STYLES:
        raise ValueError(style)
    if style == "type":
        return {}
    if style == "stars":
        return {str(stars): star_score(stars, scale) for stars in range(1, _STARS + 1)}
    own = _own_digits(scale)
    if own:
        return own
    tenths = {str(tenth): _at(scale, tenth / 10) for tenth in range(1, 10)}
    return {"`": scale.low, "-": scale.low, **tenths, "0": scale.high}


def star_score(stars: float, scale: Scale) -> float:
    """Return the score of 1 to 5 stars: one is the lowest of the scale, five the highest.

    >>> star_score(4, Scale(0, 100)), star_score(4, Scale(1, 5))
    (75.0, 4.0)
    """
    return _at(scale, (stars - 1) / (_STARS - 1))


def is_complete(text: str, scale: Scale) -> bool:
    """Say whether a typed score is on the scale and no further digit can make another score of it.

    A number with decimals never is, since one more may follow; nor is a leading zero where tenths are all there is.

    >>> [is_complete(text, Scale(0, 100)) for text in ("1", "10", "85", "100", "8.5")]
    [False, False, True, True, False]
    """
    if not _WHOLE.fullmatch(text):
        return False
    number = float(text)
    if number not in scale:
        return False
    if number == 0:
        return number == scale.high or scale.span > 1  # nobody types 05, but 0.5 where there are only tenths
    sign = -1 if text.startswith("-") else 1
    return not any(number * 10 + sign * digit in scale for digit in range(10))


def _own_digits(scale: Scale) -> dict[str, float]:
    """Return digit → score where each whole number of the scale has a key of its own; else nothing."""
    low, high = scale.low, scale.high
    whole = low == int(low) and high == int(high)
    if not whole or low < 0 or high > 10 or (high == 10 and low < 1):
        return {}
    return {str(number % 10): float(number) for number in range(int(low), int(high) + 1)}


def _at(scale: Scale, share: float) -> float:
    return scale.clip(round(scale.low + share * scale.span, 6))
