"""Reads the tags of TIFF-like files, camera RAW among them, in bounded steps: no number in them is trusted."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

XMP, RATING, EXIF_FOLDER, SUB_FOLDERS = 700, 0x4746, 0x8769, 330
# How a file begins: byte order, and whether TIFF prescribes it. Olympus and Panasonic write words of their own.
_STARTS = {
    b"II*\0": ("<", True),
    b"MM\0*": (">", True),
    b"II+\0": ("<", True),
    b"MM\0+": (">", True),
    b"IIRO": ("<", False),
    b"IIRS": ("<", False),
    b"MMOR": (">", False),
    b"IIU\0": ("<", False),
}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LETTERS = {3: "H", 4: "L", 5: "LL", 8: "h", 9: "l", 10: "ll", 11: "f", 12: "d", 13: "L", 16: "Q", 17: "q", 18: "Q"}
_MOST_FOLDERS, _MOST_ENTRIES, _MOST_NUMBERS = 64, 4096, 64
_MOST_BYTES = 16 << 20
_PLACES = (273, 279, 324, 325)  # where the strips and tiles lie, and how long they are
_MOST_PLACES = 8 << 20  # bytes: a picture of 200 million pixels in tiles of 16 x 16 needs less
_PHOTOMETRIC, _DNG_VERSION = 262, 50706
_SENSOR_DATA = {32803, 34892}  # colour filter array, linear raw


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a folder: its type, how many values it has, and at which byte of the file they begin."""

    kind: int
    count: int
    place: int

    @property
    def size(self) -> int:
        """Bytes of all its values; 0 where the type is unknown."""
        return _SIZES.get(self.kind, 0) * self.count


Folder = dict[int, Entry]


@dataclass
class TagFile:
    """An open TIFF-like file.

    Args:
        data: the file, positioned anywhere.

    Raises:
        ValueError: it does not begin like one.
    """

    data: BinaryIO
    size: int = field(init=False)
    order: str = field(init=False)
    is_plain: bool = field(init=False)
    _first: int = field(init=False)
    _is_big: bool = field(init=False)

    def __post_init__(self) -> None:
        self.size = self.data.seek(0, os.SEEK_END)
        head = self._read(0, 16)
        if head[:4] not in _STARTS or len(head) < 8:
            raise ValueError("no TIFF")
        self.order, self.is_plain = _STARTS[head[:4]]
        self._is_big = head[2:4] in (b"+\0", b"\0+")
        if self._is_big and len(head) < 16:
            raise ValueError("no TIFF")
        places = struct.unpack(self.order + ("Q" if self._is_big else "L"), head[8:16] if self._is_big else head[4:8])
        self._first = places[0]

    def folders(self) -> Iterator[Folder]:
        """Yield the folders of the file: those of its chain first, then the ones below them; each once."""
        seen: set[int] = set()
        below: list[int] = []
        place = self._first
        while place and place not in seen and len(seen) < _MOST_FOLDERS:
            seen.add(place)
            folder, place = self._folder(place)
            below += self._below(folder)
            yield folder
        while below and len(seen) < _MOST_FOLDERS:
            place = below.pop(0)
            if place not in seen:
                seen.add(place)
                folder, _ = self._folder(place)
                below += self._below(folder)
                yield folder

    def value(self, entry: Entry) -> Any:
        """Return a tag's value: bytes of a text, else a number or a tuple of the first few; None where it has none."""
        if entry.kind not in _LETTERS:
            return self._read(entry.place, min(entry.size, _MOST_BYTES))
        count = min(entry.count, _MOST_NUMBERS)
        unit = self.order + _LETTERS[entry.kind]
        content = self._read(entry.place, _SIZES[entry.kind] * count)
        whole = content[: len(content) - len(content) % _SIZES[entry.kind]]
        numbers: list[Any] = [
            parts[0] if len(parts) == 1 else parts[0] / parts[1] if parts[1] else None
            for parts in struct.iter_unpack(unit, whole)
        ]
        return numbers[0] if len(numbers) == 1 else tuple(numbers) or None

    def values(self, folder: Folder, tags: tuple[int, ...]) -> dict[int, Any]:
        """Return those of a folder's values that are asked for."""
        return {tag: self.value(folder[tag]) for tag in tags if tag in folder}

    def folder_at(self, place: Any) -> Folder:
        """Return the folder at a byte of the file; an empty one where there is none."""
        return self._folder(place)[0] if isinstance(place, int) else {}

    def is_camera_raw(self) -> bool:
        """Say whether the file holds what a camera's sensor saw, and not a finished picture."""
        if not self.is_plain or self._read(8, 2) == b"CR" or self._read(8, 4) in (b"IIII", b"MMMM"):
            return True
        for folder in self.folders():
            if _DNG_VERSION in folder:
                return True
            if _PHOTOMETRIC in folder and self.value(folder[_PHOTOMETRIC]) in _SENSOR_DATA:
                return True
        return False

    def is_absurd(self) -> bool:
        """Say whether tags claim more than the file can hold, so that reading them would fill the memory."""
        for folder in self.folders():
            sizes = [entry.size for entry in folder.values()]
            if sum(sizes) > 2 * self.size + (64 << 10):
                return True
            if any(folder[tag].size > _MOST_PLACES for tag in _PLACES if tag in folder):
                return True
        return False

    def _below(self, folder: Folder) -> list[int]:
        if SUB_FOLDERS not in folder:
            return []
        places = self.value(folder[SUB_FOLDERS])
        return [place for place in (places if isinstance(places, tuple) else (places,)) if isinstance(place, int)]

    def _folder(self, place: int) -> tuple[Folder, int]:
        """Return the folder at a byte of the file, as far as it can be read, and where the next one is, or 0."""
        big = self._is_big
        counter, link = self.order + ("Q" if big else "H"), self.order + ("Q" if big else "L")
        width = 20 if big else 12
        head = self._read(place, struct.calcsize(counter))
        if len(head) < struct.calcsize(counter):
            return {}, 0
        (count,) = struct.unpack(counter, head)
        start = place + len(head)
        table = self._read(start, min(count, _MOST_ENTRIES) * width)
        folder: Folder = {}
        for index in range(len(table) // width):
            row = table[index * width : (index + 1) * width]
            tag, kind, many = struct.unpack(self.order + ("HHQ" if big else "HHL"), row[: 12 if big else 8])
            entry = Entry(kind, many, start + index * width + (12 if big else 8))
            if entry.size > (8 if big else 4):
                (inside,) = struct.unpack(link, row[12 if big else 8 :])
                entry = Entry(kind, many, inside)
            folder.setdefault(tag, entry)
        after = self._read(start + count * width, struct.calcsize(link))
        following = struct.unpack(link, after)[0] if len(after) == struct.calcsize(link) else 0
        return folder, following

    def _read(self, place: int, size: int) -> bytes:
        if place >= self.size or size <= 0:
            return b""
        self.data.seek(place)
        return self.data.read(size)
