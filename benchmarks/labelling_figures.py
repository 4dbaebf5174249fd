"""One line of the table that `benchmarks.labelling` prints: what was measured, its bound, and whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.table import print_table


class Figure(NamedTuple):
    """One measured figure.

    Args:
        what: what was measured.
        value: the figure, with its unit.
        bound: what it must not exceed; empty where there is none.
        holds: whether it does not; None where there is no bound.
        beside: the same done the plain way, and the ratio; empty where there is none.
    """

    what: str
    value: str
    bound: str = ""
    holds: bool | None = None
    beside: str = ""


def milliseconds(seconds: float) -> str:
    """Return a time as people read it."""
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def at_most(what: str, seconds: float, bound: float, beside: str = "") -> Figure:
    """Return the figure of a time that has a bound, both in seconds."""
    return Figure(what, milliseconds(seconds), f"≤ {bound * 1000:g} ms", seconds <= bound, beside)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies, the next higher one where it falls between two."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def print_figures(title: str, figures: Sequence[Figure]) -> None:
    """Print figures as a table."""
    words = {True: "holds", False: "DOES NOT HOLD", None: ""}
    print_table(
        title,
        ("what", "figure", "bound", "", "the plain way"),
        [(line.what, line.value, line.bound, words[line.holds], line.beside) for line in figures],
    )
