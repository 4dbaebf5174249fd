"""Find pictures and open them safely: allow-listed formats, a pixel limit, one right orientation and colour."""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from engine.camera_notes import DECODER_ERRORS, read_notes
from engine.errors import ImageError, Message, NotFound, UsageError
from engine.natural_order import natural_key
from engine.storage import disk_error

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"})
PIXEL_LIMIT = 200_000_000

OnProblem = Callable[[Path, Message], None]

Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT  # Pillow's own guard
# What Pillow mutters about odd metadata would only blur a full-screen app.
warnings.filterwarnings("ignore", module=r"PIL\.")

_RATING = 0x4746
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class ImageInfo:
    """What can be said of a picture without decoding it.

    Args:
        width: pixels, as the picture is shown (after EXIF rotation).
        height: pixels, as the picture is shown.
        format: ``JPEG``, ``PNG`` and so on, by content.
        bytes: size of the file.
        modified: seconds since 1970.
        taken: local ISO time from EXIF, such as ``2024-05-01T12:00:00``.
        camera: maker and model from EXIF, safe to show.
        lens: model from EXIF, safe to show.
        exposure: from EXIF, such as ``1/250 s · f/2.8 · ISO 400 · 50 mm``.
    """

    width: int
    height: int
    format: str
    bytes: int
    modified: float
    taken: str | None
    camera: str | None
    lens: str | None = None
    exposure: str | None = None


def is_picture_name(name: str) -> bool:
    """Say whether a file name is one of a visible picture, by its suffix."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122


def find_images(folder: Path, *, recursive: bool = True, on_problem: OnProblem | None = None) -> Iterator[Path]:
    """Yield the pictures of a folder in natural order: its own files first, then its folders.

    Hidden files and folders are left out; a folder that is reached twice through links is walked once.

    Args:
        folder: where to look.
        recursive: whether to look into its folders.
        on_problem: called for each folder or file that had to be passed over, with the reason.

    Raises:
        NotFound: there is no such folder.
        UsageError: it is a file.
        BeholderError: it can't be read.
    """
    if folder.is_file():
        raise UsageError("{path} is a file, not a folder.", remedy="Give the folder that it lies in.", path=folder)
    try:
        identity = folder.stat()
        with os.scandir(folder):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound("There is no folder {path}.", remedy="Check the spelling of the path.", path=folder) from error
    except OSError as error:
        raise disk_error(error, folder) from error
    return _walk(folder, (identity.st_dev, identity.st_ino), recursive, on_problem or _pass_over)


def _pass_over(path: Path, reason: Message) -> None:
    """Do nothing: the caller did not ask for what was passed over."""


def _walk(top: Path, identity: tuple[int, int], recursive: bool, on_problem: OnProblem) -> Iterator[Path]:
    seen = {identity}
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: natural_key(entry.name))
        except OSError as error:
            on_problem(folder, disk_error(error, folder).message)
            continue
        deeper: list[Path] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    status = entry.stat()
                    if recursive and (status.st_dev, status.st_ino) not in seen:
                        seen.add((status.st_dev, status.st_ino))
                        deeper.append(Path(entry.path))
                elif is_picture_name(entry.name):
                    if entry.is_file():
                        yield Path(entry.path)
                    else:
                        on_problem(Path(entry.path), Message("not a file, or a link that leads nowhere"))
            except OSError as error:
                on_problem(Path(entry.path), disk_error(error, entry.path).message)
        waiting += reversed(deeper)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, os.stat_result]]:
    """Open a picture lazily and turn everything that can go wrong into an `ImageError`."""
    name = path.name or str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("{name} is not a file.", remedy="Give a picture file.", name=name)
        if status.st_size == 0:
            raise ImageError("{name} is empty.", remedy="Copy it again from where it came.", name=name)
        with path.open("rb") as data, Image.open(data, formats=FORMATS) as image:
            if image.width * image.height > PIXEL_LIMIT:
                raise _too_large(name)
            yield image, status
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            "{name} is not a picture that can be read.",
            remedy="These can: {formats}.",
            name=name,
            formats=", ".join(FORMATS),
        ) from error
    except FileNotFoundError as error:
        raise ImageError("There is no file {name}.", remedy="Check the spelling of the path.", name=name) from error
    except PermissionError as error:
        raise ImageError("No permission to read {name}.", remedy="Make it readable.", name=name) from error
    except MemoryError as error:
        raise _too_large(name) from error
    except DECODER_ERRORS as error:
        raise ImageError(
            "{name} is damaged or cut off.",
            remedy="Copy it again from where it came, or delete it.",
            name=name,
            cause=f"{type(error).__name__}: {error}",
        ) from error


def _too_large(name: str) -> ImageError:
    return ImageError(
        "{name} is too large: more than {limit} million pixels.",
        remedy="Make it smaller first.",
        name=name,
        limit=PIXEL_LIMIT // 1_000_000,
    )


def open_image(path: Path, *, target: tuple[int, int] | None = None) -> Image.Image:
    """Decode a picture's first frame to 8-bit RGB, upright, transparency on white.

    Args:
        path: the file; its content decides the format, not its suffix.
        target: (width, height) in pixels; a JPEG may be decoded smaller, but not below this. Much faster.

    Returns:
        A plain image in mode RGB.

    Raises:
        ImageError: it is missing, unreadable, empty, not a picture, cut off, or above `PIXEL_LIMIT`.
    """
    with _opened(path) as (image, _):
        if target is not None:
            turned = _orientation(image) >= 5
            image.draft("RGB", target[::-1] if turned else target)
        image.load()
        return _to_rgb(_upright(image))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except DECODER_ERRORS:
        return 1  # damaged EXIF beside a sound picture
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except DECODER_ERRORS:
        return image.copy()  # damaged EXIF beside a sound picture


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _to_eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale gray of 16 or 32 bits, or floats, to 8 bits; the range comes from the type, else from the values."""
    if image.mode.startswith("I;16"):
        high = 65535.0
        image = image.convert("I")
    else:
        largest = image.getextrema()[1]
        assert isinstance(largest, int | float)
        steps = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        high = next((step for step in steps if largest <= step), float(largest))
    return image.convert("F").point(lambda value: value * (255.0 / high) + 0.5).convert("L")


def read_info(path: Path) -> ImageInfo:
    """Return size, format and what the camera wrote into a picture, without decoding its pixels.

    Raises:
        ImageError: as `open_image`, as far as the file's head shows it.
    """
    with _opened(path) as (image, status):
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return ImageInfo(width, height, _format(image), status.st_size, status.st_mtime, *read_notes(image))


def read_rating_tags(path: Path) -> tuple[bytes, object]:
    """Return a picture's XMP packet (empty where it has none) and its EXIF rating (None where it has none), unjudged.

    Raises:
        ImageError: as `open_image`, as far as the file's head shows it.
    """
    with _opened(path) as (image, _):
        packet = image.info.get("xmp") or b""
        try:
            rating = image.getexif().get(_RATING)
        except DECODER_ERRORS:
            rating = None  # damaged EXIF beside a sound picture
        return packet if isinstance(packet, bytes) else str(packet).encode("utf-8", "surrogatepass"), rating


def _format(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else image.format or ""  # phones append a second JPEG and call it MPO
