"""A live curve as numbers: what is drawn of it, smoothed or not, and where it is best; no widget is needed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_POINTS = 500
HIGHER_IS_BETTER = frozenset({"srcc", "plcc", "kendall", "r2"})
_HAS_BEST = frozenset({"epochs", "stages", "trials"})
_FEWEST_TO_SMOOTH = 8

Points = tuple[list[float], list[float]]


def downsample(xs: Sequence[float], ys: Sequence[float], most: int = MOST_POINTS) -> Points:
    """Return at most `most` points that keep the ends and every peak and dip.

    Args:
        xs: positions, ascending.
        ys: values, as many as positions.
        most: how many points may be left, at least 4.

    >>> downsample([0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 9, 0, 0, 0, 0, 0], 6)[1]
    [0, 0, 9, 0, 0]
    """
    if len(xs) <= most:
        return list(xs), list(ys)
    buckets = (most - 2) // 2
    inner = len(xs) - 2
    keep = [0]
    for bucket in range(buckets):
        rows = range(1 + bucket * inner // buckets, 1 + (bucket + 1) * inner // buckets)
        keep += sorted({min(rows, key=ys.__getitem__), max(rows, key=ys.__getitem__)})
    keep.append(len(xs) - 1)
    return [xs[row] for row in keep], [ys[row] for row in keep]


def smoothed(ys: Sequence[float]) -> list[float]:
    """Return an exponential mean over about a twentieth of the curve, taken from both ends so that it does not lag.

    >>> [round(y, 2) for y in smoothed([1.0, 1.0, 1.0])], smoothed([])
    ([1.0, 1.0, 1.0], [])
    """
    keep = 1 - 2 / (max(3.0, len(ys) / 20) + 1)
    after = _mean_so_far(ys[::-1], keep)[::-1]
    return [(left + right) / 2 for left, right in zip(_mean_so_far(ys, keep), after, strict=True)]


def _mean_so_far(ys: Sequence[float], keep: float) -> list[float]:
    total, weight, found = 0.0, 0.0, []
    for y in ys:
        total, weight = keep * total + y, keep * weight + 1
        found.append(total / weight)
    return found


def whole_ticks(xs: Sequence[float], count: int = 5) -> list[int]:
    """Return about `count` whole numbers from the lowest to the highest x: scores, trees and epochs are counted.

    >>> whole_ticks([6.0, 20.0, 69.0])
    [6, 22, 38, 53, 69]
    """
    low, high = round(min(xs)), round(max(xs))
    return sorted({round(low + (high - low) * step / (count - 1)) for step in range(count)})


def log_ticks(low: float, high: float) -> list[float]:
    """Return the values at which a logarithmic axis is marked: 1, 2 and 5 of each power of ten between the ends.

    >>> log_ticks(0.3, 4.0)
    [0.5, 1.0, 2.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]


@dataclass
class Series:
    """The two curves of one metric: on what was fitted, and on what the fit never saw."""

    train: Points = field(default_factory=lambda: ([], []))
    validation: Points = field(default_factory=lambda: ([], []))

    @property
    def ys(self) -> list[float]:
        """All values of both."""
        return self.train[1] + self.validation[1]

    @property
    def xs(self) -> list[float]:
        """All positions of both."""
        return self.train[0] + self.validation[0]

    def __len__(self) -> int:
        return max(len(self.train[0]), len(self.validation[0]))


@dataclass
class Curve:
    """All points of one fit, metric by metric.

    Attributes:
        axis: what is counted: ``labels``, ``trees``, ``stages``, ``folds``, ``epochs`` or ``trials``.
        metrics: metric → its curves, in the order in which they came.
        best_at: where the fit itself says that it is best; None where it says nothing.
    """

    axis: str = "labels"
    metrics: dict[str, Series] = field(default_factory=dict)
    best_at: float | None = None

    def add(self, events: Iterable[Mapping[str, Any]]) -> bool:
        """Take in ``curve`` events; say whether any brought a value."""
        added = False
        for event in events:
            axis = str(event["axis"])
            if axis != self.axis and self.metrics:
                self.metrics, self.best_at = {}, None  # another fit: its positions mean something else
            self.axis = axis
            for side in ("train", "validation"):
                if event.get(side) is not None:
                    series = self.metrics.setdefault(str(event["metric"]), Series())
                    xs, ys = getattr(series, side)
                    xs.append(float(event["x"]))
                    ys.append(float(event[side]))
                    added = True
        return added

    def best(self, metric: str) -> tuple[float, float] | None:
        """Return position and value of the best point: where the fit says so, else where the unseen photos say so.

        None for axes on which no point is chosen: with more labels or trees nothing is stopped early.
        """
        series = self.metrics.get(metric)
        if series is None or self.axis not in _HAS_BEST:
            return None
        xs, ys = series.validation if series.validation[0] else series.train
        if self.best_at is not None:
            return next(((x, y) for x, y in zip(xs, ys, strict=True) if x == self.best_at), None)
        choose = max if metric in HIGHER_IS_BETTER else min
        return choose(zip(xs, ys, strict=True), key=lambda point: point[1]) if xs else None


def drawn(points: Points, *, smooth: bool) -> tuple[Points, Points | None]:
    """Return the raw points to draw, and the smoothed ones where that is wanted and there are enough."""
    xs, ys = points
    raw = downsample(xs, ys)
    if not smooth or len(xs) < _FEWEST_TO_SMOOTH:
        return raw, None
    return raw, downsample(xs, smoothed(ys))
