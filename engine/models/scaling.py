"""Two ways to put features on one footing before they are compared, and which of them a recipe leaves open."""

from __future__ import annotations

from collections.abc import Sequence

from engine.models.base import Features, TrainingSet
from engine.models.standardise import Standardiser

AUTO = "auto"
WEIGHTINGS = ("block", "variance")


def asked_weightings(asked: str) -> tuple[str, ...]:
    """Return the weightings that a fit chooses from, where one of `WEIGHTINGS` or ``auto`` is asked for."""
    return tuple(name for name in WEIGHTINGS if asked in {name, AUTO})


def make_standardiser(weighting: str, album: Features, blocks: Sequence[int]) -> Standardiser:
    """Return the standardiser of a weighting.

    ``block`` gives every feature of a block, and every block, the same say; ``variance`` leaves the features the
    proportions that the network gave them. Which does better depends on network and person, so ``auto`` is both.

    Args:
        weighting: one of `WEIGHTINGS`.
        album: (M, D) float32, scored or not. blocks: widths that sum to D.
    """
    make = Standardiser.by_variance if weighting == "variance" else Standardiser.fit
    return make(album, blocks)


def standardisers(data: TrainingSet, asked: str) -> dict[str, Standardiser]:
    """Return the standardisers that a fit chooses from, by the name of their weighting.

    Args:
        data: its album is what they are made from, scored or not.
        asked: one of `WEIGHTINGS`, or ``auto``.
    """
    return {name: make_standardiser(name, data.album, data.blocks) for name in asked_weightings(asked)}
