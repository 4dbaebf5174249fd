"""Turn a photo into terminal cells: half cells by default, sharper quadrant cells on request."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import groupby, repeat
from typing import Literal

from PIL import Image
from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.quadrant_cells import SHAPES, split_cells

Cells = Literal["half", "quadrant"]

_BLANK, _UPPER, _LOWER = (SHAPES.index(shape) for shape in " ▀▄")
_FIRST = 16
"""The first colour of the 256-colour palette that no terminal lets people redefine."""


def fitted(size: tuple[int, int], columns: int, rows: int) -> tuple[int, int]:
    """Return how many half cells a photo fills, its aspect kept.

    A half cell is one column wide and half a row high, which is nearly square in every terminal font.

    Args:
        size: width and height of the photo, in pixels.
        columns: room in columns.
        rows: room in rows.

    Returns:
        Width in columns, and height in half rows (even, at least 2).

    >>> fitted((400, 300), 80, 20), fitted((100, 1000), 80, 20)
    ((53, 40), (4, 40))
    """
    width, height = size
    factor = min(columns / width, 2 * rows / height)
    wide = min(max(round(width * factor), 1), columns)
    high = min(max(2 * round(height * factor / 2), 2), 2 * rows)
    return wide, high


def photo_strips(
    image: Image.Image, columns: int, rows: int, cells: Cells = "half", *, few_colours: bool = False
) -> list[Strip]:
    """Draw a photo into a room of columns × rows, as large as it goes with its aspect kept.

    Args:
        image: the photo, RGB.
        columns: room in columns, at least 1.
        rows: room in rows, at least 1.
        cells: ``half`` (two colours a cell, one above the other) or ``quadrant`` (four places, two colours).
        few_colours: see `cell_strips`.

    Returns:
        One strip a row; all are equally wide, and not wider or more than the room.
    """
    return cell_strips(image, fitted(image.size, columns, rows), cells, few_colours=few_colours)


def cell_strips(
    image: Image.Image, half_cells: tuple[int, int], cells: Cells = "half", *, few_colours: bool = False
) -> list[Strip]:
    """Draw a picture at exactly a size.

    Args:
        image: the picture, RGB.
        half_cells: width in columns and height in half rows; if odd, the last half row is left open.
        cells: ``half`` or ``quadrant``.
        few_colours: take colours of the 256-colour palette, so that fewer bytes are sent.

    Returns:
        One strip a row.
    """
    wide, high = half_cells
    if cells == "quadrant" and high % 2 == 0:
        return _quadrants(_resized(image, (2 * wide, high)), few_colours)
    return _halves(_resized(image, (wide, high)), few_colours)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _halves(small: Image.Image, few_colours: bool) -> list[Strip]:
    width, height = small.size
    pixels = _packed(small, few_colours)
    rows = [pixels[start : start + width] for start in range(0, width * height, width)]
    if height % 2:
        *rows, last = rows
    strips = [
        _strip(zip(lower, upper, repeat(_LOWER)), width, few_colours)
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
    if height % 2:
        strips.append(_strip(zip(last, repeat(None), repeat(_UPPER)), width, few_colours))
    return strips


def _quadrants(small: Image.Image, few_colours: bool) -> list[Strip]:
    width = small.width // 2
    shapes, inks, papers = split_cells(small)
    cells = list(zip(_packed(inks, few_colours), _packed(papers, few_colours), shapes, strict=True))
    return [_strip(cells[start : start + width], width, few_colours) for start in range(0, len(cells), width)]


def _packed(image: Image.Image, few_colours: bool) -> list[int]:
    """Return each pixel as one number: its place in the palette, or its red, green and blue bytes."""
    if few_colours:
        return list(image.quantize(palette=_palette(), dither=Image.Dither.NONE).tobytes())
    return memoryview(image.convert("RGBX").tobytes()).cast("I").tolist()


def _strip(cells: Iterable[tuple[int, int | None, int]], width: int, few_colours: bool) -> Strip:
    """Make a strip of (ink, paper, shape) cells; equal neighbours become one segment."""
    styled = _palette_style if few_colours else _style
    segments = []
    for (ink, paper, shape), alike in groupby(cells):
        if ink == paper or shape == _BLANK:
            segments.append(Segment(" " * len(list(alike)), styled(None, paper)))
        else:
            segments.append(Segment(SHAPES[shape] * len(list(alike)), styled(ink, paper)))
    return Strip(segments, width)


@lru_cache(maxsize=16384)
def _style(ink: int | None, paper: int | None) -> Style:
    return Style.from_color(_colour(ink), _colour(paper))


def _colour(packed: int | None) -> Color | None:
    return None if packed is None else Color.from_rgb(*packed.to_bytes(4, sys.byteorder)[:3])


@lru_cache(maxsize=16384)
def _palette_style(ink: int | None, paper: int | None) -> Style:
    return Style.from_color(_palette_colour(ink), _palette_colour(paper))


def _palette_colour(place: int | None) -> Color | None:
    if place is None:
        return None
    # The triplet keeps Textual from turning the number into a true colour, which would take twice the bytes.
    number = _FIRST + place
    return Color(f"color({number})", ColorType.EIGHT_BIT, number, Color.from_ansi(number).get_truecolor())


@cache
def _palette() -> Image.Image:
    """Return the 240 colours of the 256-colour palette that are the same in every terminal."""
    palette = Image.new("P", (1, 1))
    colours = [Color.from_ansi(number).get_truecolor() for number in range(_FIRST, 256)]
    palette.putpalette([part for colour in colours for part in colour])
    return palette
