"""Turn a photo into terminal cells: half cells by default, sharper quadrant cells or exact colours on request."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import repeat
from typing import Literal

from PIL import Image
from rich.color import Color
from textual.strip import Strip

from tui.colour_runs import evened
from tui.picture_strip import BLANK, LOWER, OPEN, UPPER, Cell, PictureStrip, turned
from tui.quadrant_cells import split_cells

Cells = Literal["half", "quadrant", "exact"]
"""How cells are drawn: ``exact`` are half cells whose colours are sent as they are, at twice the bytes."""

_FINE, _FINE_BYTES = (4, 6, 8), 20
"""What brightness and colour may differ by within a run that is sent as one colour, least first; the next one is taken
where a cell takes more bytes than that. On photos this halves the bytes at a mean colour difference of about 0.6 (CIE
1976), where people begin to see one at 2."""
_COARSE, _COARSE_BYTES = (6, 10, 16), 15
"""The same for a slow line."""
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
    image: Image.Image,
    columns: int,
    rows: int,
    cells: Cells = "half",
    *,
    few_colours: bool = False,
    palette: bool = False,
) -> list[Strip]:
    """Draw a photo into a room of columns × rows, as large as it goes with its aspect kept.

    Args:
        image: the photo, RGB.
        columns: room in columns, at least 1.
        rows: room in rows, at least 1.
        cells: ``half`` (two colours a cell, one above the other), ``quadrant`` (four places, two colours) or ``exact``.
        few_colours: see `cell_strips`.
        palette: see `cell_strips`.

    Returns:
        One strip a row; all are equally wide, and not wider or more than the room.
    """
    half_cells = fitted(image.size, columns, rows)
    return cell_strips(image, half_cells, cells, few_colours=few_colours, palette=palette)


def cell_strips(
    image: Image.Image,
    half_cells: tuple[int, int],
    cells: Cells = "half",
    *,
    few_colours: bool = False,
    palette: bool = False,
) -> list[Strip]:
    """Draw a picture at exactly a size.

    Args:
        image: the picture, RGB.
        half_cells: width in columns and height in half rows; if odd, the last half row is left open.
        cells: ``half``, ``quadrant`` or ``exact``.
        few_colours: save bytes on a slow line.
        palette: use the 256-colour palette, for terminals that know no other colours.

    Returns:
        One strip a row.
    """
    wide, high = half_cells
    is_quadrant = cells == "quadrant" and high % 2 == 0
    size = (2 * wide, high) if is_quadrant else (wide, high)
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    spreads: tuple[int, ...]
    spreads, most = (_COARSE, _COARSE_BYTES) if few_colours else (_FINE, _FINE_BYTES)
    if palette or (cells == "exact" and not few_colours):
        spreads = (0,)
    draw = _quadrants if is_quadrant else _halves
    strips: list[PictureStrip] = []
    for spread in spreads:
        drawn = draw(image, spread, palette, few_colours)
        strips = [PictureStrip(turned(row) if few_colours else row, palette).prepare() for row in drawn]
        if sum(strip.sent for strip in strips) <= most * wide * len(strips):
            break
    return list[Strip](strips)


def _halves(image: Image.Image, spread: int, palette: bool, few_colours: bool) -> list[list[Cell]]:
    width, height = image.size
    pixels = _numbers(image, spread, palette, few_colours)
    rows = [pixels[start : start + width] for start in range(0, width * height, width)]
    open_row = rows.pop() if height % 2 else []
    drawn = [_row(repeat(LOWER), inks, papers) for papers, inks in zip(rows[::2], rows[1::2], strict=True)]
    if open_row:
        drawn.append(_row(repeat(UPPER), open_row, repeat(OPEN)))
    return drawn


def _quadrants(image: Image.Image, spread: int, palette: bool, few_colours: bool) -> list[list[Cell]]:
    width = image.width // 2
    shapes, inks, papers = split_cells(image)
    cells = _row(shapes, *(_numbers(colours, spread, palette, few_colours) for colours in (inks, papers)))
    return [cells[start : start + width] for start in range(0, len(cells), width)]


def _row(shapes: Iterable[int], inks: Iterable[int], papers: Iterable[int]) -> list[Cell]:
    return [
        (BLANK, paper, paper) if ink == paper else (shape, ink, paper)
        for shape, ink, paper in zip(shapes, inks, papers, strict=False)
    ]


def _numbers(image: Image.Image, spread: int, palette: bool, few_colours: bool) -> list[int]:
    """Return each pixel as one number: of the palette, or its red, green and blue bytes."""
    if spread:
        image = evened(image, spread)
    if not palette:
        return memoryview(image.convert("RGBX").tobytes()).cast("I").tolist()
    dither = Image.Dither.NONE if few_colours else Image.Dither.FLOYDSTEINBERG
    return [_FIRST + place for place in image.quantize(palette=_palette(), dither=dither).tobytes()]


@cache
def _palette() -> Image.Image:
    """Return the 240 colours of the 256-colour palette that are the same in every terminal."""
    palette = Image.new("P", (1, 1))
    colours = [Color.from_ansi(number).get_truecolor() for number in range(_FIRST, 256)]
    palette.putpalette([part for colour in colours for part in colour])
    return palette
