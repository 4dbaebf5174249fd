"""Draws pictures by Kitty's graphics protocol, through placeholder characters.

A picture is sent once under a number. Where a cell holds the placeholder, the terminal shows a piece of the picture
instead: the colour of the character names the picture, its diacritics name the piece. So a picture is moved, covered
and wiped like any other text. https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from functools import cache

from PIL import Image
from rich.color import Color, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

CHUNK = 4096
"""The most characters of a picture in one sequence."""
NUMBERS = range(16, 256)
"""What a colour can say of a picture's number; the first sixteen are left to the person's own colours."""

_PLACEHOLDER = "\U0010eeee"
# Row and column numbers from 0 on, as the protocol lists them.
_DIACRITICS = (
    "0305 030D 030E 0310 0312 033D-033F 0346 034A-034C 0350-0352 0357 035B 0363-036F 0483-0487 0592-0595 0597-0599 "
    "059C-05A1 05A8 05A9 05AB 05AC 05AF 05C4 0610-0617 0657-065B 065D 065E 06D6-06DC 06DF-06E2 06E4 06E7 06E8 06EB "
    "06EC 0730 0732 0733 0735 0736 073A 073D 073F-0741 0743 0745 0747 0749 074A 07EB-07F1 07F3 0816-0819 081B-0823 "
    "0825-0827 0829-082D 0951 0953 0954 0F82 0F83 0F86 0F87 135D-135F 17DD 193A 1A17 1A75-1A7C 1B6B 1B6D-1B73 "
    "1CD0-1CD2 1CDA 1CDB 1CE0 1DC0 1DC1 1DC3-1DC9 1DCB 1DCC 1DD1-1DE6 1DFE 20D0 20D1 20D4-20D7 20DB 20DC 20E1 20E7 "
    "20E9 20F0 2CEF-2CF1 2DE0-2DFF A66F A67C A67D A6F0 A6F1 A8E0-A8F1 AAB0 AAB2 AAB3 AAB7 AAB8 AABE AABF AAC1 "
    "FE20-FE26 10A0F 10A38 1D185-1D189 1D1AA-1D1AD 1D242-1D244"
)


@cache
def diacritics() -> str:
    """Return the characters that stand for 0, 1, 2 …: as many rows and columns as a picture can have."""
    found = []
    for part in _DIACRITICS.split():
        first, _, last = part.partition("-")
        found += [chr(code) for code in range(int(first, 16), int(last or first, 16) + 1)]
    return "".join(found)


def as_png(image: Image.Image, colours: int = 0) -> str:
    """Return a picture as base64 of a PNG; it takes a while, so call it in a thread.

    Args:
        image: the picture, RGB.
        colours: how many colours it may have, to save bytes; 0: all.
    """
    if colours:
        image = image.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=9 if colours else 1)
    return base64.b64encode(file.getvalue()).decode("ascii")


def transmission(number: int, png: str, columns: int, rows: int) -> str:
    """Return the sequences that send a picture and say how many cells it fills; nothing is drawn yet.

    Args:
        number: of the picture, 32 bits; a picture that had it is replaced.
        png: from `as_png`.
        columns: width in cells, 1 to 297.
        rows: height in cells, 1 to 297.
    """
    chunks = [png[start : start + CHUNK] for start in range(0, len(png), CHUNK)]
    parts = []
    for place, chunk in enumerate(chunks):
        more = int(place < len(chunks) - 1)
        # q=2: no answers, which the app would take for keys
        keys = f"a=t,f=100,i={number},q=2,m={more}" if place == 0 else f"q=2,m={more}"
        parts.append(f"\x1b_G{keys};{chunk}\x1b\\")
    parts.append(f"\x1b_Ga=p,U=1,i={number},c={columns},r={rows},q=2\x1b\\")
    return "".join(parts)


def deletion(number: int) -> str:
    """Return the sequence that makes the terminal forget a picture."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def placeholder_strips(number: int, columns: int, rows: int) -> list[Strip]:
    """Return the cells through which a picture is seen.

    Args:
        number: of the picture: its lowest byte is one of `NUMBERS`, the two above are 0.
        columns: width in cells, 1 to 297.
        rows: height in cells, 1 to 297.
    """
    colour, group = number & 0xFF, diacritics()[number >> 24]
    # The triplet keeps Textual from turning the number into a true colour, which would name another picture.
    triplet = Color.from_ansi(colour).get_truecolor()
    style = Style.from_color(Color(f"color({colour})", ColorType.EIGHT_BIT, colour, triplet))
    return [Strip([Segment(text, style)], columns) for text in _rows(columns, rows, group)]


def _rows(columns: int, rows: int, group: str) -> Iterator[str]:
    # Each cell names its row and its column: Textual may write any part of a line alone.
    marks = diacritics()
    for row in marks[:rows]:
        yield "".join(f"{_PLACEHOLDER}{row}{column}{group}" for column in marks[:columns])
