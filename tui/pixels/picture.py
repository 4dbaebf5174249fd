"""A picture ready to be sent to a terminal as pixels; it is made in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from tui.pixels.kitty import as_png
from tui.pixels.sixel import COLOURS, sixels

Size = tuple[int, int]

_FEW_COLOURS = 32
_COARSER = 3  # Kitty makes a picture as large as its cells, so a slow line is sent a ninth of the pixels


@dataclass(frozen=True)
class Way:
    """How a terminal draws pixels.

    Args:
        mode: by which protocol.
        cell: width and height of a cell, in pixels.
        paper: red, green and blue of what is behind the picture.
        few_colours: save bytes on a slow line.
    """

    mode: Literal["kitty", "sixel"]
    cell: Size
    paper: tuple[int, int, int] = (0, 0, 0)
    few_colours: bool = False


@dataclass(frozen=True)
class Picture:
    """Pixels as a terminal takes them.

    Args:
        mode: by which protocol.
        columns: width in cells.
        rows: height in cells.
        data: Sixel's sequence, or the base64 of Kitty's PNG.
    """

    mode: Literal["kitty", "sixel"]
    columns: int
    rows: int
    data: str


def encoded(image: Image.Image, way: Way) -> Picture:
    """Return a picture at its present size; it takes a while, so call it in a thread.

    Args:
        image: the picture, RGB, as large as it is to be seen.
        way: how the terminal draws pixels.
    """
    columns, rows = (-(-length // cell_length) for length, cell_length in zip(image.size, way.cell, strict=True))
    if way.mode == "sixel":
        whole = _on_whole_cells(image, (columns * way.cell[0], rows * way.cell[1]), way.paper)
        return Picture("sixel", columns, rows, sixels(whole, _FEW_COLOURS if way.few_colours else COLOURS))
    if way.few_colours:
        image = image.resize((max(image.width // _COARSER, 1), max(image.height // _COARSER, 1)), Image.Resampling.BOX)
    return Picture("kitty", columns, rows, as_png(image, _FEW_COLOURS if way.few_colours else 0))


def _on_whole_cells(image: Image.Image, size: Size, paper: tuple[int, int, int]) -> Image.Image:
    """Put the picture into the middle of whole cells, so that no part of a cell shows what is below it."""
    if image.size == size:
        return image
    whole = Image.new("RGB", size, paper)
    whole.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return whole
