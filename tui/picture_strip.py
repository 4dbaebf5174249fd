"""A row of picture cells that knows the bytes it takes on the terminal, and makes Textual's segments only if asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby

from rich.color import Color, ColorType
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.quadrant_cells import SHAPES

Cell = tuple[int, int, int]
"""Shape (a place in `SHAPES`), ink and paper: red, green and blue in one number, a number of the palette, or OPEN."""

OPEN = -1
"""Instead of a colour: that of the widget below."""
BLANK, UPPER, LOWER, FULL = (SHAPES.index(shape) for shape in " ▀▄█")
_RESET = "\x1b[0m"


class PictureStrip(Strip):
    """A row of picture cells between two margins.

    A large photo has thousands of cells of different colours. As segments with styles they take 1 kB each, and a tenth
    of a second to pass through Textual. So the row carries its bytes, made in a thread, and its segments are made only
    where something lies over the photo, in a screenshot, or where colours are filtered.

    Args:
        cells: the cells.
        palette: whether colours are numbers of the 256-colour palette; else each is red, green and blue.
        ansi: the bytes of the cells; None: made from the cells.
        margins: how many empty cells are left and right of them.
        style: of the margins.
    """

    __slots__ = ("_ansi", "_made", "_margins", "_palette", "_style", "cells")

    def __init__(
        self,
        cells: Sequence[Cell],
        palette: bool = False,
        ansi: str | None = None,
        margins: tuple[int, int] = (0, 0),
        style: Style | None = None,
    ) -> None:
        super().__init__((), len(cells) + sum(margins))
        self.cells = cells
        self._palette = palette
        self._ansi = _ansi(cells, palette) if ansi is None else ansi
        self._margins, self._style = margins, style
        self._made: list[Segment] | None = None

    def between(self, left: int, right: int, style: Style) -> PictureStrip:
        """Return the same row with margins."""
        return PictureStrip(self.cells, self._palette, self._ansi, (left, right), style)

    def comparable(self) -> list[tuple[str | int, object]]:
        """Return each cell, margins included, as what is in it and what colours it has."""
        left, right = self._margins
        margin: tuple[str | int, object] = (" ", self._style)
        middle: list[tuple[str | int, object]] = [(shape, (ink, paper)) for shape, ink, paper in self.cells]
        return [margin] * left + middle + [margin] * right

    @property
    def _segments(self) -> list[Segment]:
        if self._made is None:
            left, right = ([Segment(" " * room, self._style)] if room else [] for room in self._margins)
            self._made = [*left, *_segments(self.cells, self._palette), *right]
        return self._made

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        """Do nothing: Strip begins with none."""

    def render(self, console: Console) -> str:
        """Return the bytes of the row, without a reset between its cells."""
        if self._render_cache is None:
            if console.color_system != "truecolor" and not (self._palette and console.color_system == "256"):
                return super().render(console)  # which takes colours that the terminal has
            left, right = (Strip.blank(room, self._style).render(console) if room else "" for room in self._margins)
            self._render_cache = f"{left}{self._ansi}{_RESET}{right}"
        return self._render_cache

    def crop(self, start: int, end: int | None = None) -> Strip:
        """Return a part of the row, from one column up to another."""
        start = max(start, 0)
        stop = self.cell_length if end is None else min(end, self.cell_length)
        if start == 0 and stop == self.cell_length:
            return self
        if stop <= start:
            return Strip([], 0)
        first, last = self._margins[0], self._margins[0] + len(self.cells)
        margins = max(min(stop, first) - start, 0), max(stop - max(start, last), 0)
        part = self.cells[max(start - first, 0) : max(stop - first, 0)]
        ansi = self._ansi if len(part) == len(self.cells) else None
        return PictureStrip(part, self._palette, ansi, margins, self._style)


def _ansi(cells: Sequence[Cell], palette: bool) -> str:
    """Return the cells as the terminal takes them; a colour is named only where it changes."""
    code = _palette_code if palette else _code
    parts: list[str] = []
    ink_now = paper_now = OPEN
    for shape, ink, paper in cells:
        new_ink, new_paper = shape != BLANK and ink != ink_now, paper != paper_now
        if new_ink and new_paper:
            parts.append(f"\x1b[3{code(ink)};4{code(paper)}m")
            ink_now, paper_now = ink, paper
        elif new_paper:
            parts.append(f"\x1b[4{code(paper)}m")
            paper_now = paper
        elif new_ink:
            parts.append(f"\x1b[3{code(ink)}m")
            ink_now = ink
        parts.append(SHAPES[shape])
    return "".join(parts)


def turned(cells: Iterable[Cell]) -> list[Cell]:
    """Return cells that look the same, with ink and paper exchanged where this saves naming a colour.

    Fonts draw the edges of a shape in their own way, so it is for slow lines only.
    """
    found: list[Cell] = []
    ink_now = paper_now = OPEN
    for shape, ink, paper in cells:
        if shape == BLANK:
            if paper == ink_now != paper_now:
                found.append((FULL, ink_now, paper_now))
            else:
                found.append((BLANK, paper, paper))
                paper_now = paper
            continue
        saved = (paper == ink_now) + (ink == paper_now) - (ink == ink_now) - (paper == paper_now)
        if saved > 0 and paper != OPEN:
            shape, ink, paper = FULL - shape, paper, ink
        found.append((shape, ink, paper))
        ink_now, paper_now = ink, paper
    return found


@lru_cache(maxsize=16384)
def _code(colour: int) -> str:
    if colour == OPEN:
        return "9"
    red, green, blue, _ = colour.to_bytes(4, sys.byteorder)
    return f"8;2;{red};{green};{blue}"


@lru_cache(maxsize=256)
def _palette_code(colour: int) -> str:
    return "9" if colour == OPEN else f"8;5;{colour}"


def _segments(cells: Sequence[Cell], palette: bool) -> list[Segment]:
    """Return the cells as segments; equal neighbours are one."""
    colour = _palette_colour if palette else _colour
    segments = []
    for (shape, ink, paper), alike in groupby(cells):
        style = Style.from_color(None if shape == BLANK else colour(ink), None if paper == OPEN else colour(paper))
        segments.append(Segment(SHAPES[shape] * len(list(alike)), style))
    return segments


@lru_cache(maxsize=4096)
def _colour(packed: int) -> Color:
    red, green, blue, _ = packed.to_bytes(4, sys.byteorder)
    return Color.from_rgb(red, green, blue)


@lru_cache(maxsize=256)
def _palette_colour(number: int) -> Color:
    # The triplet keeps Textual from turning the number into a true colour, which would take twice the bytes.
    return Color(f"color({number})", ColorType.EIGHT_BIT, number, Color.from_ansi(number).get_truecolor())
