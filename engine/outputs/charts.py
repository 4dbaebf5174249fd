"""Draw charts as small SVG pictures: lines, dots and bars, coloured by the page's style sheet, readable without it.

A chart is text of about 480 × 320 units that scales with its place. Everything that comes from outside is escaped; what
is not finite is left out. The classes ``train`` and ``validation`` (lines), ``dot``, ``bar``, ``guide`` and ``trend``
take their colours from the page.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

WIDTH, HEIGHT = 480, 320
MOST_POINTS = 400
"""Points of one line; of more, every so many are drawn, and the last."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 34, 48
_TICKS = 5
_MANY_DOTS = 400
_NAME_LENGTH = 40

Range = tuple[float, float]
Point = tuple[float, float]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Args:
        kind: ``train``, ``validation`` or ``trend``; decides its look.
        points: (x, y), in order of x.
    """

    kind: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Dot:
    """One photo in a chart of dots: place and name."""

    x: float
    y: float
    name: str


@dataclass(frozen=True)
class Axes:
    """What stands along a chart.

    Args:
        title: the whole chart in one sentence, for those who can't see it.
        x: what the horizontal axis counts. y: what the vertical one does.
    """

    title: str
    x: str
    y: str


def ticks(low: float, high: float, count: int = _TICKS) -> list[float]:
    """Return round numbers within a range, about `count` of them.

    >>> ticks(0, 100)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    >>> ticks(0.31, 0.58)
    [0.35, 0.4, 0.45, 0.5, 0.55]
    """
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    step = round_step(span / count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(number * step, digits) + 0.0 for number in range(first, last + 1)]


def round_step(wanted: float) -> float:
    """Return the nearest step of 1, 2 or 5 times a power of ten.

    >>> round_step(0.054), round_step(23)
    (0.05, 20.0)
    """
    power = 10.0 ** math.floor(math.log10(wanted))
    return min((power * factor for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / wanted)))


def number_text(value: float) -> str:
    """Return a number as a label: at most four significant digits, or whole; a real minus sign.

    >>> number_text(-0.050), number_text(12.0), number_text(12000.0)
    ('−0.05', '12', '12000')
    """
    text = f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
    return text.replace("-", "−")


def span_of(values: Sequence[float], *, pad: float = 0.05) -> Range:
    """Return the range of finite values with some air on both sides; 0…1 where there are none."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    air = (high - low) * pad or max(abs(low) * 0.1, 1e-6)
    return low - air, high + air


class _Frame:
    """The plot's area: turns values into places and draws the axes."""

    def __init__(self, axes: Axes, x: Range, y: Range) -> None:
        self._axes, self._x, self._y = axes, x, y

    def x(self, value: float) -> float:
        return _LEFT + (value - self._x[0]) / (self._x[1] - self._x[0]) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (value - self._y[0]) / (self._y[1] - self._y[0]) * (HEIGHT - _TOP - _BOTTOM)

    def draw(self, parts: Sequence[str]) -> str:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        grid, labels = [], []
        for value in ticks(*self._y):
            grid.append(f"M{_LEFT} {self.y(value):.1f}H{right}")
            labels.append(
                f'<text x="{_LEFT - 7}" y="{self.y(value) + 4:.1f}" text-anchor="end">{number_text(value)}</text>'
            )
        labels += [
            f'<text x="{self.x(value):.1f}" y="{bottom + 18}" text-anchor="middle">{number_text(value)}</text>'
            for value in ticks(*self._x)
        ]
        title = html.escape(self._axes.title)
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
            f'<path class="grid" d="{"".join(grid)}"/><path class="axis" d="M{_LEFT} {bottom}H{right}"/>'
            f"{''.join(parts)}{''.join(labels)}"
            f'<text class="axis-name" x="{_LEFT - 44}" y="18">{html.escape(self._axes.y)}</text>'
            f'<text class="axis-name" x="{right}" y="{HEIGHT - 8}" text-anchor="end">{html.escape(self._axes.x)}</text>'
            "</svg>"
        )

    def line(self, points: Sequence[Point], kind: str) -> str:
        places = [f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points]
        if len(places) == 1:
            x, y = places[0].split(" ")
            return f'<circle class="{kind} alone" cx="{x}" cy="{y}" r="4"/>'
        return f'<path class="line {kind}" d="M{"L".join(places)}"/>' if places else ""


