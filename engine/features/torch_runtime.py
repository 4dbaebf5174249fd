"""Run a backbone through torch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from engine.features.backbones import Backbone, Preprocess
from engine.features.networks import build_features
from engine.features.preprocess import FloatArray, Pixels
from engine.features.weights import Weights

_TORCH_BATCH = 8


class TorchRuntime:
    """A backbone run by torch on the CPU.

    Args:
        backbone: which network.
        weights: which weights.

    Raises:
        DamagedFile: the weights are not of this backbone.
    """

    name = "torch"

    def __init__(self, backbone: Backbone, weights: Weights) -> None:
        self.how = backbone.preprocess
        self.module = build_features(backbone, weights)

    def run(self, pictures: Iterable[tuple[str, Pixels]]) -> dict[str, FloatArray]:
        """Return a vector for each picture; pictures of one shape go through together."""
        found: dict[str, FloatArray] = {}
        waiting: dict[tuple[int, ...], list[tuple[str, Pixels]]] = {}
        for key, picture in pictures:
            batch = waiting.setdefault(picture.shape, [])
            batch.append((key, picture))
            if len(batch) == _TORCH_BATCH:
                found |= self._forward(waiting.pop(picture.shape))
        for batch in waiting.values():
            found |= self._forward(batch)
        return found

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do nothing: torch takes any shape as it is; see `Runtime.prepare`."""

    def _forward(self, batch: list[tuple[str, Pixels]]) -> dict[str, FloatArray]:
        vectors = run_module(self.module, self.how, np.stack([picture for _, picture in batch]))
        return {key: vector.copy() for (key, _), vector in zip(batch, vectors, strict=True)}


def run_module(module: nn.Module, how: Preprocess, batch: Pixels) -> FloatArray:
    """Return a torch module's (N, width) float32 output for (N, height, width, 3) uint8 pictures."""
    with torch.inference_mode():
        pixels = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(value)[:, None, None] for value in (how.mean, how.std))
        vectors: FloatArray = module((pixels - mean) / std).float().numpy()
    return vectors
