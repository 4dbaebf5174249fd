"""Build a backbone's torch network, load its weights into it, and cut it down to its feature vector."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import DamagedFile
from engine.features.backbones import Backbone
from engine.features.weights import RANDOM_SEED, Weights

# torchvision's densenet checkpoints of 2017 still carry the names of that time: "norm.1.weight".
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


class PooledStages(nn.Module):
    """An EfficientNet-Lite whose output is mean and standard deviation of its three last stages over the picture.

    Args:
        network: timm's network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (N, width) float32 for (N, 3, height, width) pictures."""
        network: Any = self.network
        maps = network.bn1(network.conv_stem(pictures))
        parts: list[Tensor] = []
        for index, stage in enumerate(network.blocks):
            maps = stage(maps)
            if index >= len(network.blocks) - 2:
                parts += _mean_and_std(maps)
        parts += _mean_and_std(network.bn2(network.conv_head(maps)))
        return torch.cat(parts, dim=1)


def _mean_and_std(maps: Tensor) -> list[Tensor]:
    mean = maps.mean(dim=(2, 3))
    away = maps - mean[:, :, None, None]
    return [mean, (away * away).mean(dim=(2, 3)).sqrt()]


def build_classifier(backbone: Backbone) -> nn.Module:
    """Return the whole network with its 1,000-class head and random weights, in evaluation mode."""
    if backbone.source == "package":
        import timm

        network: nn.Module = timm.create_model(backbone.architecture, pretrained=False)
    else:
        from torchvision.models import get_model

        # The weights' own enum sets transform_input; without it the colours would be normalised wrongly.
        extra = {"init_weights": False, "transform_input": True} if backbone.name == "inception_v3" else {}
        network = get_model(backbone.architecture, weights=None, **extra)
    return network.eval()


def cut_head(backbone: Backbone, network: nn.Module) -> nn.Module:
    """Return the module whose output is the feature vector, in evaluation mode; the network is changed.

    Raises:
        KeyError: the network has no such head: a mistake in the table of backbones.
    """
    parent, _, last = backbone.head.rpartition(".")
    owner = network.get_submodule(parent) if parent else network
    if last not in dict(owner.named_children()):
        raise KeyError(backbone.head)
    setattr(owner, last, nn.Identity())
    return (PooledStages(network) if len(backbone.blocks) > 1 else network).eval()


def build_features(backbone: Backbone, weights: Weights) -> nn.Module:
    """Return the loaded module that turns (N, 3, height, width) pictures into (N, backbone.width) vectors.

    Args:
        backbone: which network.
        weights: which weights; random numbers only where they say so.

    Raises:
        DamagedFile: the file is no weights file, or not of this network.
    """
    if weights.path is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(RANDOM_SEED)
            return cut_head(backbone, build_classifier(backbone))
    network = build_classifier(backbone)
    load_weights(backbone, network, weights.path)
    return cut_head(backbone, network)


def load_weights(backbone: Backbone, network: nn.Module, path: Path) -> None:
    """Load a weights file into the whole network; a classifier of other classes is left out.

    Raises:
        DamagedFile: the file is no weights file, or a tensor is missing, unknown or of another shape.
    """
    own = network.state_dict()
    given = read_state(path)
    if not own.keys() & given.keys() and backbone.source == "package":
        # The publisher's file names its tensors otherwise, but stores them in the same order.
        if len(given) != len(own):
            raise _mismatch(path, backbone, f"{len(given)} tensors, not {len(own)}")
        given = dict(zip(own, given.values(), strict=True))
    elif backbone.name == "densenet121":
        given = {_OLD_DENSENET.sub(r"\1\2", key): value for key, value in given.items()}
    head = f"{backbone.head}."
    for key, value in own.items():
        found = given.get(key)
        if found is None or found.shape != value.shape:
            if key.startswith(head) or (found is None and key.endswith("num_batches_tracked")):
                continue
            shown = "missing" if found is None else f"{tuple(found.shape)}, not {tuple(value.shape)}"
            raise _mismatch(path, backbone, f"{key}: {shown}")
        own[key] = found
    strange = next((key for key in given if key not in own), None)
    if strange is not None:
        raise _mismatch(path, backbone, f"{strange}: unknown")
    network.load_state_dict(own)


def read_state(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a ``.safetensors`` or ``.pth`` file; code in it is never run.

    Raises:
        DamagedFile: the file is damaged, or holds something else than named tensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix.lower() == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
    ) as error:
        raise _not_weights(path, f"{type(error).__name__}: {str(error).splitlines()[:1]}") from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise _not_weights(path, "no named tensors")
    return state


def _not_weights(path: Path, cause: str) -> DamagedFile:
    return DamagedFile(
        "{path} is no weights file that can be trusted: {cause}.",
        remedy="Use a .safetensors file, or a .pth file that holds only named tensors.",
        path=path,
        cause=cause,
    )


def _mismatch(path: Path, backbone: Backbone, cause: str) -> DamagedFile:
    return DamagedFile(
        "{path} holds no weights of {backbone}: {cause}.",
        remedy="Use a file that was made for this network, or choose the network it was made for.",
        path=path,
        backbone=backbone.name,
        cause=cause,
    )
