"""Changed copies of the training photos, so that a network doesn't learn the few there are by heart.

All of it works on the batch's tensor; each photo is changed by chance of its own, from torch's own random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Augment = Callable[[Tensor], Tensor]
_SMALLEST_CROP = 0.85  # of the area; a tighter one would be another composition
_STRETCH = 1.05  # a crop is at most so much wider or narrower than the photo
_TURN, _SHEAR = math.radians(8.0), math.radians(4.0)
_SHIFT, _ZOOM = 0.05, 0.05
_COLOUR, _HUE = 0.15, 0.03 * 2 * math.pi
_ERASED, _LEAST_ERASED, _MOST_ERASED = 0.25, 0.02, 0.1
_LUMA = (0.299, 0.587, 0.114)


def make_augment(strength: str, height: int, width: int) -> Augment:
    """Return what changes a batch: (B, 3, height, width) uint8 to pixels of the same shape, uint8 or float32 of 0…1.

    Args:
        strength: ``none``, ``light`` (mirrored, slightly cropped) or ``strong`` (also turned, shifted, with other
            colours, partly erased).
    """
    if strength == "none":
        return _as_it_is
    return _light if strength == "light" else _strong


def _as_it_is(pictures: Tensor) -> Tensor:
    return pictures


def _light(pictures: Tensor) -> Tensor:
    """Mirror half of the photos, and see each through a crop of its own."""
    count, _, height, width = pictures.shape
    across, down = _crop_sides(count)
    place, mirrored = torch.rand(2, count), torch.rand(count) < 0.5
    # the layout in which torch resizes bytes several times as fast; each photo by itself as each has another size
    lying = pictures.contiguous(memory_format=torch.channels_last)
    found = torch.empty_like(lying)
    for row in range(count):
        wide, high = max(round(width * float(across[row])), 1), max(round(height * float(down[row])), 1)
        left, top = round((width - wide) * float(place[0, row])), round((height - high) * float(place[1, row]))
        crop = lying[row : row + 1, :, top : top + high, left : left + wide]
        whole = functional.interpolate(crop, size=(height, width), mode="bilinear", antialias=True)
        found[row] = whole[0].flip(-1) if mirrored[row] else whole[0]
    return found


def _crop_sides(count: int) -> tuple[Tensor, Tensor]:
    """Return (B,) widths and heights of crops, as shares of the photo's."""
    area = _SMALLEST_CROP + (1 - _SMALLEST_CROP) * torch.rand(count)
    stretch = torch.exp((2 * torch.rand(count) - 1) * math.log(_STRETCH)).sqrt()
    side = area.sqrt()
    return (side * stretch).clamp(max=1.0), (side / stretch).clamp(max=1.0)


def _strong(pictures: Tensor) -> Tensor:
    pixels = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures
    return _erased(_recoloured(_moved(pixels))).clamp(0.0, 1.0)


def _moved(pictures: Tensor) -> Tensor:
    """Crop, mirror, turn, shift, zoom and shear in one pass; what comes from outside the photo is black."""
    count, _, height, width = pictures.shape
    across, down = _crop_sides(count)
    mirror = 1 - 2 * (torch.rand(count) < 0.5).float()
    # where the crop lies, then some of the photos shifted once more
    shifted, turned = (torch.rand(2, count) < 0.5).float()
    place = (2 * torch.rand(2, count) - 1) * torch.stack([1 - across, 1 - down])
    place += shifted * (2 * torch.rand(2, count) - 1) * 2 * _SHIFT
    zoom = 1 + shifted * _ZOOM * (2 * torch.rand(count) - 1)
    angle = turned * _TURN * (2 * torch.rand(count) - 1)
    shear = shifted * torch.tan(_SHEAR * (2 * torch.rand(count) - 1))
    shape = width / height  # turned in pixels, not in shares of the sides
    cos, sin = torch.cos(angle), torch.sin(angle)
    first = torch.stack([cos, cos * shear - sin / shape, place[0]], dim=1)
    second = torch.stack([sin * shape, sin * shape * shear + cos, place[1]], dim=1)
    first = first * torch.stack([across * zoom * mirror, across * zoom, torch.ones(count)], dim=1)
    second = second * torch.stack([down * zoom * mirror, down * zoom, torch.ones(count)], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), [*pictures.shape], align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", align_corners=False)


def _recoloured(pictures: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue of four photos in five: together one matrix on the colours."""
    count = pictures.shape[0]
    chosen = (torch.rand(count) < 0.8).float()
    bright, contrast, saturation = 1 + chosen * _COLOUR * (2 * torch.rand(3, count) - 1)
    hue = chosen * _HUE * (2 * torch.rand(count) - 1)
    luma = torch.tensor(_LUMA)
    grey, same = luma.expand(3, 3), torch.eye(3)
    # turning the colours about the grey axis (Rodrigues' formula)
    axis = torch.ones(3, 3) / 3
    across = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    cos, sin = torch.cos(hue)[:, None, None], torch.sin(hue)[:, None, None]
    turn = cos * same + (1 - cos) * axis + sin * across
    mix = (bright * contrast)[:, None, None] * (grey + saturation[:, None, None] * (same - grey)) @ turn
    middle = (pictures.mean(dim=(2, 3)) @ luma) * bright * (1 - contrast)
    changed: Tensor = torch.einsum("bij,bjhw->bihw", mix, pictures) + middle[:, None, None, None]
    return changed.clamp(0.0, 1.0)


def _erased(pictures: Tensor) -> Tensor:
    """Blacken a small rectangle of a quarter of the photos; they are changed where they stand."""
    count, _, height, width = pictures.shape
    chosen = torch.rand(count) < _ERASED
    area = _LEAST_ERASED + (_MOST_ERASED - _LEAST_ERASED) * torch.rand(count)
    stretch = torch.exp((2 * torch.rand(count) - 1) * math.log(3.0)).sqrt()
    place = torch.rand(2, count)
    for row in chosen.nonzero()[:, 0].tolist():
        wide = min(round(width * float(area[row].sqrt() * stretch[row])), width)
        high = min(round(height * float(area[row].sqrt() / stretch[row])), height)
        left, top = round((width - wide) * float(place[0, row])), round((height - high) * float(place[1, row]))
        pictures[row, :, top : top + high, left : left + wide] = 0.0
    return pictures
