"""Find pictures and open them safely: allow-listed formats, a pixel limit, one right orientation and colour."""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from engine import heic, raw_photos
from engine.adobe_rgb import adobe_rgb_profile, is_adobe_rgb
from engine.camera_notes import DECODER_ERRORS, notes_from, read_notes
from engine.colours import to_rgb
from engine.errors import ImageError, Message, NotFound, UsageError
from engine.file_kinds import Kind, kind_of
from engine.natural_order import natural_key
from engine.raw_notes import read_raw_notes
from engine.storage import NotAFile, disk_error, open_regular
from engine.tiff_quiet import keep_quiet
from engine.tiff_tags import TagFile

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
"""Pillow's decoders that are used; HEIC and RAW have readers of their own."""

READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, RAW"
SUFFIXES = (
    frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"})
    | heic.SUFFIXES
    | raw_photos.SUFFIXES
)
PIXEL_LIMIT = 200_000_000

OnProblem = Callable[[Path, Message], None]
PassOver = Callable[[os.DirEntry[str]], bool]
"""Says of an entry of a folder whether it is to be left out."""
Target = tuple[int, int] | Callable[[int, int], tuple[int, int]]
"""The (width, height) in pixels that will do of an upright picture, or what says so of the picture's own."""

Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT  # Pillow's own guard
PngImagePlugin.MAX_TEXT_CHUNK = (
    16 << 20
)  # bytes, unpacked: Pillow's own limit refuses pictures with a scanner's profile
# What Pillow mutters about odd metadata would only blur a full-screen app.
warnings.filterwarnings("ignore", module=r"PIL\.")

_RATING = 0x4746
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class ImageInfo:
    """What can be said of a picture without decoding it.

    Args:
        width: pixels, as the picture is shown (after EXIF rotation).
        height: pixels, as the picture is shown.
        format: ``JPEG``, ``PNG``, ``HEIF``, ``RAW`` and so on, by content.
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


def find_images(
    folder: Path,
    *,
    recursive: bool = True,
    on_problem: OnProblem | None = None,
    pass_over: Callable[[Path], PassOver | None] | None = None,
) -> Iterator[Path]:
    """Yield the pictures of a folder in natural order: its own files first, then its folders.

    Hidden files and folders are left out; a folder that is reached twice through links is walked once.

    Args:
        folder: where to look.
        recursive: whether to look into its folders.
        on_problem: called for each folder or file that had to be passed over, with the reason.
        pass_over: called for each folder, before its entries are sorted; says which of them to leave out, if any.

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
    return _walk(folder, (identity.st_dev, identity.st_ino), recursive, on_problem or _say_nothing, pass_over)


def _say_nothing(path: Path, reason: Message) -> None:
    """Do nothing: the caller did not ask for what was passed over."""


def _walk(
    top: Path,
    identity: tuple[int, int],
    recursive: bool,
    on_problem: OnProblem,
    pass_over: Callable[[Path], PassOver | None] | None,
) -> Iterator[Path]:
    seen = {identity}
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            leave = None if pass_over is None else pass_over(folder)
            with os.scandir(folder) as listing:
                wanted = listing if leave is None else itertools.filterfalse(leave, listing)
                entries = sorted(wanted, key=lambda entry: natural_key(entry.name))
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
def _file(path: Path) -> Iterator[tuple[BinaryIO, Kind, str]]:
    """Open a file, say which reader it needs, and turn everything that can go wrong into an `ImageError`."""
    name = path.name or str(path)
    try:
        with open_regular(path) as data:
            if os.fstat(data.fileno()).st_size == 0:
                raise ImageError("{name} is empty.", remedy="Copy it again from where it came.", name=name)
            yield data, kind_of(data), name
    except NotAFile as error:
        raise ImageError("{name} is not a file.", remedy="Give a picture file.", name=name) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            "{name} is not a picture that can be read.", remedy="These can: {formats}.", name=name, formats=READABLE
        ) from error
    except FileNotFoundError as error:
        raise ImageError("There is no file {name}.", remedy="Check the spelling of the path.", name=name) from error
    except PermissionError as error:
        raise ImageError("No permission to read {name}.", remedy="Make it readable.", name=name) from error
    except MemoryError as error:
        raise _too_large(name) from error
    except DECODER_ERRORS as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            raise ImageError(
                "{name} is a link that leads in a circle.", remedy="Delete the link.", name=name
            ) from error
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


@contextlib.contextmanager
def _picture(data: BinaryIO, kind: Kind, name: str) -> Iterator[Image.Image]:
    """Open a picture that is no RAW, lazily."""
    if kind == "tiff":
        keep_quiet()
        if TagFile(data).is_absurd():
            raise OSError("tags claim more than the file holds")
        data.seek(0)
    with heic.open_heic(data, name) if kind == "heif" else Image.open(data, formats=FORMATS) as image:
        if image.width * image.height > PIXEL_LIMIT:
            raise _too_large(name)
        yield image


