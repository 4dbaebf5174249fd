"""In which order photos come up to be scored; one order brings scored ones back, unannounced."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.labels.scorebook import Entry

ORDERS = ("file", "unscored", "random", "rerate")


class Turn(NamedTuple):
    """One photo that comes up.

    Args:
        name: its file name in ``data/``.
        again: whether its score is hidden, so that it is rated a second time, blind.
    """

    name: str
    again: bool


def queue(entries: Sequence[Entry], order: str, seed: int) -> list[Turn]:
    """Return the photos in the order in which they come up; those that are missing never do.

    ``file``: as they are given, scored or not. ``unscored``: first those without a score. ``random``: those without
    a score shuffled, then the others. ``rerate``: those without a score, and about every third turn a scored one that
    is rated again, blind; when there is none left to score, the other scored ones, shuffled.

    Args:
        entries: all photos, in natural order.
        order: one of `ORDERS`.
        seed: of what is shuffled; the same seed and entries give the same order.

    Raises:
        ValueError: the order is none of them.
    """
    if order not in ORDERS:
        raise ValueError(order)
    names = [entry.name for entry in entries if entry.present]
    if order == "file":
        return [Turn(name, False) for name in names]
    scored = [entry.name for entry in entries if entry.present and entry.score is not None]
    known = set(scored)
    waiting = [name for name in names if name not in known]
    dice = random.Random(seed)
    if order == "rerate":
        return _mixed(waiting, scored, dice)
    if order == "random":
        dice.shuffle(waiting)
    return [Turn(name, False) for name in (*waiting, *scored)]


def _mixed(waiting: Sequence[str], scored: Sequence[str], dice: random.Random) -> list[Turn]:
    again = list(scored)
    dice.shuffle(again)
    turns: list[Turn] = []
    until = dice.randint(1, 3)
    for name in waiting:
        turns.append(Turn(name, False))
        until -= 1
        if until == 0 and again:
            turns.append(Turn(again.pop(), True))
            until = dice.randint(1, 3)  # two on average: every third turn, and nobody can tell which
    return [*turns, *(Turn(name, True) for name in again)]
