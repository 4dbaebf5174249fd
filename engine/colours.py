"""One right colour for every picture: whatever mode, depth and profile it has, it becomes 8-bit sRGB on white paper."""

from __future__ import annotations

import functools
import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageCms

from engine.camera_notes import DECODER_ERRORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

Change = Callable[[Image.Image], Image.Image]

_LARGEST_PROFILE = 16 << 20  # bytes; a printing press's tables take a few millions
_KEPT_PROFILES = 16
# What a profile may describe, and the modes of pictures that it then fits.
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_CLASSES = {"scnr", "mntr", "prtr", "spac"}
# Colours that sRGB has too stay what they are, and black stays black. Perceptual would be no gentler: the sRGB profile
# of LittleCMS has no table for that, so it could only use what a press's own table has squeezed together.
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_UNSEEN = 2  # levels: profiles that call themselves sRGB differ by no more
_STRIP = 4_000_000  # pixels of a deep picture that are converted at once
_OVERBRIGHT = 16.0  # floats up to this are shares of white with lights beyond it, not numbers up to 255


def to_rgb(image: Image.Image, target: tuple[int, int] | None = None) -> Image.Image:
    """Return a decoded picture in mode RGB: sRGB, 8 bits, transparency on white, without metadata.

    An embedded ICC profile is applied where it fits the picture; one that is damaged, that is for another kind of
    picture, or that means sRGB, is not. CMYK without a profile becomes what browsers show.

    Args:
        image: loaded, of any mode that Pillow decodes to.
        target: (width, height) in pixels that will do: a larger picture may be reduced, though never below twice that,
            before its colours are worked out.
    """
    profile = image.info.get("icc_profile")
    colour, alpha = _layers(image)
    change = _profiles.find(profile, colour.mode) if isinstance(profile, bytes) else None
    if change is not None and target is not None:
        factor = min(colour.width // (2 * max(target[0], 1)), colour.height // (2 * max(target[1], 1)))
        if factor > 1:
            colour, alpha = _reduced(colour, alpha, factor)
    rgb = _plain_rgb(colour) if change is None else change(colour)
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    if rgb is image:
        return _plain(image)
    rgb.info = {}
    return rgb


def _plain(image: Image.Image) -> Image.Image:
    copy = image.copy()  # away from the file, and from a profile that no longer holds
    copy.info = {}
    return copy


def _reduced(colour: Image.Image, alpha: Image.Image | None, factor: int) -> tuple[Image.Image, Image.Image | None]:
    if alpha is None:
        return colour.reduce(factor), None
    # what can't be seen must not shine through: each pixel counts as much as it is opaque
    premultiplied = [ImageChops.multiply(band, alpha) for band in colour.split()]
    small = alpha.reduce(factor)
    parts = [_divided(band.reduce(factor), small) for band in premultiplied]
    return Image.merge(colour.mode, parts), small


def _divided(band: Image.Image, alpha: Image.Image) -> Image.Image:
    return Image.merge("La", (band, alpha)).convert("LA").getchannel("L")


def _plain_rgb(colour: Image.Image) -> Image.Image:
    return colour if colour.mode == "RGB" else colour.convert("RGB")


def _layers(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return a picture in mode L, RGB or CMYK, and how opaque it is (mode L; None: everywhere)."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _eight_bits(image)
    if mode == "LAB":
        return _from_lab(image), None
    if mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif "transparency" in image.info:
        image = _keyed(image)
    elif mode in ("La", "RGBa"):
        image = image.convert(mode.upper())
    if image.mode in ("LA", "RGBA"):
        bands = image.split()
        return (bands[0] if image.mode == "LA" else Image.merge("RGB", bands[:3])), bands[-1]
    if image.mode == "1":
        return image.convert("L"), None
    return (image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")), None


def _keyed(image: Image.Image) -> Image.Image:
    """Return a picture, one of whose colours means nothing, with an alpha channel."""
    key = image.info["transparency"]
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        key = tuple(value >> 8 for value in key)  # a PNG of 16 bits, of which Pillow keeps the upper 8
    plain = image.copy()
    plain.info["transparency"] = key
    if image.mode in ("1", "L"):
        return plain.convert("LA")
    return plain.convert("RGBA") if image.mode == "RGB" else image.convert("RGB")


def _from_lab(image: Image.Image) -> Image.Image:
    change = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB", _INTENT, _FLAGS
    )
    done = ImageCms.applyTransform(image, change)
    assert done is not None
    return done


def _eight_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return gray of 16 or 32 bits, or floats, with 8 bits; the range comes from the type, else from the values."""
    import numpy as np

    key = image.info.get("transparency")
    white = 65535.0 if image.mode.startswith("I;16") else _white(image)
    gray = Image.new("L", image.size)
    alpha = Image.new("L", image.size, 255) if isinstance(key, int) else None
    for top, values in _strips(image):
        shares = np.clip(np.nan_to_num(values.astype(np.float32) / np.float32(white), posinf=1.0, neginf=0.0), 0, 1)
        gray.paste(Image.fromarray((shares * np.float32(255) + np.float32(0.5)).astype(np.uint8)), (0, top))
        if alpha is not None:
            alpha.paste(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)), (0, top))
    gray.info = {}
    return gray, alpha


def _white(image: Image.Image) -> float:
    """Return the value that means white, by the largest there is."""
    import numpy as np

    largest = 0.0
    for _, values in _strips(image):
        finite = values[np.isfinite(values)]
        largest = max(largest, float(finite.max(initial=0)))
    if image.mode == "F" and largest <= _OVERBRIGHT:
        return 1.0
    return next((step for step in (255.0, 65535.0) if largest <= step), largest)


def _strips(image: Image.Image) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the rows of a picture in parts, with the number of the first: memory stays small."""
    import numpy as np

    rows = max(_STRIP // max(image.width, 1), 1)
    for top in range(0, image.height, rows):
        yield top, np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


class _Profiles:
    """Remembers how the last profiles change colours, since an album has few of them; None: they change nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[bytes, str], Change | None] = OrderedDict()

    def find(self, profile: bytes, mode: str) -> Change | None:
        """Return what makes sRGB of pictures of a mode that bear the profile; None where they may stay as they are."""
        if not 128 <= len(profile) <= _LARGEST_PROFILE:
            return None
        key = (hashlib.sha256(profile).digest(), mode)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        change = _change(profile, mode)
        with self._lock:
            self._known[key] = change
            while len(self._known) > _KEPT_PROFILES:
                self._known.popitem(last=False)
        return change


_profiles = _Profiles()


def _change(profile: bytes, mode: str) -> Change | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        kind, space = source.profile.device_class.strip(), source.profile.xcolor_space.strip()
        if kind not in _CLASSES or _SPACES.get(space) != mode:
            return None
        flags = _FLAGS | ImageCms.Flags.NOOPTIMIZE if mode == "L" else _FLAGS
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", _INTENT, flags)
        probe = _probe(mode)
        seen = ImageCms.applyTransform(probe, transform)
    except (ImageCms.PyCMSError, ImportError, *DECODER_ERRORS):
        return None  # damaged, or a Pillow without LittleCMS: the picture is worth more than its profile
    if seen is None or _distance(seen, probe.convert("RGB")) <= _UNSEEN:
        return None
    if mode == "L":
        return _GrayChange(seen)
    return functools.partial(_applied, transform)


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    try:
        done = ImageCms.applyTransform(image, transform)
    except ImageCms.PyCMSError:  # as of a table that is damaged deep inside
        done = None
    return _plain_rgb(image) if done is None else done


class _GrayChange:
    """Looks up what each of the 256 grays becomes; LittleCMS's own table is too coarse for dark ones.

    Args:
        seen: (256, 1) RGB, what black to white become.
    """

    def __init__(self, seen: Image.Image) -> None:
        self._tables = [list(band.tobytes()) for band in seen.split()]

    def __call__(self, image: Image.Image) -> Image.Image:
        return Image.merge("RGB", [image.point(table) for table in self._tables])


def _probe(mode: str) -> Image.Image:
    """Return a picture of colours from all over a mode's space."""
    steps = range(0, 256, 15 if mode == "RGB" else 51)
    if mode == "L":
        return Image.frombytes("L", (256, 1), bytes(range(256)))
    colours = [(a, b, c) for a in steps for b in steps for c in steps]
    content = b"".join(bytes(colour) if mode == "RGB" else bytes((*colour, 0)) for colour in colours)
    return Image.frombytes(mode, (len(colours), 1), content)


def _distance(one: Image.Image, other: Image.Image) -> int:
    """Return by how many levels a channel of two pictures differs at most."""
    return max(int(high) for _, high in ImageChops.difference(one, other).getextrema())  # type: ignore[misc]
