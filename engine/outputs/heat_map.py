"""A heat map laid over its photo: warm where the score was raised, cold where it was lowered.

Orange and blue are told apart with every kind of colour blindness. Under them the photo is paler, or an evening sky
would pass for heat; what the model never saw is darker. In the picture that is kept, the warmest and the coldest place
carry a sign too, so that nothing hangs on colour alone.
"""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from engine.errors import UsageError
from engine.images import open_image
from engine.prediction.explanation import HeatMap
from engine.storage import disk_error, disk_errors, write_bytes

MOST, FEWEST = 1600, 640
"""Pixels of the longer side of the picture that is kept: large photos become smaller, tiny ones larger."""
_WARM, _COLD = np.array([255.0, 122.0, 0.0]), np.array([0.0, 92.0, 255.0])
_GRAY = np.array([0.299, 0.587, 0.114])
_PALE = 0.85  # share of its colour that the photo loses
_EMPHASIS = 0.75  # below 1, so that weaker places are seen too
_UNSEEN = 0.45  # brightness of what the model did not see
_SIGNED = 0.25  # from this magnitude on a place is worth a sign
_INK, _PAPER = (235, 235, 235), (24, 24, 24)
_MARK = ("Software", "beholder heat map")
_HEAD = 400  # bytes that hold a PNG's first text

Pixels = NDArray[np.float32]


def overlay(image: Image.Image, heat: HeatMap, strength: float = 0.5) -> Image.Image:
    """Return a photo with a heat map over it.

    Args:
        image: RGB, upright, of any size.
        heat: found in that photo.
        strength: how much the strongest place is coloured, 0 … 1.

    Returns:
        A new RGB picture of the same size.
    """
    pixels = np.asarray(image.convert("RGB"), np.float32)
    gray = (pixels @ _GRAY.astype(np.float32))[:, :, None]
    field, seen = _field(heat, image.size)
    alpha = (strength * np.abs(field) ** _EMPHASIS)[:, :, None]
    colour = np.where(field[:, :, None] > 0, _WARM, _COLD).astype(np.float32)
    pale = (pixels + _PALE * (gray - pixels)) * np.where(seen, 1.0, _UNSEEN).astype(np.float32)[:, :, None]
    mixed = pale + alpha * (colour - pale)
    return Image.fromarray(np.clip(mixed + 0.5, 0, 255).astype(np.uint8))


