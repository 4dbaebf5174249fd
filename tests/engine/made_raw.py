"""RAW photos that tests make byte by byte: a small DNG with a Bayer sensor's data, and the shells of other cameras'."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

Entry = tuple[int, int, object]  # tag, type, values
COLOUR = (200, 100, 50)
_LETTERS = {1: "B", 3: "H", 4: "L", 5: "LL", 10: "ll"}
_WHITE = 16000
# from XYZ to linear sRGB: this camera sees as a screen shows
_MATRIX = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)


def folder(entries: list[Entry], place: int, order: str = "<", following: int = 0) -> bytes:
    """Return a TIFF folder that lies at a byte of the file, its longer values behind it."""
    table, values = b"", b""
    start = place + 2 + 12 * len(entries) + 4
    for tag, kind, value in sorted(entries, key=lambda entry: entry[0]):
        if isinstance(value, bytes):
            count, content = len(value), value
        else:
            assert isinstance(value, list | tuple)
            count = len(value)
            parts = value if kind not in (5, 10) else [number for pair in value for number in pair]
            content = struct.pack(order + _LETTERS[kind] * count, *parts)
        if len(content) <= 4:
            field = content.ljust(4, b"\0")
        else:
            field = struct.pack(order + "L", start + len(values))
            values += content + b"\0" * (len(content) % 2)
        table += struct.pack(order + "HHL", tag, kind, count) + field
    return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "L", following) + values


def dng(
    path: Path,
    size: tuple[int, int] = (96, 64),
    *,
    orientation: int = 1,
    preview: Image.Image | None = None,
    extra: tuple[Entry, ...] = (),
) -> Path:
    """Write a DNG: the sensor saw `COLOUR`, and white in the upper left third of how it lay.

    Args:
        path: of the file.
        size: width and height of the sensor in pixels, even.
        orientation: EXIF's.
        preview: put beside it as a JPEG.
        extra: more tags.
    """
    width, height = size
    scene = np.empty((height, width, 3))
    scene[:] = np.array(COLOUR) / 255
    scene[: height // 3, : width // 3] = 1
    light = np.where(scene <= 0.04045, scene / 12.92, ((scene + 0.055) / 1.055) ** 2.4)
    mosaic = light[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = light[0::2, 0::2, 0], light[1::2, 1::2, 2]
    sensor = np.round(mosaic * _WHITE).astype("<u2").tobytes()
    jpeg = b""
    if preview is not None:
        out = io.BytesIO()
        preview.save(out, "JPEG", quality=95, exif=preview.getexif())
        jpeg = out.getvalue() + b"\0" * (out.tell() % 2)

    def main(sensor_place: int, below: int) -> list[Entry]:
        entries: list[Entry] = [
            (254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803]),
            (271, 2, b"Maker\0"), (272, 2, b"Model X\0"), (273, 4, [sensor_place]), (274, 3, [orientation]),
            (277, 3, [1]), (278, 4, [height]), (279, 4, [len(sensor)]), (306, 2, b"2024:05:01 12:34:56\0"),
            (33421, 3, [2, 2]), (33422, 1, [0, 1, 1, 2]), (50706, 1, [1, 4, 0, 0]), (50708, 2, b"Maker Model X\0"),
            (50714, 3, [0]), (50717, 4, [_WHITE]), (50721, 10, [(number, 10000) for number in _MATRIX]),
            (50728, 5, [(1, 1)] * 3), (50778, 3, [21]), *extra,
        ]  # fmt: skip
        return entries if preview is None else [*entries, (330, 4, [below])]

    def beside(jpeg_place: int) -> list[Entry]:
        assert preview is not None
        return [
            (254, 4, [1]), (256, 4, [preview.width]), (257, 4, [preview.height]), (258, 3, [8, 8, 8]), (259, 3, [7]),
            (262, 3, [6]), (273, 4, [jpeg_place]), (277, 3, [3]), (278, 4, [preview.height]), (279, 4, [len(jpeg)]),
        ]  # fmt: skip

    below = 8 + len(folder(main(0, 0), 8))
    rest = b""
    if preview is not None:
        rest = folder(beside(below + len(folder(beside(0), below))), below) + jpeg
    head = b"II*\0" + struct.pack("<L", 8) + folder(main(below + len(rest), below), 8)
    path.write_bytes(head + rest + sensor)
    return path


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of an ISO media file."""
    return struct.pack(">L", 8 + len(content)) + kind + content


def canon_shell(path: Path, main: list[Entry], exif: list[Entry], xmp: bytes) -> Path:
    """Write a CR3 that has all notes and no picture."""
    folders = [b"II*\0" + struct.pack("<L", 8) + folder(entries, 8) for entries in (main, exif)]
    notes = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + box(b"CNCV", b"CanonCR3") + box(b"CMT1", folders[0])
    moov = box(b"moov", box(b"uuid", notes + box(b"CMT2", folders[1])))
    packet = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + xmp)
    path.write_bytes(box(b"ftyp", b"crx \0\0\0\1crx isom") + moov + packet + box(b"mdat", b"\0" * 64))
    return path


def fuji_shell(path: Path, jpeg: bytes) -> Path:
    """Write a RAF that has its JPEG and no sensor's data."""
    head = b"FUJIFILMCCD-RAW 0201FF000000".ljust(84, b"\0") + struct.pack(">LL", 160, len(jpeg))
    path.write_bytes(head.ljust(160, b"\0") + jpeg)
    return path
