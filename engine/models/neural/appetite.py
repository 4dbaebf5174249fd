"""How much memory the training of a backbone needs, worked out before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.errors import NeedMissing
from engine.features.backbones import Backbone
from engine.features.networks import build_classifier, cut_head

# Weights, their gradient, AdamW's two moments, the running average, the best so far, and what is copied while an epoch
# is judged and written down.
_COPIES = 8
_BYTES = 4
# What layers keep for the way back beside their outputs; measured between 1.0 (VGG) and 1.5 (EfficientNet).
_BESIDE = 1.5
_USABLE = 0.9


@dataclass(frozen=True)
class Appetite:
    """Bytes of memory that a training takes.

    Args:
        fixed: for the weights. each: for each photo of a step.
    """

    fixed: int
    each: int

    def batch_within(self, batch: int, available: int | None) -> int:
        """Return the largest of batch, batch/2, batch/4 … that there is memory for; 0: not even one photo."""
        if available is None:
            return batch
        while batch and self.fixed + batch * self.each > _USABLE * available:
            batch //= 2
        return batch


def appetite(backbone: Backbone) -> Appetite:
    """Return what a backbone needs; it is built without any memory for its weights."""
    with torch.device("meta"):
        network = cut_head(backbone, build_classifier(backbone))
        pixels = torch.zeros(1, 3, backbone.preprocess.size, backbone.preprocess.size)
    outputs: list[int] = []

    def note(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append(output.numel())

    for part in network.modules():
        if not any(True for _ in part.children()):
            part.register_forward_hook(note)
    with torch.no_grad():
        network(pixels)
    weights = sum(value.numel() for value in network.parameters())
    return Appetite(_COPIES * _BYTES * weights, int(_BESIDE * _BYTES * sum(outputs)))


def require_memory(backbone: Backbone, need: Appetite, available: int | None) -> None:
    """Refuse a backbone that is too large for the memory there is.

    Raises:
        NeedMissing: it is; both figures are named.
    """
    if need.batch_within(1, available):
        return
    assert available is not None
    raise NeedMissing(
        "Training {backbone} needs about {need} GB of memory; {free} GB are free.",
        remedy="Close other programs, choose a smaller backbone, or train only a head on it: beholder train frozen",
        backbone=backbone.name,
        need=gigabytes(need.fixed + need.each),
        free=gigabytes(available),
    )


def gigabytes(size: float) -> str:
    """Return bytes as GB with one decimal.

    >>> gigabytes(1_540_000_000)
    '1.5'
    """
    return f"{size / 1e9:.1f}"
