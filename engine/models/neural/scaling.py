"""Between scores as people give them and the standardised ones that networks are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.models.base import Scores

_FLATTEST = 1e-3


@dataclass(frozen=True)
class Standard:
    """A straight line from standardised scores to scores.

    Args:
        mean: the score of 0.
        spread: how many scores one unit is, above 0.
    """

    mean: float
    spread: float

    @classmethod
    def of(cls, scores: Scores) -> Standard:
        """Return the line by which (N,) scores have mean 0 and deviation 1; equal scores keep their unit."""
        spread = float(np.std(scores))
        return cls(float(np.mean(scores)), spread if spread > 1e-9 else 1.0)

    @classmethod
    def fitted(cls, guesses: Scores, scores: Scores) -> Standard:
        """Return the least-squares line from (N,) guesses without a unit to (N,) scores; it never falls."""
        away = guesses - guesses.mean()
        variance = float((away**2).mean())
        unit = Standard.of(scores)
        slope = float((away * (scores - unit.mean)).mean()) / variance if variance > 1e-18 else 0.0
        # a fit that knows nothing would turn the order round by chance
        slope = max(slope, _FLATTEST * unit.spread)
        return cls(unit.mean - slope * float(guesses.mean()), slope)

    def shrink(self, scores: Scores) -> Scores:
        """Return standardised scores."""
        return (scores - self.mean) / self.spread

    def grow(self, guesses: Scores) -> Scores:
        """Return scores."""
        return guesses * self.spread + self.mean