def line_chart(series: Sequence[Series], axes: Axes, *, mark: float | None = None) -> str:
    """Return a chart of lines.

    Args:
        series: the lines; values that are not finite are left out.
        axes: its words.
        mark: where on the horizontal axis a dotted line stands; None: nowhere.
    """
    kept = [Series(line.kind, thinned(_finite(line.points), MOST_POINTS)) for line in series]
    xs = [x for line in kept for x, _ in line.points]
    ys = [y for line in kept for _, y in line.points]
    frame = _Frame(axes, span_of(xs, pad=0.0 if len(set(xs)) > 1 else 0.05), span_of(ys))
    parts = []
    if mark is not None and xs and min(xs) <= mark <= max(xs):
        parts.append(f'<path class="guide" d="M{frame.x(mark):.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
    return frame.draw(parts + [frame.line(line.points, line.kind) for line in kept])


def dot_chart(
    dots: Sequence[Dot],
    axes: Axes,
    *,
    x: Range,
    y: Range,
    guide: Callable[[float], float],
    trend: Sequence[Point] = (),
) -> str:
    """Return a chart of dots, each with its name for those who point at it.

    Args:
        dots: the photos; their names must have gone through `display_name`.
        axes: its words.
        x: ends of the horizontal axis. y: of the vertical one.
        guide: the line to compare with, y for an x; drawn as far as it lies within.
        trend: points of a second line.
    """
    frame = _Frame(axes, x, y)
    ends = [(value, guide(value)) for value in x]
    parts = [frame.line([(a, min(max(b, y[0]), y[1])) for a, b in ends], "guide")]
    radius = 2 if len(dots) > _MANY_DOTS else 3.5
    for dot in dots:
        if math.isfinite(dot.x) and math.isfinite(dot.y):
            name = html.escape(dot.name if len(dot.name) <= _NAME_LENGTH else f"{dot.name[: _NAME_LENGTH - 1]}…")
            parts.append(
                f'<circle class="dot" cx="{frame.x(dot.x):.1f}" cy="{frame.y(dot.y):.1f}" r="{radius}">'
                f"<title>{name}: {number_text(dot.x)}, {number_text(dot.y)}</title></circle>"
            )
    parts.append(frame.line(_finite(trend), "trend"))
    return frame.draw(parts)


def histogram(values: Sequence[float], axes: Axes, *, bins: int = 17) -> str:
    """Return a chart of bars: how many values lie where; one bar is centred on zero.

    Args:
        values: (N,) numbers around zero, N ≥ 1; those that are not finite are left out.
        axes: its words.
        bins: about so many bars.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0]
    reach = max(max(abs(value) for value in known), 1e-6)
    step = round_step(2 * reach / bins)
    counts: dict[int, int] = {}
    for value in known:
        place = math.floor(value / step + 0.5)
        counts[place] = counts.get(place, 0) + 1
    most = max(max(abs(place) for place in counts), 2)
    frame = _Frame(axes, ((-most - 0.5) * step, (most + 0.5) * step), (0.0, max(counts.values()) * 1.08))
    parts = []
    for place, count in sorted(counts.items()):
        left, right = frame.x((place - 0.5) * step), frame.x((place + 0.5) * step)
        top = frame.y(count)
        parts.append(
            f'<rect class="bar" x="{left + 0.75:.1f}" y="{top:.1f}" width="{max(right - left - 1.5, 0.5):.1f}"'
            f' height="{HEIGHT - _BOTTOM - top:.1f}"><title>{number_text((place - 0.5) * step)} … '
            f"{number_text((place + 0.5) * step)}: {count}</title></rect>"
        )
    parts.append(f'<path class="guide" d="M{frame.x(0):.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
    return frame.draw(parts)


def thinned(items: Sequence[_Item], most: int) -> list[_Item]:
    """Return at most `most` of the items, evenly, the first and the last among them.

    >>> thinned(range(100), 4)
    [0, 33, 66, 99]
    """
    if len(items) <= most:
        return list(items)
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def _finite(points: Sequence[Point]) -> list[Point]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
