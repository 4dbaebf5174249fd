"""Turn a photo file into a network's input array."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.features.backbones import Preprocess
from engine.images import open_image

FloatArray = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]

# A JPEG is decoded to a half, a quarter or an eighth where both sides stay this many times as long as the network's own
# input of it needs. 1 - cosine of efficientnet_lite0's features to those of a full decode, on 780 JPEGs (240 real
# photos, as they are and at sides of 280 to 4000 pixels), by how many times as long the sides stay:
#   1.0 to 1.1: mean 0.0021, 95th percentile 0.0043, worst 0.0056      1.5 to 2: 0.0006, 0.0019, 0.0021
#   1.1 to 1.5: mean 0.0013, 95th percentile 0.0028, worst 0.0056      above 2:  0.0002, 0.0008, 0.0034
# The rule's choices together: mean 0.0007, 92 % of the photos below 0.002. Bilinear for bicubic would be 0.0023.
DRAFT = 1.1
# Above this many times the input's size whole pixels are averaged before the resampling: mean 0.0002, worst 0.0008.
_GAP = 2.0
_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# Width and height in 32nds of the pixel grid, each about 224² pixels: the whole photo stays in the picture.
_LANDSCAPE = ((224, 224), (256, 192), (288, 192), (288, 160), (320, 160))


def aspect_shapes(size: int) -> tuple[tuple[int, int], ...]:
    """Return the allowed (width, height) of the ``aspect`` preprocessing, in pixels.

    Args:
        size: side of the square shape; only 224 is tabulated.
    """
    if size != 224:
        raise ValueError(f"no aspect shapes of size {size}")
    return _LANDSCAPE + tuple((short, long) for long, short in _LANDSCAPE[1:])


def input_shapes(how: Preprocess) -> tuple[tuple[int, int], ...]:
    """Return the (width, height) that a network's inputs may have, in pixels, those of most cameras first."""
    if how.kind != "aspect":
        return ((how.size, how.size),)
    common = (_LANDSCAPE[1], _LANDSCAPE[2], _LANDSCAPE[1][::-1], _LANDSCAPE[2][::-1])
    return common + tuple(shape for shape in aspect_shapes(how.size) if shape not in common)


def nearest_shape(width: int, height: int, size: int = 224) -> tuple[int, int]:
    """Return the allowed (width, height) whose aspect ratio is nearest to a photo's.

    >>> nearest_shape(4000, 3000), nearest_shape(600, 900), nearest_shape(9000, 100)
    ((256, 192), (192, 288), (320, 160))
    """
    wanted = math.log(width / height)
    return min(aspect_shapes(size), key=lambda shape: abs(math.log(shape[0] / shape[1]) - wanted))


def resized(image: Image.Image, how: Preprocess) -> Image.Image:
    """Return an upright RGB picture in the network's input shape, not normalised yet."""
    resampling = _RESAMPLING[how.interpolation]
    if how.kind == "aspect":
        return image.resize(nearest_shape(*image.size, how.size), resampling, reducing_gap=_GAP)
    if how.kind == "border":
        return _bordered(image, how, resampling)
    return _central(image, how, resampling)


def prepare(image: Image.Image, how: Preprocess) -> FloatArray:
    """Return a picture as a network's input.

    Args:
        image: an RGB picture, upright.
        how: the network's preprocessing.

    Returns:
        (3, height, width) float32, normalised.
    """
    return normalised(np.asarray(resized(image, how), dtype=np.uint8), how)


def normalised(pixels: Pixels, how: Preprocess) -> FloatArray:
    """Return a picture as a network computes with it; the runtimes do this themselves.

    Args:
        pixels: (height, width, 3) uint8, red green blue.
        how: the network's preprocessing.

    Returns:
        (3, height, width) float32.
    """
    shares = pixels.astype(np.float32) / np.float32(255)
    normal = (shares - np.asarray(how.mean, np.float32)) / np.asarray(how.std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1), dtype=np.float32)


