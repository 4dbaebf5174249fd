"""Two ways to put features on one footing before they are compared, and which of them a recipe leaves open."""

from __future__ import annotations

from engine.models.base import TrainingSet
from engine.models.standardise import Standardiser

AUTO = "auto"
WEIGHTINGS = ("block", "variance")


def standardisers(data: TrainingSet, asked: str) -> dict[str, Standardiser]:
    """Return the standardisers that a fit chooses from, by the name of their weighting.

    ``block`` gives every feature of a block, and every block, the same say; ``variance`` leaves the features the
    proportions that the network gave them. Which does better depends on network and person, so ``auto`` is both.

    Args:
        data: its album is what they are made from, scored or not.
        asked: one of `WEIGHTINGS`, or ``auto``.
    """
    made = {"block": Standardiser.fit, "variance": Standardiser.by_variance}
    return {name: make(data.album, data.blocks) for name, make in made.items() if asked in {name, AUTO}}
