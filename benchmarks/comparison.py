"""One line of the table of speeds: the plain way, ours, what the machine could do at most, measured in one run."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.table import print_table

Compare = Callable[[bool], Iterator["Comparison"]]
"""What each benchmark of speed offers as ``compare``: told whether to be quick (fewer photos), it yields lines."""


class Comparison(NamedTuple):
    """Something done the plain way and ours, side by side in one run.

    Args:
        what: what was done.
        unit: of the three figures, such as ``img/s`` or ``s``.
        plain: the plain way's figure; None where there is none.
        ours: beholder's figure.
        bound: what the parts of the work allow at most on this machine, computed; None where that says nothing.
        must: what has to hold, as people read it, such as ``≥ 10 × plain``; empty where nothing has to.
        holds: whether it does; None where nothing has to.
        remark: what else must be known to read the line.
    """

    what: str
    unit: str
    plain: float | None
    ours: float
    bound: float | None = None
    must: str = ""
    holds: bool | None = None
    remark: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the plain way's figure."""
        return None if not self.plain else self.ours / self.plain

    @property
    def of_bound(self) -> float | None:
        """Ours as a share of the bound."""
        return None if not self.bound else self.ours / self.bound


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quickest(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the shortest of several times: what else the machine does only ever adds."""
    return min(seconds(work) for _ in range(rounds))


def machine() -> str:
    """Name the machine: its processor, how many cores it lends, Python's version."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def print_comparisons(title: str, lines: Sequence[Comparison]) -> None:
    """Print comparisons as a table, and below it the remarks."""
    words = {True: "holds", False: "DOES NOT HOLD", None: ""}
    print_table(
        title,
        ("what", "unit", "plain", "beholder", "ratio", "bound", "of it", "must", ""),
        [
            (
                line.what,
                line.unit,
                _figure(line.plain),
                _figure(line.ours),
                _figure(line.ratio),
                _figure(line.bound),
                _figure(line.of_bound),
                line.must,
                words[line.holds],
            )
            for line in lines
        ],
    )
    for line in lines:
        if line.remark:
            print(f"  {line.what}: {line.remark}")


def _figure(value: float | None) -> str:
    """Return three digits that count."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
