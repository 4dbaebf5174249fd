"""A backbone as ONNX: from uint8 pixels to its feature vector, normalisation inside."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.errors import BeholderError
from engine.features.backbones import Backbone, Preprocess
from engine.features.converted import traceable
from engine.features.networks import build_features
from engine.features.preprocess import aspect_shapes
from engine.features.weights import Weights
from engine.outputs.onnx_graph import OPSET
from engine.storage import disk_errors

_LARGEST = 480_000_000  # numbers; a single ONNX file ends at 2 GB


class FromPixels(nn.Module):
    """A network that takes pixels.

    Args:
        features: from normalised (N, 3, height, width) pictures to (N, D) vectors.
        how: its preprocessing.
    """

    def __init__(self, features: nn.Module, how: Preprocess) -> None:
        super().__init__()
        self.features = features
        self.mean, self.std = (torch.tensor(value)[:, None, None] for value in (how.mean, how.std))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (N, D) float32 for (N, height, width, 3) uint8."""
        pictures = pixels.permute(0, 3, 1, 2).float() / 255
        vectors: Tensor = self.features((pictures - self.mean) / self.std)
        return vectors


def write_network(backbone: Backbone, weights: Weights, path: Path) -> None:
    """Write an ONNX file with the input ``pixels`` and the output ``features``.

    Raises:
        BeholderError: this network can't be written so. DamagedFile: the weights are not of this backbone.
    """
    if backbone.parameters > _LARGEST:
        raise BeholderError(
            "The network {backbone} is too large for one ONNX file.",
            remedy="Export the model as a bundle, or train it on a smaller backbone.",
            backbone=backbone.name,
        )
    how = backbone.preprocess
    aspect = how.kind == "aspect"
    width, height = aspect_shapes(how.size)[1] if aspect else (how.size, how.size)
    module = FromPixels(build_features(backbone, weights), how).eval()
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    sizes = {0: "N", 1: "height", 2: "width"} if aspect else {0: "N"}
    # The tracing exporter: the newer one needs minutes to reason about sizes that are multiples of 32.
    try:
        with warnings.catch_warnings(), traceable(), torch.inference_mode(), disk_errors(path):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                (example,),
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=["pixels"],
                output_names=["features"],
                dynamic_axes={"pixels": sizes, "features": {0: "N"}},
            )
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
        raise BeholderError(
            "The network {backbone} can't be written as ONNX: {cause}.",
            remedy="Export the model as a bundle, or train it on another backbone.",
            backbone=backbone.name,
            cause=(str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip("."),
        ) from error