def _field(heat: HeatMap, size: tuple[int, int]) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return (height, width) values -1 … 1 for each pixel, smooth between the cells, and which pixels were seen."""
    width, height = size
    left, top, right, bottom = _pixel_box(heat, size)
    cells = Image.fromarray(np.asarray(heat.values, np.float32))
    inside = cells.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    field, seen = np.zeros((height, width), np.float32), np.zeros((height, width), np.bool_)
    field[top:bottom, left:right] = np.clip(np.asarray(inside), -1, 1)
    seen[top:bottom, left:right] = True
    return field, seen


def _pixel_box(heat: HeatMap, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    left, top = min(round(heat.box[0] * width), width - 1), min(round(heat.box[1] * height), height - 1)
    right, bottom = max(round(heat.box[2] * width), left + 1), max(round(heat.box[3] * height), top + 1)
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def heat_picture(image: Image.Image, heat: HeatMap, text: str = "") -> Image.Image:
    """Return the picture that is kept: the photo under its heat, signs on it, and a legend below.

    Args:
        image: RGB, upright, of any size.
        heat: found in that photo.
        text: stands beside the legend, such as a score with its interval; plain letters and numbers alone.
    """
    longer = max(image.size)
    wanted = min(max(longer, FEWEST), MOST)
    size = tuple(max(round(side * wanted / longer), 1) for side in image.size)
    shown = overlay(image.resize((size[0], size[1]), Image.Resampling.LANCZOS), heat, 0.65)
    _draw_signs(shown, heat)
    unit = max(wanted // 40, 16)
    whole = Image.new("RGB", (shown.width, shown.height + 2 * unit), _PAPER)
    whole.paste(shown, (0, 0))
    _draw_legend(whole, shown.height, unit, text)
    return whole


def _draw_signs(shown: Image.Image, heat: HeatMap) -> None:
    """Put a plus on the warmest place and a minus on the coldest, where they matter."""
    left, top, right, bottom = _pixel_box(heat, shown.size)
    values = np.asarray(heat.values, np.float64)
    rows, columns = values.shape
    pen, arm = ImageDraw.Draw(shown), max(max(shown.size) // 80, 6)
    for sign in (1, -1):
        strongest = int((sign * values).argmax())
        if sign * values.flat[strongest] < _SIGNED:
            continue
        row, column = divmod(strongest, columns)
        x = left + (column + 0.5) * (right - left) / columns
        y = top + (row + 0.5) * (bottom - top) / rows
        _draw_sign(pen, x, y, arm, plus=sign > 0)


def _draw_sign(pen: ImageDraw.ImageDraw, x: float, y: float, arm: int, *, plus: bool) -> None:
    thick = max(arm // 3, 2)
    for colour, more in (((0, 0, 0), max(thick // 2, 1)), ((255, 255, 255), 0)):
        half, length = thick / 2 + more, arm + more
        pen.rectangle((x - length, y - half, x + length, y + half), fill=colour)
        if plus:
            pen.rectangle((x - half, y - length, x + half, y + length), fill=colour)


def _draw_legend(whole: Image.Image, top: int, unit: int, text: str) -> None:
    """Draw the scale from minus to plus, and the text where there is room for it."""
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(unit * 0.95)
    middle, length = top + unit, min(8 * unit, whole.width // 2)
    start = 2 * unit
    gray = np.full((unit // 2 * 2, length, 3), 128, np.uint8)
    ramp = HeatMap("occlusion", (tuple(np.linspace(-1, 1, 33).tolist()),))
    whole.paste(overlay(Image.fromarray(gray), ramp, 0.9), (start, middle - unit // 2))
    arm = max(unit // 4, 4)
    _draw_sign(pen, start - unit, middle, arm, plus=False)
    _draw_sign(pen, start + length + unit, middle, arm, plus=True)
    room = whole.width - (start + length + 3 * unit)
    if text and pen.textlength(text, font) <= room:
        pen.text((whole.width - unit, middle), text, fill=_INK, font=font, anchor="rm")


def write_heat_picture(photo: Path, heat: HeatMap, to: Path, text: str = "", *, force: bool = False) -> Path:
    """Write a photo under its heat map as PNG; see `heat_picture`.

    Args:
        photo: the file. heat: found in it.
        to: where to; a heat map that is there is replaced.
        text: stands beside the legend.
        force: replace any other file too; the photo itself never is.

    Returns:
        Where it was written, links followed.

    Raises:
        UsageError: see `check_place`. ImageError: the photo can't be read.
        BeholderError: the place can't be written; what was there before is untouched.
    """
    target = check_place(photo, to, force=force)
    note = PngInfo()
    note.add_text(*_MARK)
    data = io.BytesIO()
    heat_picture(open_image(photo, target=(MOST, MOST)), heat, text).save(data, "PNG", pnginfo=note, optimize=True)
    if target.exists() and not target.is_file():  # a device or a pipe
        with disk_errors(target):
            target.write_bytes(data.getvalue())
    else:
        write_bytes(target, data.getvalue())
    return target


def check_place(photo: Path, to: Path, *, force: bool = False) -> Path:
    """Return where a heat map would be written, links followed; say early why it can't be.

    Raises:
        UsageError: the name is not one of a PNG, or there is a folder, or a file that is no heat map of ours.
        BeholderError: there is no such folder, or it can't be written to.
    """
    with disk_errors(to):
        target = to.resolve()
    if target.is_dir():
        raise UsageError("{path} is a folder.", remedy="Name the PNG file that is to be written.", path=to)
    if target.exists() and not target.is_file():
        return target
    if target.suffix.lower() != ".png":
        raise UsageError("A heat map is written as PNG, not as {path}.", remedy="End its name in .png.", path=to)
    if target.exists():
        with disk_errors(target), target.open("rb") as data:
            head = data.read(_HEAD)
        same = photo.exists() and target.samefile(photo)
        if same or not (force or not head or "\0".join(_MARK).encode() in head):
            raise UsageError(
                "{path} is there already and is no heat map.",
                remedy="Choose another name; --force replaces any file but the photo itself.",
                path=to,
            )
    elif not target.parent.is_dir():
        raise disk_error(OSError(errno.ENOENT, ""), target.parent)
    if not os.access(target.parent, os.W_OK):
        raise disk_error(OSError(errno.EACCES, ""), target.parent)
    return target
