"""Measures what can be measured in a photo: sharpness, exposure, contrast, colourfulness, tilt; no model is asked."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.prediction.explanation import Measurements
from engine.prediction.horizon import horizon_tilt

Floats = NDArray[np.float32]

SIDE = 512
"""Longer side in pixels at which photos are measured, so that two sizes of one photo measure the same."""

_TILES = 8  # a side: sharpness is looked for in parts, since a good photo may be sharp in one alone
_SHARPEST = 0.25  # share of the parts that count
_REBLUR = 4  # pixels to each side
_FLAT = 1.0  # levels a pixel: below this a part shows nothing that could be sharp, only noise
_DARK, _BRIGHT = 3, 252  # levels; JPEG leaves black and white not quite so
_LINEAR = np.array(
    [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (np.arange(256) / 255).tolist()], np.float32
)


def measure_photo(image: Image.Image) -> Measurements:
    """Return what can be measured in a photo; the same photo gives the same figures, in (nearly) any size.

    - *Sharpness* after Crete et al. 2007 (The blur effect: perception and estimation with a new no-reference perceptual
      blur metric, doi 10.1117/12.702790): how much of the differences between neighbouring pixels a blur takes away;
      from a sharp photo much, from a blurred one little. Here of the sharpest quarter of 8 x 8 parts, at `SIDE`
      pixels: it says how sharp the photo looks as a whole, not at 100 %.
    - *Exposure* and *contrast*: mean and standard deviation of the lightness L* (CIE 1976, from sRGB's luminance).
    - *Colourfulness*: the M3 of Hasler and Süsstrunk 2003 (Measuring colourfulness in natural images,
      doi 10.1117/12.477378); below 15 nearly gray, above 80 very colourful.
    - *Tilt*: see `engine.prediction.horizon.horizon_tilt`.
    - *Clipped*: percent of pixels whose three channels are all black, or all white; counted in pixels of the photo
      itself, since making it smaller would mix them.

    Args:
        image: RGB, upright, of any size.
    """
    scale = min(1.0, SIDE / max(image.size))
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    samples = np.asarray(image.resize(size, Image.Resampling.NEAREST))
    small = image if scale == 1 else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    pixels = np.asarray(small)
    lightness = _lightness(pixels)
    return Measurements(
        sharpness=_sharpness(np.asarray(small.convert("L"), np.float32)),
        exposure=float(lightness.mean()),
        contrast=float(lightness.std()),
        colourfulness=_colourfulness(pixels.astype(np.float32)),
        tilt=horizon_tilt(lightness),
        clipped_dark=float((samples.max(axis=2) <= _DARK).mean() * 100),
        clipped_bright=float((samples.min(axis=2) >= _BRIGHT).mean() * 100),
    )


def _lightness(pixels: NDArray[np.uint8]) -> Floats:
    """Return (height, width) L*, 0 … 100, of (height, width, 3) sRGB."""
    linear = _LINEAR[pixels]
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    lightness = np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * np.float32(24389 / 27))
    return np.clip(lightness, 0, 100).astype(np.float32)


def _colourfulness(pixels: Floats) -> float:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    across, along = red - green, (red + green) / 2 - blue
    spread = math.hypot(float(across.std()), float(along.std()))
    return spread + 0.3 * math.hypot(float(across.mean()), float(along.mean()))


def _sharpness(gray: Floats) -> float:
    """Return 0 (nothing but blur, or nothing at all) … 100 of (height, width) gray levels."""
    found = [figure for axis in (0, 1) if (figure := _sharpness_along(gray, axis)) is not None]
    return min(found, default=0.0)


def _sharpness_along(gray: Floats, axis: int) -> float | None:
    """Return the sharpness across one axis; None where nothing changes along it."""
    if gray.shape[axis] < 2 * _REBLUR + 1:
        return None
    steps = np.abs(np.diff(gray, axis=axis))
    left = np.maximum(steps - np.abs(np.diff(_blurred(gray, axis), axis=axis)), 0)
    total, taken = _tile_means(steps), _tile_means(left)
    shown = total >= _FLAT
    if not shown.any():
        return None
    shares = np.sort((taken[shown] / total[shown]).ravel())[::-1]
    count = max(math.ceil(_SHARPEST * shares.size), 1)
    return float(100 * shares[:count].mean())


def _blurred(gray: Floats, axis: int) -> Floats:
    """Return the mean of each pixel and its neighbours along an axis; the border is repeated."""
    widths = [(0, 0), (0, 0)]
    widths[axis] = (_REBLUR + 1, _REBLUR)
    sums = np.cumsum(np.pad(gray, widths, mode="edge"), axis=axis, dtype=np.float64)
    span = 2 * _REBLUR + 1
    ends, begins = (slice(span, None), slice(None)), (slice(0, -span), slice(None))
    if axis == 1:
        ends, begins = ends[::-1], begins[::-1]
    return np.asarray((sums[ends] - sums[begins]) / span, np.float32)


def _tile_means(values: Floats) -> Floats:
    """Return the means over parts of a picture: (rows, columns), at most 8 x 8."""
    rows, columns = (min(_TILES, side) for side in values.shape)
    tops = np.arange(rows) * values.shape[0] // rows
    lefts = np.arange(columns) * values.shape[1] // columns
    sums = np.add.reduceat(np.add.reduceat(values, tops, axis=0), lefts, axis=1)
    heights = np.diff(np.append(tops, values.shape[0]))
    widths = np.diff(np.append(lefts, values.shape[1]))
    return np.asarray(sums / np.outer(heights, widths), np.float32)
