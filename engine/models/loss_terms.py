"""The losses a network can be trained with, as people write them; imports nothing heavy."""

from __future__ import annotations

import re

from engine.errors import UsageError

LOSSES = ("mse", "mae", "huber", "rank")
_TERM = re.compile(r"(?:(?P<weight>\d+(?:\.\d+)?|\.\d+)\s*\*\s*)?(?P<name>[a-z]+)")


def parse_loss(text: str) -> tuple[tuple[str, float], ...]:
    """Return the names and weights of a loss and of sums of losses.

    Raises:
        UsageError: an unknown loss, one named twice, or a weight that is not above 0.

    >>> parse_loss("huber"), parse_loss("mse + 0.5*rank")
    ((('huber', 1.0),), (('mse', 1.0), ('rank', 0.5)))
    """
    terms: dict[str, float] = {}
    for part in text.split("+"):
        match = _TERM.fullmatch(part.strip().lower())
        if match is None or match["name"] not in LOSSES or match["name"] in terms or float(match["weight"] or 1) <= 0:
            raise UsageError(
                "“{text}” is not a loss.",
                remedy="Write one of {known}, or a sum such as huber+0.5*rank.",
                text=text,
                known=", ".join(LOSSES),
            )
        terms[match["name"]] = float(match["weight"] or 1)
    return tuple(terms.items())
