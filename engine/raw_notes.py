"""What a camera wrote into its RAW files beside the picture: EXIF tags, rating and XMP."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image

from engine.camera_notes import CAMERA_TAGS, DECODER_ERRORS, EXPOSURE_TAGS
from engine.tiff_tags import EXIF_FOLDER, RATING, XMP, TagFile

_FUJI_START, _FUJI_JPEG = b"FUJIFILMCCD-RAW", 84
_CANON_NOTES = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MOST_BOXES, _MOST_BYTES = 64, 16 << 20


@dataclass
class RawNotes:
    """The tags of a RAW file.

    Args:
        tags: of the first folder, such as maker and model.
        exposure: of the EXIF folder.
        xmp: the packet; empty where there is none.
        rating: EXIF's; None where there is none.
    """

    tags: dict[int, Any] = field(default_factory=dict)
    exposure: dict[int, Any] = field(default_factory=dict)
    xmp: bytes = b""
    rating: object = None


def read_raw_notes(data: BinaryIO) -> RawNotes:
    """Return what is noted in an open RAW file; what is damaged, or of an unknown kind, is left out."""
    data.seek(0)
    head = data.read(_FUJI_JPEG + 8)
    try:
        if head.startswith(_FUJI_START):
            return _from_jpeg(data, head[_FUJI_JPEG:])
        if head[4:8] == b"ftyp":
            return _from_boxes(data)
        return _from_tags(data)
    except DECODER_ERRORS:
        return RawNotes()


def _from_tags(data: BinaryIO) -> RawNotes:
    file = TagFile(data)
    first = next(file.folders(), {})
    tags = file.values(first, (*CAMERA_TAGS, EXIF_FOLDER, XMP, RATING))
    below = file.values(file.folder_at(tags.get(EXIF_FOLDER)), EXPOSURE_TAGS)
    packet = tags.get(XMP)
    return RawNotes(tags, below, packet if isinstance(packet, bytes) else b"", tags.get(RATING))


def _from_jpeg(data: BinaryIO, place: bytes) -> RawNotes:
    """Read Fujifilm's: its notes are those of the JPEG inside."""
    data.seek(int.from_bytes(place[:4], "big"))
    jpeg = data.read(min(int.from_bytes(place[4:8], "big"), _MOST_BYTES))
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        exif = image.getexif()
        packet = image.info.get("xmp") or b""
        return RawNotes(dict(exif), exif.get_ifd(EXIF_FOLDER), bytes(packet), exif.get(RATING))


def _from_boxes(data: BinaryIO) -> RawNotes:
    """Read Canon's CR3: boxes in boxes, and in some of them the folders that a TIFF would have."""
    notes = RawNotes()
    for kind, start, end in _boxes(data, 0, data.seek(0, os.SEEK_END)):
        if kind == b"moov":
            for inner, begin, stop in _boxes(data, start, end):
                if inner == b"uuid" and _content(data, begin, begin + 16) == _CANON_NOTES:
                    _take_canon(notes, data, begin + 16, stop)
        elif kind == b"uuid" and _content(data, start, start + 16) == _XMP_BOX:
            notes.xmp = _content(data, start + 16, end)
    return notes


def _take_canon(notes: RawNotes, data: BinaryIO, start: int, end: int) -> None:
    for kind, begin, stop in _boxes(data, start, end):
        if kind in (b"CMT1", b"CMT2"):
            file = TagFile(io.BytesIO(_content(data, begin, stop)))
            first = next(file.folders(), {})
            if kind == b"CMT1":
                notes.tags = file.values(first, (*CAMERA_TAGS, RATING))
                notes.rating = notes.tags.get(RATING)
            else:
                notes.exposure = file.values(first, EXPOSURE_TAGS)


def _boxes(data: BinaryIO, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """Return kind, first and last byte of what each box between two bytes of the file holds."""
    found: list[tuple[bytes, int, int]] = []
    while start + 8 <= end and len(found) < _MOST_BOXES:
        head = _content(data, start, start + 16)
        size, inside = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, inside = int.from_bytes(head[8:16], "big"), start + 16
        stop = end if size == 0 else min(start + size, end)
        if stop < inside:
            break
        found.append((head[4:8], inside, stop))
        start = stop
    return found


def _content(data: BinaryIO, start: int, end: int) -> bytes:
    data.seek(start)
    return data.read(min(max(end - start, 0), _MOST_BYTES))
