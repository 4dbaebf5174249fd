"""Camera RAW: the camera's own preview where it is large enough, else developed by LibRaw (the extra ``raw``)."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

from PIL import Image

from engine.errors import ImageError

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "raf", "orf", "ori", "rw2", "rwl", "pef"),
        *("srw", "x3f", "3fr", "fff", "iiq", "mrw", "erf", "mef", "mos", "kdc", "dcr", "gpr"),
    )
)
# LibRaw's word for how the sensor lay, as the EXIF orientation that says the same
_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}
_NEARLY = 0.9  # of the sensor's pixels: a preview of this size is the whole photo
# one development takes some 15 bytes a pixel beside the result: never several at a time
_developing = threading.Lock()


def is_installed() -> bool:
    """Say whether rawpy is there; it is not imported."""
    return importlib.util.find_spec("rawpy") is not None


@contextlib.contextmanager
def open_raw(data: BinaryIO, name: str) -> Iterator[RawPhoto]:
    """Open a RAW photo; only its head is read.

    Args:
        data: the open file.
        name: of the file, for messages.

    Raises:
        ImageError: rawpy is not installed, or its LibRaw doesn't know this camera. OSError: the file is damaged.
    """
    try:
        import rawpy
    except ImportError as error:
        raise ImageError(
            "{name} is a camera's RAW photo: reading it needs rawpy, which is not installed.",
            remedy="Install it with: pip install 'beholder[raw]'",
            name=name,
        ) from error
    try:
        # by descriptor: the name may have another file by now, and LibRaw reads no more than it needs
        place = f"/dev/fd/{data.fileno()}"
        data.seek(0)
        with rawpy.imread(place if os.path.exists(place) else data) as raw:  # noqa: PTH110
            yield RawPhoto(raw)
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError, rawpy.NotSupportedError) as error:
        raise ImageError(
            "{name} is a RAW photo of a kind that this rawpy can't read.",
            remedy="Update rawpy, or convert the photo to DNG or JPEG.",
            name=name,
        ) from error
    except rawpy.LibRawError as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


class RawPhoto:
    """An open RAW photo.

    Args:
        raw: rawpy's own object.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._sizes = raw.sizes
        self.orientation: int = _ORIENTATIONS.get(self._sizes.flip, 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, upright."""
        width, height = self._sizes.iwidth or self._sizes.width, self._sizes.iheight or self._sizes.height
        # LibRaw gives these before it turns the photo
        return (height, width) if self.orientation >= 5 else (width, height)

    @property
    def sensor_pixels(self) -> int:
        """Number of pixels that developing takes memory for."""
        return int(max(self._sizes.raw_width * self._sizes.raw_height, self._sizes.width * self._sizes.height))

    def preview(self, target: tuple[int, int] | None) -> tuple[Image.Image, int] | None:
        """Return the largest picture that the camera put beside the sensor's data, if it is large enough.

        Args:
            target: (width, height) in pixels that it must reach, upright; None: it must be as large as the photo.

        Returns:
            The picture, not decoded yet where it is a JPEG, and the EXIF orientation that it lies in; None: too small,
            or there is none.
        """
        import rawpy

        try:
            thumb = self._raw.extract_thumb()
            if thumb.format == rawpy.ThumbFormat.JPEG:
                image: Image.Image = Image.open(io.BytesIO(thumb.data), formats=("JPEG",))
            else:
                image = Image.fromarray(thumb.data)
        except (rawpy.LibRawError, rawpy.NotSupportedError, OSError, ValueError, TypeError):
            return None  # the sensor's data may be sound
        orientation = self._orientation_of(image)
        width, height = image.size[::-1] if orientation >= 5 else image.size
        full = self.size
        wanted = tuple(_NEARLY * side for side in full) if target is None else target
        if width >= min(wanted[0], _NEARLY * full[0]) and height >= min(wanted[1], _NEARLY * full[1]):
            return image, orientation
        image.close()
        return None

    def develop(self, target: tuple[int, int] | None) -> Image.Image:
        """Return the photo made from the sensor's data: RGB, sRGB, upright.

        White balance is the camera's, the brightness such that one pixel in a hundred is white.

        Args:
            target: (width, height) in pixels; half the sensor's resolution is used where it reaches this. Faster.
        """
        import rawpy

        width, height = self.size
        half = target is not None and width // 2 >= target[0] and height // 2 >= target[1]
        with _developing:
            pixels = self._raw.postprocess(
                half_size=half,
                use_camera_wb=True,
                output_bps=8,
                output_color=rawpy.ColorSpace.sRGB,
                gamma=(2.4, 12.92),
            )
        if pixels.shape[2] == 1:
            pixels = pixels[..., 0]
        return Image.fromarray(pixels).convert("RGB")

    def _orientation_of(self, preview: Image.Image) -> int:
        """Return how a preview lies: some cameras turn it, some note the turn in it, some only beside it.

        The shape decides where they disagree: upright, it lies as the photo does.
        """
        try:
            noted = preview.getexif().get(0x0112, 1)
        except (OSError, ValueError, TypeError, LookupError, SyntaxError):
            noted = 1
        wide = self.size[0] - self.size[1]
        lying = noted if isinstance(noted, int) and 1 <= noted <= 8 else 1
        for orientation in (lying, self.orientation, 1):
            width, height = preview.size[::-1] if orientation >= 5 else preview.size
            if wide * (width - height) >= 0:
                return orientation
        return self.orientation
