"""Writes a picture as Sixel: bands of six rows, in each band one line for every colour that it holds."""

from __future__ import annotations

import re
import time
from typing import cast

from PIL import Image

COLOURS = 256
"""The most colours that every Sixel terminal keeps at once."""

_BITS = (1, 2, 4, 8, 16, 32)
_AS_TEXT = bytes(range(63, 127)) + bytes(192)
_RUN = re.compile(rb"\?{4,}|([^?])\1{3,}")


def sixels(image: Image.Image, colours: int = COLOURS) -> str:
    """Return the sequence that draws a picture at the cursor; it takes a while, so call it in a thread.

    Args:
        image: the picture, RGB.
        colours: how many colours its palette may have, 2 to 256.

    Returns:
        A device control string. What follows the last row of a band of six is left transparent.
    """
    # An octree takes about 10 ms for 800×600, median cut 200; the palette is as good at 256 colours.
    small = image.convert("RGB").quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    width, height = small.size
    pixels = small.tobytes()
    rows = [pixels[start : start + width] for start in range(0, width * height, width)]
    bands = []
    for top in range(0, height, 6):
        bands.append(_band(rows[top : top + 6], width))
        time.sleep(0)  # lets the event loop have the interpreter at once, where it would wait for 5 ms
    # P2=1: what is not drawn stays as it is; the raster attributes give square pixels and the size
    return f'\x1bP0;1q"1;1;{width};{height}{_palette(small)}{"-".join(bands)}\x1b\\'


def _palette(image: Image.Image) -> str:
    channels = [round(value / 2.55) for value in image.getpalette() or []]
    used = sorted(cast("int", colour) for _, colour in image.getcolors() or [])
    return "".join(f"#{colour};2;{';'.join(map(str, channels[3 * colour : 3 * colour + 3]))}" for colour in used)


def _band(rows: list[bytes], width: int) -> str:
    lines: dict[int, bytearray] = {}
    for bit, row in zip(_BITS, rows, strict=False):
        for column, colour in enumerate(row):
            line = lines.get(colour)
            if line is None:
                line = lines[colour] = bytearray(width)
            line[column] |= bit
    texts = (_RUN.sub(_shortened, line.rstrip(b"\0").translate(_AS_TEXT)) for line in lines.values())
    return "$".join(f"#{colour}{text.decode('ascii')}" for colour, text in zip(lines, texts, strict=True))


def _shortened(run: re.Match[bytes]) -> bytes:
    start, end = run.span()
    return b"!%d%c" % (end - start, run.string[start])
