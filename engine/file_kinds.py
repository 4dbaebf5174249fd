"""Says by a file's first bytes which reader it needs; its suffix is not asked."""

from __future__ import annotations

from typing import BinaryIO, Literal

from engine.tiff_tags import TagFile

Kind = Literal["plain", "tiff", "heif", "raw"]
"""``plain`` is left to Pillow to name; ``heif`` and ``raw`` need packages of their own."""

_HEAD = 512
_HEVC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_ANY_HEIF = {b"mif1", b"msf1", b"mif2"}
_AV1 = {b"avif", b"avis"}
_CANON_RAW = b"crx "
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"\0MRM", b"FOVb")


def kind_of(data: BinaryIO) -> Kind:
    """Return which reader a file needs; it is left positioned at its begin."""
    data.seek(0)
    head = data.read(_HEAD)
    kind: Kind = "plain"
    if head[4:8] == b"ftyp":
        kind = _box_kind(head)
    elif head.startswith(_RAW_STARTS) or head[6:14] == b"HEAPCCDR":
        kind = "raw"
    else:
        try:
            kind = "raw" if TagFile(data).is_camera_raw() else "tiff"
        except ValueError:
            kind = "plain"
    data.seek(0)
    return kind


def _box_kind(head: bytes) -> Kind:
    """Tell HEIF, AVIF and Canon's RAW apart by the brands in the first box."""
    major, size = head[8:12], min(int.from_bytes(head[:4], "big"), len(head))
    brands = {major, *(head[place : place + 4] for place in range(16, size - 3, 4))}
    if major == _CANON_RAW:
        return "raw"
    if brands & _HEVC or (brands & _ANY_HEIF and not brands & _AV1):
        return "plain" if major in _AV1 else "heif"
    return "plain"
