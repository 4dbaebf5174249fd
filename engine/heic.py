"""HEIC and HEIF photos: read by pillow-heif, the extra ``heic``, which is loaded when the first one is met."""

from __future__ import annotations

import importlib.util
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from engine.errors import ImageError

SUFFIXES = frozenset({".heic", ".heif", ".hif"})


def is_installed() -> bool:
    """Say whether pillow-heif is there; it is not imported."""
    return importlib.util.find_spec("pillow_heif") is not None


def open_heic(data: BinaryIO, name: str) -> Image.Image:
    """Open a HEIC photo lazily. It comes upright: libheif turns it, and the EXIF orientation is taken away.

    Args:
        data: the open file.
        name: of the file, for a message.

    Raises:
        ImageError: pillow-heif is not installed. OSError: the file is damaged.
    """
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(
            "{name} is a HEIC photo: reading it needs pillow-heif, which is not installed.",
            remedy="Install it with: pip install 'beholder[heic]'",
            name=name,
        ) from error
    # an embedded thumbnail serves where it is large enough; depth maps and the like would only cost time
    register_heif_opener(depth_images=False, aux_images=False)
    try:
        return Image.open(data, formats=("HEIF",))
    except UnidentifiedImageError as error:
        raise OSError(str(error)) from error
