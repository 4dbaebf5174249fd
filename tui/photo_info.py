"""One line about a photo: its size, and when and how it was taken."""

from __future__ import annotations

from engine.images import ImageInfo


def info_line(info: ImageInfo) -> str:
    """Return size, date, camera, lens and exposure, as far as they are known; safe to show.

    >>> info_line(ImageInfo(4000, 3000, "JPEG", 1, 0.0, "2024-05-01T12:34:56", "Canon EOS R6", None, "f/2.8 · ISO 400"))
    '4000×3000 · 2024-05-01 12:34 · Canon EOS R6 · f/2.8 · ISO 400'
    """
    taken = info.taken.replace("T", " ")[:16] if info.taken else None
    parts = (f"{info.width}×{info.height}", taken, info.camera, info.lens, info.exposure)
    return " · ".join(part for part in parts if part)
