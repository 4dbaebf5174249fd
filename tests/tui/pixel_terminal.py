"""A terminal for tests: cells and real pixels, as one that knows Sixel or Kitty's protocol would show them."""

from __future__ import annotations

import base64
import io
import itertools
import re
from dataclasses import dataclass, field

import pyte
from PIL import Image

_GRAPHICS = re.compile(r"\x1bP([\d;]*)q(.*?)\x1b\\|\x1b_G(.*?)\x1b\\", re.S)
# pyte doesn't know sequences with these marks and would print their ends
_UNKNOWN = re.compile(r"\x1b\[[<>=][\d;]*[a-zA-Z]|\x1b\[\?[\d;]*\$p")
PLACEHOLDER = "\U0010eeee"

Cell = tuple[int, int]


def decode_sixel(data: str) -> Image.Image:
    """Return the picture of the part of a Sixel sequence behind its ``q``, transparent where nothing was drawn.

    Raises:
        ValueError: it is no Sixel.
    """
    size = re.match(r'"1;1;(\d+);(\d+)', data)
    if size is None:
        raise ValueError("no raster attributes")
    width, height = int(size[1]), int(size[2])
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pixels = image.load()
    assert pixels is not None
    palette: dict[int, tuple[int, int, int, int]] = {}
    colour, x, top, place = 0, 0, 0, size.end()
    token = re.compile(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|(\$)|(-)")
    while place < len(data):
        found = token.match(data, place)
        if found is None:
            raise ValueError(f"what is {data[place : place + 20]!r}?")
        place = found.end()
        if found[1]:
            red, green, blue = (round(int(part) * 2.55) for part in (found[2], found[3], found[4]))
            palette[int(found[1])] = (red, green, blue, 255)
        elif found[5]:
            colour = int(found[5])
        elif found[9]:
            x = 0
        elif found[10]:
            x, top = 0, top + 6
        else:
            bits = ord(found[7] or found[8]) - 63
            end = x + int(found[6] or 1)
            for column, row in itertools.product(range(x, end), range(6)):
                if bits >> row & 1:
                    if not (column < width and top + row < height):
                        raise ValueError("a pixel beyond the edge")
                    pixels[column, top + row] = palette[colour]
            x = end
    return image


@dataclass
class KittyPicture:
    """A picture in a Kitty terminal's memory.

    Args:
        png: what was sent of it.
        cells: columns and rows that it fills.
    """

    png: bytes = b""
    cells: Cell | None = None

    @property
    def image(self) -> Image.Image:
        """The picture itself."""
        return Image.open(io.BytesIO(base64.b64decode(self.png)))


@dataclass
class PixelTerminal:
    """Takes what a program writes.

    Args:
        size: columns and rows.
        cell: width and height of a cell in pixels.
    """

    size: Cell = (80, 24)
    cell: Cell = (10, 20)
    kitty: dict[int, KittyPicture] = field(default_factory=dict)
    sixels: list[Image.Image] = field(default_factory=list)
    pixels: dict[Cell, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.screen = _Screen(self)
        self._stream = pyte.Stream(self.screen)
        self._rest = ""
        self._sent_last: int | None = None

    def write(self, text: str) -> None:
        """Take output; sequences may be cut anywhere."""
        text = self._rest + text
        if text.startswith(("\x1bP", "\x1b_")) and "\x1b\\" not in text:
            self._rest = text
            return
        self._rest = ""
        place = 0
        for found in _GRAPHICS.finditer(text):
            self._write_cells(text[place : found.start()])
            place = found.end()
            if found[3] is not None:
                self._take_kitty(found[3])
            else:
                self._take_sixel(found[2])
        rest = text[place:]
        unfinished = re.search(r"\x1b(?:[P_][^\x1b]*\x1b?|\[[\d;?<>=$]*)?\Z", rest)
        if unfinished is not None:
            rest, self._rest = rest[: unfinished.start()], rest[unfinished.start() :]
        self._write_cells(rest)

    def resize(self, size: Cell) -> None:
        """Take another number of columns and rows; what lies outside is gone."""
        self.size = size
        self.screen.resize(size[1], size[0])
        self.pixels = {(x, y): number for (x, y), number in self.pixels.items() if x < size[0] and y < size[1]}

    def _write_cells(self, text: str) -> None:
        self._stream.feed(_UNKNOWN.sub("", text))

    def _take_sixel(self, data: str) -> None:
        image = decode_sixel(data)
        self.sixels.append(image)
        columns, rows = -(-image.width // self.cell[0]), -(-image.height // self.cell[1])
        left, top = self.screen.cursor.x, self.screen.cursor.y
        assert left + columns <= self.size[0], "the picture is cut off at the right"
        assert top + rows < self.size[1], "the picture makes the terminal scroll"
        number = len(self.sixels) - 1
        self.pixels |= {(left + x, top + y): number for x in range(columns) for y in range(rows)}

    def _take_kitty(self, text: str) -> None:
        control, _, payload = text.partition(";")
        keys = dict(part.split("=") for part in control.split(","))
        if keys.get("a") == "q":
            return
        assert keys["q"] == "2", "the terminal would answer"
        assert len(payload) <= 4096
        action = keys.get("a", "t")
        if action == "t":
            if "i" in keys:
                self._sent_last = int(keys["i"])
                self.kitty[self._sent_last] = KittyPicture()
            assert self._sent_last is not None
            self.kitty[self._sent_last].png += payload.encode()
            if keys["m"] == "0":
                self._sent_last = None
            else:
                assert len(payload) % 4 == 0
        elif action == "p":
            assert keys["U"] == "1"
            self.kitty[int(keys["i"])].cells = int(keys["c"]), int(keys["r"])
        elif action == "d":
            assert keys["d"] == "I"
            del self.kitty[int(keys["i"])]

    @property
    def text(self) -> str:
        """What is written on the screen."""
        return "\n".join(self.screen.display)

    @property
    def pixel_place(self) -> tuple[int, int, int, int] | None:
        """Left, top, width and height of the cells that show pixels of Sixel; None if there are none.

        Raises:
            AssertionError: they are no full rectangle of one picture.
        """
        return _rectangle(set(self.pixels), set(self.pixels.values()))

    def placeholders(self) -> tuple[int, tuple[int, int, int, int]] | None:
        """Return the number of the Kitty picture on the screen, and where it is; None if there is none.

        Raises:
            AssertionError: it isn't there as a whole, or was not sent.
        """
        from tui.pixels.kitty import diacritics

        marks = diacritics()
        found: dict[Cell, tuple[int, int, int]] = {}
        for y, line in self.screen.buffer.items():
            for x, cell in line.items():
                if cell.data.startswith(PLACEHOLDER):
                    row, column, group = (marks.index(mark) for mark in cell.data[1:])
                    found[x, y] = row, column, group << 24 | _PALETTE[cell.fg]
        place = _rectangle(set(found), {number for _, _, number in found.values()})
        if place is None:
            return None
        left, top, columns, rows = place
        assert all((row, column) == (y - top, x - left) for (x, y), (row, column, _) in found.items())
        number = next(iter(found.values()))[2]
        assert self.kitty[number].cells == (columns, rows)
        return number, place


def _rectangle(cells: set[Cell], pictures: set[int]) -> tuple[int, int, int, int] | None:
    if not cells:
        return None
    assert len(pictures) == 1, "pieces of several pictures"
    left, top = min(x for x, _ in cells), min(y for _, y in cells)
    width, height = max(x for x, _ in cells) - left + 1, max(y for _, y in cells) - top + 1
    assert len(cells) == width * height, "a picture with holes"
    return left, top, width, height


class _Screen(pyte.Screen):
    """A screen on which text wipes pixels."""

    def __init__(self, owner: PixelTerminal) -> None:
        self._owner = owner
        super().__init__(*owner.size)

    def draw(self, data: str) -> None:
        for character in data:
            before = self.cursor.x, self.cursor.y
            super().draw(character)
            for x in range(before[0], max(self.cursor.x, before[0] + 1)):
                self._owner.pixels.pop((x, before[1]), None)

    def erase_in_display(self, how: int = 0, *args: int, **settings: object) -> None:
        super().erase_in_display(how, *args, **settings)
        if how in (2, 3):
            self._owner.pixels.clear()


# The fixed colours by the way pyte writes them, and their numbers; the first of equals counts.
_PALETTE = {colour: number for number, colour in reversed(list(enumerate(pyte.graphics.FG_BG_256))) if number >= 16}