@contextlib.contextmanager
def _raw(data: BinaryIO, name: str) -> Iterator[raw_photos.RawPhoto]:
    with raw_photos.open_raw(data, name) as raw:
        if raw.sensor_pixels > PIXEL_LIMIT:
            raise _too_large(name)
        yield raw


def open_image(path: Path, *, target: Target | None = None, until: float = math.inf) -> Image.Image:
    """Decode a picture's first frame to 8-bit RGB: sRGB, upright, transparency on white.

    Args:
        path: the file; its content decides the format, not its suffix.
        target: a picture may be decoded smaller, but not below this. Much faster for JPEG, which is decoded to a half,
            a quarter or an eighth, and for RAW, of which the camera's preview or half the resolution may do. The other
            formats' decoders give the whole picture or none.
        until: when to give up, in seconds of `time.monotonic`; looked at between the chunks that Pillow reads, so where
            a decoder (WebP, AVIF, HEIC, RAW) takes all at once, it goes on.

    Returns:
        A plain image in mode RGB.

    Raises:
        ImageError: it is missing, unreadable, empty, not a picture, cut off, or above `PIXEL_LIMIT`; or it is HEIC or
            RAW, and the package that reads these is not installed; or it took too long.
    """
    with _file(path) as (data, kind, name):
        if kind != "raw":
            with _picture(data, kind, name) as image:
                _heed(image, until, name)
                return _decoded(image, target, _orientation(image))
        with _raw(data, name) as raw:
            needed = target(*raw.size) if callable(target) else target
            with contextlib.suppress(*DECODER_ERRORS):  # a damaged preview in a sound RAW photo
                found = raw.preview(needed)
                if found is not None:
                    with found[0] as preview:
                        _heed(preview, until, name)
                        return _decoded(preview, needed, found[1])
            return raw.develop(needed)


def too_slow(name: str) -> ImageError:
    """Return what is said of a photo that was given up because decoding it took too long."""
    return ImageError(
        "{name} takes too long to decode.",
        remedy="Save it anew as a JPEG, or allow more seconds in BEHOLDER_DECODE_SECONDS.",
        name=name,
    )


def _heed(image: Image.Image, until: float, name: str) -> None:
    """Have a picture's decoder give up between two chunks of its file."""
    read = getattr(image, "load_read", None)  # what decoders that read in chunks have: JPEG and PNG
    if read is None or until == math.inf:
        return

    def read_in_time(size: int) -> bytes:
        if time.monotonic() >= until:
            raise too_slow(name)
        data: bytes = read(size)
        return data

    image.load_read = read_in_time  # type: ignore[attr-defined]


def _decoded(image: Image.Image, target: Target | None, orientation: int) -> Image.Image:
    """Decode an opened picture that lies in an EXIF orientation."""
    turned = orientation >= 5
    if callable(target):
        # TIFF's size is the upright one already
        target = target(*(image.size[::-1] if turned and image.format != "TIFF" else image.size))
    if target is not None:
        image.draft("RGB", target[::-1] if turned else target)
    image.load()
    if image.mode == "RGB" and "icc_profile" not in image.info and is_adobe_rgb(image):
        image.info["icc_profile"] = adobe_rgb_profile()
    # TIFF is turned by Pillow while it is loaded, and then forgets that it was
    turn = None if image.format == "TIFF" else _TURNS.get(orientation)
    return to_rgb(image if turn is None else image.transpose(turn), target)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except DECODER_ERRORS:
        return 1  # damaged EXIF beside a sound picture
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def read_info(path: Path) -> ImageInfo:
    """Return size, format and what the camera wrote into a picture, without decoding its pixels.

    Raises:
        ImageError: as `open_image`, as far as the file's head shows it.
    """
    with _file(path) as (data, kind, name):
        status = os.fstat(data.fileno())
        if kind == "raw":
            with _raw(data, name) as raw:
                size = raw.size
            noted = read_raw_notes(data)
            return ImageInfo(*size, "RAW", status.st_size, status.st_mtime, *notes_from(noted.tags, noted.exposure))
        with _picture(data, kind, name) as image:
            width, height = image.size
            if _orientation(image) >= 5 and image.format != "TIFF":  # whose size Pillow gives upright
                width, height = height, width
            return ImageInfo(width, height, _format(image), status.st_size, status.st_mtime, *read_notes(image))


def read_rating_tags(path: Path) -> tuple[bytes, object]:
    """Return a picture's XMP packet (empty where it has none) and its EXIF rating (None where it has none), unjudged.

    Raises:
        ImageError: as `open_image`, as far as the file's head shows it.
    """
    with _file(path) as (data, kind, name):
        if kind == "raw":
            noted = read_raw_notes(data)
            return noted.xmp, noted.rating
        with _picture(data, kind, name) as image:
            packet = image.info.get("xmp") or b""
            try:
                rating = image.getexif().get(_RATING)
            except DECODER_ERRORS:
                rating = None  # damaged EXIF beside a sound picture
            return packet if isinstance(packet, bytes) else str(packet).encode("utf-8", "surrogatepass"), rating


def _format(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else image.format or ""  # phones append a second JPEG and call it MPO
