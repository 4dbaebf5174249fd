"""Time and memory against 100 … 100,000 photos: ``python -m benchmarks.growth [--most N] [--plot docs/growth.png]``.

Each point is a process of its own on an album made for it. Points are kept as JSON lines as they come (``--points``),
and what is kept is not measured again, so that a run can be continued.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.comparison import Comparison, machine, print_comparisons
from benchmarks.growth_plot import Panel, draw
from benchmarks.growth_points import ACTIVITIES, COLD, DATA, IMPORT, MOST_COLD, PREDICT, WARM, Point, measure
from benchmarks.table import print_table

NAME = "Growth with the number of photos"

SIZES = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
_COMPARED, _QUICK_SIZES = (3000, 10_000), (300, 3000)
_QUICK = (IMPORT, WARM, PREDICT, DATA)
_STRAIGHT = 1.1
"""The most that the exponent may be: ten times the photos, at most twelve times the time."""


def compare(quick: bool) -> Iterator[Comparison]:
    """Measure how time and memory grow from one size to the next; `main` goes up to 100,000, which takes longer."""
    sizes, wanted = (_QUICK_SIZES, _QUICK) if quick else (_COMPARED, ACTIVITIES)
    points: list[Point] = []
    for photos in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            points += measure(Path(scratch), photos, wanted, {COLD: MOST_COLD})
    yield from growth(points)


def growth(points: Sequence[Point]) -> Iterator[Comparison]:
    """Yield two lines for each activity: its time, and the memory that a photo takes, from one size to the next."""
    for name, line in by_activity(points).items():
        if len(line) < 2:
            continue
        below, top = line[-2], line[-1]
        ratio = top.photos / below.photos
        exponent = math.log(top.seconds / below.seconds) / math.log(ratio)
        span = f"{below.photos:,} → {top.photos:,}"
        yield Comparison(
            f"{name}, {span}: time grows as photos to the power of",
            "",
            None,
            exponent,
            None,
            f"≤ {_STRAIGHT:g}",
            exponent <= _STRAIGHT,
            f"{below.seconds:.3g} s, then {top.seconds:.3g} s",
        )
        more = max(top.peak - below.peak, 0) / (top.photos - below.photos) / 1000
        remark = f"{below.peak / 1e6:,.0f} MB, then {top.peak / 1e6:,.0f} MB"
        yield Comparison(f"{name}, {span}: memory", "kB a photo", None, more, remark=remark)


def by_activity(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Return the points of each activity, by size; the latest where one was measured again."""
    latest: Mapping[tuple[str, int], Point] = {(point.activity, point.photos): point for point in points}
    lines = {name: sorted(p for p in latest.values() if p.activity == name) for name in ACTIVITIES}
    return {name: line for name, line in lines.items() if line}


def read_points(path: Path) -> list[Point]:
    """Return the points that were kept."""
    if not path.exists():
        return []
    return [Point(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def run(path: Path, sizes: Sequence[int], wanted: Sequence[str], most: Mapping[str, int]) -> list[Point]:
    """Measure what is not kept yet, and keep it."""
    points = read_points(path)
    known = {(point.activity, point.photos) for point in points}
    for photos in sizes:
        missing = [name for name in wanted if (name, photos) not in known and photos <= most.get(name, photos)]
        if not missing:
            continue
        with tempfile.TemporaryDirectory() as scratch, path.open("a", encoding="utf-8") as out:
            for point in measure(Path(scratch), photos, missing, most):
                print(json.dumps(point._asdict()), file=out, flush=True)
                print(f"{point.activity:18}{photos:9,}{point.seconds:10.2f} s{point.peak / 1e6:9,.0f} MB", flush=True)
                points.append(point)
    return points


def plot(path: Path, points: Sequence[Point]) -> None:
    """Draw time and memory of every activity."""
    lines = by_activity(points)
    draw(
        path,
        [
            Panel(
                "Time",
                {name: [(p.photos, p.seconds) for p in line] for name, line in lines.items()},
                _seconds,
                0.1,
                "as the photos",
            ),
            Panel(
                "Peak memory",
                {name: [(p.photos, p.peak) for p in line] for name, line in lines.items()},
                lambda size: f"{size / 1e9:g} GB" if size >= 1e9 else f"{size / 1e6:g} MB",
                1e7,
                "as the photos",
            ),
        ],
        "photos",
        machine(),
    )


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:,.0f} s"
    return f"{value * 1000:g} ms"


def main(arguments: Sequence[str] = ()) -> None:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two sizes, what takes no training")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="photos of the largest album")
    parser.add_argument("--only", nargs="+", choices=ACTIVITIES, default=ACTIVITIES, help="activities that are wanted")
    parser.add_argument("--points", type=Path, default=Path("growth.jsonl"), help="where the points are kept")
    parser.add_argument("--plot", type=Path, help="where to draw them as a PNG")
    wanted = parser.parse_args(arguments)
    if wanted.quick:
        print_comparisons(f"{NAME}: {machine()}", list(compare(True)))
        return
    sizes = [size for size in SIZES if size <= wanted.most]
    points = run(wanted.points, sizes, wanted.only, {COLD: MOST_COLD})
    rows = [
        (name, f"{p.photos:,}", f"{p.seconds:.2f}", f"{p.seconds / p.photos * 1000:.3g}", f"{p.peak / 1e6:,.0f}")
        for name, line in by_activity(points).items()
        for p in line
    ]
    print_table(f"{NAME}: {machine()}", ("activity", "photos", "seconds", "ms a photo", "peak MB"), rows)
    print_comparisons("Between the two largest albums", list(growth(points)))
    if wanted.plot is not None:
        plot(wanted.plot, points)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
