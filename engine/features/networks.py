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

# Around the tensors of a training's checkpoint, and before the name of each.
_WRAPPERS = ("state_dict", "model", "state_dict_ema", "model_ema")
_PREFIXES = ("module.", "model.", "network.", "_orig_mod.")

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


class PreLogits(nn.Module):
    """One of timm's networks whose output is its pooled vector, as its classifier would get it.

    Args:
        network: timm's network.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (N, width) float32 for (N, 3, size, size) pictures."""
        network: Any = self.network
        vectors: Tensor = network.forward_head(network.forward_features(pictures), pre_logits=True)
        return vectors


def _mean_and_std(maps: Tensor) -> list[Tensor]:
    maps = maps.float()  # where the network computes in bfloat16, a mean of thousands of places must not
    mean = maps.mean(dim=(2, 3))
    away = maps - mean[:, :, None, None]
    variance = (away * away).mean(dim=(2, 3))
    if variance.requires_grad:
        # The root's slope at 0 is infinite: one channel that is flat over a picture would end a training.
        return [mean, torch.where(variance > 0, variance, 1.0).sqrt() * (variance > 0)]
    return [mean, variance.sqrt()]


def build_classifier(backbone: Backbone) -> nn.Module:
    """Return the whole network with its 1,000-class head and random weights, in evaluation mode."""
    if backbone.source != "torchvision":
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

    In training mode too its output is the vector alone.

    Raises:
        KeyError: the network has no such head: a mistake in the table of backbones.
    """
    for part in filter(None, (backbone.head, *backbone.aside)):
        parent, _, last = part.rpartition(".")
        owner = network.get_submodule(parent) if parent else network
        if last not in dict(owner.named_children()):
            raise KeyError(part)
        setattr(owner, last, nn.Identity())
    if hasattr(network, "aux_logits"):
        network.__dict__["aux_logits"] = False  # or InceptionV3 in training mode gives two outputs
    if backbone.source == "timm":
        return PreLogits(network).eval()
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
    """Load a weights file into the whole network.

    A classifier of other classes is left out, and so is what the features don't need, where the file lacks it.

    Raises:
        DamagedFile: the file is no weights file, or a tensor is missing, unknown or of another shape or kind.
    """
    own = network.state_dict()
    network.load_state_dict({**own, **matching_state(backbone, own, read_state(path), path)})


def matching_state(
    backbone: Backbone, own: Mapping[str, Tensor], given: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Return a file's tensors under the network's own names, each checked.

    Args:
        backbone: which network.
        own: the network's tensors; only their names, shapes and kinds matter, so the meta device will do.
        given: the file's tensors.
        path: the file, for messages.

    Raises:
        DamagedFile: a tensor is missing, unknown or of another shape or kind; its name is given.
    """
    given = _unwrapped(own, given)
    if not own.keys() & given.keys() and backbone.source == "package":
        # The publisher's file names its tensors otherwise, but stores them in the same order.
        if len(given) != len(own):
            raise _mismatch(path, backbone, f"{len(given)} tensors, not {len(own)}")
        given = dict(zip(own, given.values(), strict=True))
    elif backbone.name == "densenet121":
        given = {_OLD_DENSENET.sub(r"\1\2", key): value for key, value in given.items()}
    elif backbone.source == "timm" and not given.keys() <= own.keys():
        given = _as_timm_reads_it(backbone, given, path)
    spare = tuple(f"{part}." for part in (backbone.head, *backbone.aside) if part)
    found: dict[str, Tensor] = {}
    for key, value in own.items():
        tensor = given.get(key)
        if tensor is None:
            if not key.startswith(spare) and not key.endswith("num_batches_tracked"):
                raise _mismatch(path, backbone, f"{key}: missing")
        elif tensor.shape != value.shape:
            if not key.startswith(spare):
                raise _mismatch(path, backbone, f"{key}: {tuple(tensor.shape)}, not {tuple(value.shape)}")
        elif tensor.is_floating_point() != value.is_floating_point():
            raise _mismatch(path, backbone, f"{key}: {_kind(tensor)}, not {_kind(value)}")
        else:
            found[key] = tensor
    strange = next((key for key in given if key not in own), None)
    if strange is not None:
        raise _mismatch(path, backbone, f"{strange}: unknown")
    return found


def _unwrapped(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Take away what a training put before each name, unless the network's own names begin so."""
    for prefix in _PREFIXES:
        if given and all(key.startswith(prefix) for key in given) and not next(iter(own)).startswith(prefix):
            given = {key.removeprefix(prefix): value for key, value in given.items()}
    return given


def _as_timm_reads_it(backbone: Backbone, given: Mapping[str, Tensor], path: Path) -> Mapping[str, Tensor]:
    """Let timm translate a file that has its publisher's names, such as OpenAI's of CLIP."""
    import timm

    try:
        # no shape is judged here: what timm made of it is checked tensor for tensor
        overlay = {"state_dict": dict(given)}
        network = timm.create_model(backbone.architecture, pretrained=True, pretrained_cfg_overlay=overlay)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise _mismatch(path, backbone, (lines[1] if len(lines) > 1 else lines[0])[:300].rstrip(".")) from error
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise _mismatch(path, backbone, f"{type(error).__name__}: {error}") from error
    state: Mapping[str, Tensor] = network.state_dict()
    return state


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


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
    for wrapper in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
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
