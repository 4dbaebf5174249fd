"""Rows of picture cells that know their bytes on the terminal; Textual's segments are made only if asked for."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Any

from rich.color import Color, ColorType
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor, DimFilter
from textual.strip import Strip
from textual.widget import Widget

from tui.quadrant_cells import SHAPES

Cell = tuple[int, int, int]
"""Shape (a place in `SHAPES`), ink and paper: red, green and blue in one number, a number of the palette, or OPEN."""

OPEN = -1
"""Instead of a colour: that of the widget below."""
BLANK, UPPER, LOWER, FULL = (SHAPES.index(shape) for shape in " ▀▄█")
_RED, _GREEN, _BLUE = (0, 8, 16) if sys.byteorder == "little" else (24, 16, 8)
_RESET = "\x1b[0m"


def is_plain(widget: Widget) -> bool:
    """Say whether a widget's rows can be sent as they are: there is no border, tint or filter to be put on them."""
    styles = widget.styles
    return (
        not any(styles.gutter)
        and not styles.tint.a
        and widget.opacity == styles.text_opacity == 1
        # these change only the 16 colours of the terminal's own, and faint text: there are none in pictures
        and all(isinstance(kind, ANSIToTruecolor | DimFilter) for kind in widget.get_line_filters())
    )


class LazyStrip(Strip):
    """A strip that makes its segments only in need: where something lies over it, in a screenshot, under a filter.

    A large photo has thousands of cells of different colours. As segments with styles they take 1 kB each, and a tenth
    of a second to pass through Textual.
    """

    __slots__ = ("_made",)

    def __init__(self, cell_length: int) -> None:
        # Strip itself begins with a dozen caches, which a row that is sent as it is never needs: see __getattr__.
        self._cell_length = cell_length
        self._made: list[Segment] | None = None

    def __getattr__(self, name: str) -> Any:
        if name not in Strip.__slots__:
            raise AttributeError(name)
        super().__init__((), self._cell_length)
        return getattr(self, name)

    @abstractmethod
    def make_segments(self) -> list[Segment]:
        """Return the row as Textual's segments."""

    @property
    def _segments(self) -> list[Segment]:
        if self._made is None:
            self._made = self.make_segments()
        return self._made

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        """Do nothing: Strip begins with none."""

    def __bool__(self) -> bool:
        return self.cell_length > 0

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Return the parts between some columns, from the first column on."""
        return [
            self.crop(start, end) for start, end in pairwise([0, *(cut for cut in cuts if cut <= self.cell_length)])
        ]


class PictureStrip(LazyStrip):
    """A row of picture cells.

    Args:
        cells: the cells.
        palette: whether colours are numbers of the 256-colour palette; else each is red, green and blue.
    """

    __slots__ = ("_ansi", "_palette", "cells")

    def __init__(self, cells: Sequence[Cell], palette: bool = False) -> None:
        super().__init__(len(cells))
        self.cells = cells
        self._palette = palette
        self._ansi = ""

    def prepare(self) -> PictureStrip:
        """Make the bytes now, in the thread that draws, and return the row itself."""
        self._ansi = _ansi(self.cells, self._palette) + _RESET
        return self

    @property
    def sent(self) -> int:
        """How many bytes the row takes on a terminal that knows its colours."""
        return len((self._ansi or self.prepare()._ansi).encode())

    def make_segments(self) -> list[Segment]:
        """Return the row as Textual's segments; equal neighbours are one."""
        colour = _palette_colour if self._palette else _colour
        segments = []
        for (shape, ink, paper), alike in groupby(self.cells):
            style = Style.from_color(None if shape == BLANK else colour(ink), None if paper == OPEN else colour(paper))
            segments.append(Segment(SHAPES[shape] * len(list(alike)), style))
        return segments

    def render(self, console: Console) -> str:
        """Return the bytes of the row, without a reset between its cells."""
        if console.color_system != "truecolor" and not (self._palette and console.color_system == "256"):
            return super().render(console)  # which takes colours that the terminal has
        return self._ansi or self.prepare()._ansi

    def crop(self, start: int, end: int | None = None) -> Strip:
        """Return a part of the row, from one column up to another."""
        start, stop = max(start, 0), self.cell_length if end is None else min(end, self.cell_length)
        if start == 0 and stop == self.cell_length:
            return self
        return PictureStrip(self.cells[start:stop], self._palette)


class JoinedStrip(LazyStrip):
    """Strips side by side, each of which keeps its bytes.

    Args:
        parts: the strips; empty ones are left out.
    """

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[Strip]) -> None:
        self.parts = [part for part in parts if part.cell_length]
        super().__init__(sum(part.cell_length for part in self.parts))

    def make_segments(self) -> list[Segment]:
        """Return the row as Textual's segments."""
        return [segment for part in self.parts for segment in part]

    def render(self, console: Console) -> str:
        """Return the bytes of all parts."""
        return "".join([part.render(console) for part in self.parts])

    def crop(self, start: int, end: int | None = None) -> Strip:
        """Return a part of the row, from one column up to another."""
        start, stop = max(start, 0), self.cell_length if end is None else min(end, self.cell_length)
        if start == 0 and stop == self.cell_length:
            return self
        left, found = 0, []
        for part in self.parts:
            if start < left + part.cell_length and left < stop:
                found.append(part.crop(start - left, stop - left))
            left += part.cell_length
        return JoinedStrip(found)


def _ansi(cells: Iterable[Cell], palette: bool) -> str:
    """Return the cells as the terminal takes them; a colour is named only where it changes."""
    code = _palette_code if palette else _code
    parts: list[str] = []
    ink_now = paper_now = OPEN
    for shape, ink, paper in cells:
        if paper == paper_now:
            if ink == ink_now or shape == BLANK:
                parts.append(SHAPES[shape])
            else:
                parts.append(f"\x1b[3{code(ink)}m{SHAPES[shape]}")
                ink_now = ink
        elif ink == ink_now or shape == BLANK:
            parts.append(f"\x1b[4{code(paper)}m{SHAPES[shape]}")
            paper_now = paper
        else:
            parts.append(f"\x1b[3{code(ink)};4{code(paper)}m{SHAPES[shape]}")
            ink_now, paper_now = ink, paper
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


def _code(colour: int) -> str:
    if colour == OPEN:
        return "9"
    return f"8;2;{colour >> _RED & 255};{colour >> _GREEN & 255};{colour >> _BLUE & 255}"


@lru_cache(maxsize=256)
def _palette_code(colour: int) -> str:
    return "9" if colour == OPEN else f"8;5;{colour}"


@lru_cache(maxsize=4096)
def _colour(packed: int) -> Color:
    return Color.from_rgb(packed >> _RED & 255, packed >> _GREEN & 255, packed >> _BLUE & 255)


@lru_cache(maxsize=256)
def _palette_colour(number: int) -> Color:
    # The triplet keeps Textual from turning the number into a true colour, which would take twice the bytes.
    return Color(f"color({number})", ColorType.EIGHT_BIT, number, Color.from_ansi(number).get_truecolor())