def seen_part(width: int, height: int, how: Preprocess) -> Box:
    """Return which part of a photo a network's input shows.

    Args:
        width: of the upright photo, in pixels. height: likewise.
        how: the network's preprocessing.

    Returns:
        Left, top, right and bottom of the input, as shares of the photo; below 0 and above 1 where it is filled up.

    >>> seen_part(600, 400, Preprocess("crop", 200, 200, "bilinear"))
    (0.16666666666666666, 0.0, 0.8333333333333334, 1.0)
    """
    if how.kind == "aspect":
        return 0.0, 0.0, 1.0, 1.0
    if how.kind == "border":
        sides = list(_inside_the_border(width, height, how))
        left, top = (-((how.size - side) // 2) for side in sides)
    else:
        sides = list(_before_the_crop(width, height, how))
        left, top = (round((side - how.size) / 2) for side in sides)
    across, down = sides
    return left / across, top / down, (left + how.size) / across, (top + how.size) / down


def _central(image: Image.Image, how: Preprocess, resampling: Image.Resampling) -> Image.Image:
    """Resize the shorter side, or both, and cut out the middle, with torchvision's rounding."""
    width, height = _before_the_crop(*image.size, how)
    left, top = round((width - how.size) / 2), round((height - how.size) / 2)
    # Only the middle is resized: of a 10:1 panorama the rest would be thrown away.
    across, down = image.width / width, image.height / height
    box = (left * across, top * down, (left + how.size) * across, (top + how.size) * down)
    return image.resize((how.size, how.size), resampling, box=box, reducing_gap=_GAP)


def _before_the_crop(width: int, height: int, how: Preprocess) -> tuple[int, int]:
    if how.kind == "squash":
        return how.resize, how.resize
    if width <= height:
        return how.resize, int(how.resize * height / width)
    return int(how.resize * width / height), how.resize


def _inside_the_border(width: int, height: int, how: Preprocess) -> tuple[int, int]:
    ratio = max(width, height) / how.resize
    return max(round(width / ratio), 1), max(round(height / ratio), 1)


def _bordered(image: Image.Image, how: Preprocess, resampling: Image.Resampling) -> Image.Image:
    """Resize the longer side and fill the square up with the mean colour, with timm's rounding."""
    width, height = _inside_the_border(*image.size, how)
    red, green, blue = (round(255 * value) for value in how.mean)
    square = Image.new("RGB", (how.size, how.size), (red, green, blue))
    small = image.resize((width, height), resampling, reducing_gap=_GAP)
    square.paste(small, ((how.size - width) // 2, (how.size - height) // 2))
    return square


def load_input(path: Path, how: Preprocess) -> FloatArray:
    """Decode a photo and return it as a network's input; see `prepare`.

    Raises:
        ImageError: the file is no readable picture.
    """
    return prepare(_opened(path, how), how)


def load_pixels(path: Path, how: Preprocess, *, until: float = math.inf) -> Pixels:
    """Decode a photo and return the upright (height, width, 3) uint8 pixels that a `Runtime` takes.

    Args:
        path: the photo.
        how: the network's preprocessing.
        until: when to give up, in seconds of `time.monotonic`; see `engine.images.open_image`.

    Raises:
        ImageError: the file is no readable picture, or took too long.
    """
    return np.asarray(resized(_opened(path, how, until), how), dtype=np.uint8)


def needed_size(width: int, height: int, how: Preprocess) -> tuple[int, int]:
    """Return the (width, height) in pixels below which a photo must not be decoded: `DRAFT` times its size as input.

    Args:
        width: of the upright photo, in pixels. height: likewise.
        how: the network's preprocessing.

    >>> needed_size(4000, 3000, Preprocess("aspect", 224, 224, "bicubic"))
    (282, 212)
    """
    if how.kind == "aspect":
        sides = nearest_shape(width, height, how.size)
    elif how.kind == "border":
        sides = _inside_the_border(width, height, how)
    else:
        sides = _before_the_crop(width, height, how)
    across, down = (math.ceil(side * DRAFT) for side in sides)
    return across, down


def _opened(path: Path, how: Preprocess, until: float = math.inf) -> Image.Image:
    return open_image(path, target=lambda width, height: needed_size(width, height, how), until=until)
