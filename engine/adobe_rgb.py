"""Adobe RGB of cameras that say so in EXIF alone, without a profile, as their standard has it."""

from __future__ import annotations

import functools
import struct

from PIL import Image

from engine.camera_notes import DECODER_ERRORS

_INTEROPERABILITY, _INDEX = 0xA005, 1
_OPTION_FILE = "R03"  # DCF 2.0 (CIPA DC-009): a file in the optional colour space, which is Adobe RGB
_GAMMA = 0x0233  # 563/256, as the Adobe RGB (1998) encoding has it
_D50 = (0.9642, 1.0, 0.8249)
_PRIMARIES = {
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
}  # seen under D50


def is_adobe_rgb(image: Image.Image) -> bool:
    """Say whether an opened picture without a profile notes in EXIF that its colours are Adobe RGB."""
    try:
        index = image.getexif().get_ifd(_INTEROPERABILITY).get(_INDEX)
    except DECODER_ERRORS:
        return False
    return isinstance(index, str) and index.startswith(_OPTION_FILE)


@functools.cache
def adobe_rgb_profile() -> bytes:
    """Return an ICC profile of Adobe RGB (1998)."""
    curve = b"curv\0\0\0\0" + struct.pack(">LHxx", 1, _GAMMA)
    tags = {name: _xyz(place) for name, place in {**_PRIMARIES, b"wtpt": _D50}.items()}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, contents = struct.pack(">L", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">LL", start + len(contents), len(content))
        contents += content
    head = struct.pack(">L4xL", start + len(contents), 0x02100000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 1998, 5, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _xyz(_D50)[8:]
    return head.ljust(128, b"\0") + table + contents


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))
