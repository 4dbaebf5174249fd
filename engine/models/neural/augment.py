"""Changed copies of the training photos, so that a network doesn't learn the few there are by heart."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms import v2

Augment = Callable[[Tensor], Tensor]
_SMALLEST_CROP = 0.85  # of the area; a tighter one would be another composition


def make_augment(strength: str, height: int, width: int) -> Augment:
    """Return what changes a batch: (B, 3, height, width) uint8 to pixels of the same shape, uint8 or float32 of 0…1.

    Each photo is changed by chance of its own, from torch's own random numbers.

    Args:
        strength: ``none``, ``light`` (mirrored, slightly cropped) or ``strong`` (also turned, shifted, with other
            colours, partly erased).
    """
    if strength == "none":
        return _as_it_is
    light = [
        v2.RandomHorizontalFlip(),
        v2.RandomResizedCrop(
            (height, width),
            scale=(_SMALLEST_CROP, 1.0),
            ratio=(0.95 * width / height, 1.05 * width / height),
            antialias=True,
        ),
    ]
    if strength == "light":
        return _each(v2.Compose(light))
    strong = [
        *light,
        v2.RandomApply([v2.RandomRotation(8.0, v2.InterpolationMode.BILINEAR)], 0.5),
        v2.RandomApply(
            [v2.RandomAffine(0.0, (0.05, 0.05), (0.95, 1.05), 4.0, v2.InterpolationMode.BILINEAR)],
            0.5,
        ),
        v2.RandomApply([v2.ColorJitter(0.15, 0.15, 0.15, 0.03)], 0.8),
        v2.ToDtype(torch.float32, scale=True),
        v2.RandomErasing(0.25, scale=(0.02, 0.1)),
    ]
    return _each(v2.Compose(strong))


def _as_it_is(pictures: Tensor) -> Tensor:
    return pictures


def _each(transform: v2.Transform) -> Augment:
    """Apply a transform picture by picture: on a batch it would choose once for all."""

    def augment(pictures: Tensor) -> Tensor:
        return torch.stack([transform(picture) for picture in pictures])

    return augment
