"""What the camera wrote into a picture: time, camera, lens and exposure, made safe to show."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from PIL import Image

from engine.errors import display_name

# Pillow's decoders answer hostile bytes with all of these.
DECODER_ERRORS = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    MemoryError,
    Warning,
    struct.error,
    zlib.error,
)
_MAKE, _MODEL, _CHANGED, _FOLDER = 0x010F, 0x0110, 0x0132, 0x8769
_TAKEN, _SECONDS, _APERTURE, _FOCAL_LENGTH, _LENS = 0x9003, 0x829A, 0x829D, 0x920A, 0xA434
_SENSITIVITIES = (0x8827, 0x8832, 0x8833)
CAMERA_TAGS = (_MAKE, _MODEL, _CHANGED)
EXPOSURE_TAGS = (_TAKEN, _SECONDS, _APERTURE, _FOCAL_LENGTH, _LENS, *_SENSITIVITIES)
_BEYOND_SHORT = 65535  # the first of them can't say more: one of the others does
_LONGEST = 80


class CameraNotes(NamedTuple):
    """What the camera wrote; None where it wrote nothing, or nothing sensible.

    Args:
        taken: local ISO time, such as ``2024-05-01T12:00:00``.
        camera: maker and model.
        lens: model.
        exposure: such as ``1/250 s · f/2.8 · ISO 400 · 50 mm``.
    """

    taken: str | None = None
    camera: str | None = None
    lens: str | None = None
    exposure: str | None = None


def read_notes(image: Image.Image) -> CameraNotes:
    """Return what the camera wrote into an opened picture; damaged notes beside a sound picture are no notes."""
    try:
        exif = image.getexif()
        return notes_from(exif, exif.get_ifd(_FOLDER))
    except DECODER_ERRORS:
        return CameraNotes()


def notes_from(tags: Mapping[int, Any], folder: Mapping[int, Any]) -> CameraNotes:
    """Return what EXIF tags say.

    Args:
        tags: number and value of those in the first folder; `CAMERA_TAGS` are looked at.
        folder: of those in the EXIF folder; `EXPOSURE_TAGS` are looked at.
    """
    try:
        time = folder.get(_TAKEN) or tags.get(_CHANGED)
        maker, model, lens = _text(tags.get(_MAKE)), _text(tags.get(_MODEL)), _text(folder.get(_LENS))
        exposure = _exposure(folder)
    except DECODER_ERRORS:
        return CameraNotes()
    camera = model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()
    try:
        taken = datetime.strptime(_text(time), "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        taken = None
    return CameraNotes(taken, camera or None, lens or None, exposure or None)


def _text(value: object) -> str:
    """Return a text that may be shown, without what pads it."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return display_name(str(value or "").partition("\0")[0].strip()[:_LONGEST]).strip()


def _exposure(folder: Mapping[int, Any]) -> str:
    seconds, aperture, focal_length = (_number(folder.get(tag)) for tag in (_SECONDS, _APERTURE, _FOCAL_LENGTH))
    parts = []
    if seconds is not None and 1e-6 <= seconds <= 1e6:
        parts.append(f"{seconds:.3g} s" if seconds >= 0.3 else f"1/{1 / seconds:.0f} s")
    if aperture is not None and 0.1 <= aperture <= 1000:
        parts.append(f"f/{aperture:.3g}")
    sensitivities = [number for tag in _SENSITIVITIES if (number := _number(folder.get(tag))) and 1 <= number <= 1e8]
    if sensitivities:
        parts.append(f"ISO {next((number for number in sensitivities if number != _BEYOND_SHORT), _BEYOND_SHORT):.0f}")
    if focal_length is not None and 0.1 <= focal_length <= 1e5:
        parts.append(f"{focal_length:.4g} mm")
    return " · ".join(parts)


def _number(value: Any) -> float | None:
    """Return a finite number; None for anything else, such as a fraction of zero parts."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) else None
