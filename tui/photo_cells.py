"""Turn a photo into terminal cells: half cells by default, sharper quadrant cells on request."""

from __future__ import annotations

from typing import Literal

from PIL import Image
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich_pixels import HalfcellRenderer
from textual.strip import Strip

Cells = Literal["half", "quadrant"]

_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"


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


def photo_strips(image: Image.Image, columns: int, rows: int, cells: Cells = "half") -> list[Strip]:
    """Draw a photo into a room of columns × rows, as large as it goes with its aspect kept.

    Args:
        image: the photo, RGB.
        columns: room in columns, at least 1.
        rows: room in rows, at least 1.
        cells: ``half`` (two colours a cell, one above the other) or ``quadrant`` (four places, two colours).

    Returns:
        One strip a row; all are equally wide, and not wider or more than the room.
    """
    wide, high = fitted(image.size, columns, rows)
    if cells == "quadrant":
        return _quadrants(image.resize((2 * wide, high), Image.Resampling.LANCZOS))
    small = image.resize((wide, high), Image.Resampling.LANCZOS)
    return [Strip(line, wide) for line in Segment.split_lines(HalfcellRenderer().render(small, None)) if line]


def _quadrants(small: Image.Image) -> list[Strip]:
    pixels = small.convert("RGB").tobytes()
    width, height = small.size
    strips = []
    for top in range(0, height, 2):
        line = []
        for left in range(0, width, 2):
            corners = [
                tuple(pixels[3 * place : 3 * place + 3])
                for place in (
                    top * width + left,
                    top * width + left + 1,
                    (top + 1) * width + left,
                    (top + 1) * width + left + 1,
                )
            ]
            line.append(_quadrant(corners))
        strips.append(Strip(line, width // 2))
    return strips


def _quadrant(corners: list[tuple[int, ...]]) -> Segment:
    """Split four corners at the middle of the colour channel in which they differ most."""
    spreads = [(max(values) - min(values), values) for values in zip(*corners, strict=True)]
    _, values = max(spreads, key=lambda spread: spread[0])
    middle = (max(values) + min(values)) / 2
    mask = sum(1 << place for place, value in enumerate(values) if value > middle)
    over = [corner for place, corner in enumerate(corners) if mask >> place & 1]
    under = [corner for place, corner in enumerate(corners) if not mask >> place & 1]
    return Segment(_QUADRANTS[mask], Style.from_color(_mean(over or under), _mean(under or over)))


def _mean(colours: list[tuple[int, ...]]) -> Color:
    red, green, blue = (sum(channel) // len(colours) for channel in zip(*colours, strict=True))
    return Color.from_rgb(red, green, blue)
