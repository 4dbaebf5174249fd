"""Draw lines on two logarithmic scales with Pillow: one panel beside the other, each line named at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

Dots = Sequence[tuple[float, float]]
Pixel = tuple[float, float]

_PANEL = (760, 620)
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 150, 64, 70
_FOOT, _LINE = 44, 18
_SCALE = 2  # drawn twice as large and made smaller: Pillow's lines have no soft edges
_PAPER, _INK, _FAINT, _GRID = "#ffffff", "#202428", "#6b7280", "#e5e7eb"
LINE_COLOURS = ("#0b6bcb", "#d9480f", "#2b8a3e", "#9c36b5", "#c92a2a", "#0c8599", "#8a6d00")


class Panel(NamedTuple):
    """One panel.

    Args:
        title: above it.
        lines: name → (x, y) dots, all above 0, from left to right.
        label: writes a value of the y axis.
        least: the y axis begins no higher than here.
        note: what the dashed line of slope 1 is called.
    """

    title: str
    lines: Mapping[str, Dots]
    label: Callable[[float], str]
    least: float
    note: str


def draw(path: Path, panels: Sequence[Panel], x_title: str, foot: str) -> None:
    """Save panels that share their x axis and their lines' colours as a PNG.

    Args:
        path: where to.
        panels: from left to right; each has at least one line.
        x_title: below each.
        foot: a sentence below all.
    """
    width, height = _PANEL[0] * len(panels), _PANEL[1] + _FOOT
    page = Image.new("RGB", (width * _SCALE, height * _SCALE), _PAPER)
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = {name: LINE_COLOURS[place % len(LINE_COLOURS)] for place, name in enumerate(names)}
    for place, panel in enumerate(panels):
        _Drawing(page, panel, place * _PANEL[0], colours, x_title).draw()
    _Pen(page).text((width / 2, height - _FOOT / 2 - 4), foot, 14, _FAINT, "mm")
    page.resize((width, height), Image.Resampling.LANCZOS).quantize(256).save(path, optimize=True)


class _Pen:
    """Draws in the coordinates of the finished picture."""

    def __init__(self, page: Image.Image) -> None:
        self._draw = ImageDraw.Draw(page)

    def text(self, at: Pixel, text: str, size: int, fill: str, anchor: str) -> None:
        font = ImageFont.load_default(size * _SCALE)
        self._draw.text((at[0] * _SCALE, at[1] * _SCALE), text, fill, font, anchor)

    def line(self, dots: Sequence[Pixel], fill: str, width: float) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in dots]
        self._draw.line(scaled, fill, round(width * _SCALE), joint="curve")

    def dashes(self, begin: Pixel, end: Pixel, fill: str) -> None:
        length = math.dist(begin, end)
        for step in range(0, int(length), 12):
            near, far = (min(way, length) / length for way in (step, step + 6))
            ends = [tuple(a + (b - a) * share for a, b in zip(begin, end, strict=True)) for share in (near, far)]
            self.line([(ends[0][0], ends[0][1]), (ends[1][0], ends[1][1])], fill, 1.5)

    def dot(self, at: Pixel, fill: str) -> None:
        x, y, radius = at[0] * _SCALE, at[1] * _SCALE, 4 * _SCALE
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill, _PAPER, _SCALE)


class _Drawing:
    """One panel on its way onto the page."""

    def __init__(self, page: Image.Image, panel: Panel, offset: int, colours: Mapping[str, str], x_title: str) -> None:
        self._pen, self._panel, self._colours, self._x_title = _Pen(page), panel, colours, x_title
        dots = [dot for line in panel.lines.values() for dot in line]
        self._x = _decades([x for x, _ in dots])
        self._y = _decades([panel.least, *(y for _, y in dots)])
        self._box = offset + _LEFT, _TOP, offset + _PANEL[0] - _RIGHT, _PANEL[1] - _BOTTOM

    def draw(self) -> None:
        """Draw grid, the line of slope 1, the lines and their names."""
        left, top, right, bottom = self._box
        self._pen.text((left, top - 30), self._panel.title, 20, _INK, "ls")
        for power in range(self._x[0], self._x[1] + 1):
            x = self._at(10.0**power, 1)[0]
            self._pen.line([(x, top), (x, bottom)], _GRID, 1)
            self._pen.text((x, bottom + 10), f"{10**power:,}", 14, _FAINT, "mt")
        for power in range(self._y[0], self._y[1] + 1):
            y = self._at(1, 10.0**power)[1]
            self._pen.line([(left, y), (right, y)], _GRID, 1)
            self._pen.text((left - 10, y), self._panel.label(10.0**power), 14, _FAINT, "rm")
        self._pen.text(((left + right) / 2, bottom + 36), self._x_title, 15, _INK, "mt")
        self._slope()
        for name, dots in self._panel.lines.items():
            places = [self._at(x, y) for x, y in dots]
            self._pen.line(places, self._colours[name], 2.5)
            for place in places:
                self._pen.dot(place, self._colours[name])
        self._names()

    def _slope(self) -> None:
        """Draw where a line runs that grows as the photos do, from the lower left corner."""
        span = min(self._x[1] - self._x[0], self._y[1] - self._y[0])
        begin = self._at(10.0 ** self._x[0], 10.0 ** self._y[0])
        end = self._at(10.0 ** (self._x[0] + span), 10.0 ** (self._y[0] + span))
        self._pen.dashes(begin, end, _FAINT)
        early = begin[0] + (end[0] - begin[0]) * 0.1, begin[1] + (end[1] - begin[1]) * 0.1
        self._pen.text((early[0] + 8, early[1] + 4), self._panel.note, 13, _FAINT, "lt")

    def _names(self) -> None:
        """Write each line's name at its end, none over another."""
        columns: dict[float, list[tuple[float, str]]] = {}
        for name, dots in self._panel.lines.items():
            x, y = self._at(*dots[-1])
            columns.setdefault(round(x), []).append((y, name))
        for x, column in columns.items():
            below = -math.inf
            for number, (y, name) in enumerate(sorted(column), start=1):
                lowest = self._box[3] - _LINE * (len(column) - number)  # room for those that follow
                below = min(max(y, below + _LINE), lowest)
                self._pen.text((x + 12, below), name, 15, self._colours[name], "lm")

    def _at(self, x: float, y: float) -> Pixel:
        left, top, right, bottom = self._box
        across = (math.log10(x) - self._x[0]) / (self._x[1] - self._x[0])
        up = (math.log10(y) - self._y[0]) / (self._y[1] - self._y[0])
        return left + across * (right - left), bottom - up * (bottom - top)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten between which values lie."""
    low = math.floor(math.log10(min(values)) + 1e-9)
    return low, max(math.ceil(math.log10(max(values)) - 1e-9), low + 1)
