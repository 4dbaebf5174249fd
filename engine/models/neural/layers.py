"""Which layers of a backbone lie how deep, so that those near the picture learn more slowly."""

from __future__ import annotations

import re
from collections.abc import Iterable

from torch import nn

_MOST_LEVELS = 12
_NUMBERED = re.compile(r"\d")


def layer_of(name: str) -> str:
    """Return the layer that a parameter belongs to: its name up to the first part with a number.

    >>> layer_of("layer1.0.conv1.weight"), layer_of("encoder.layers.encoder_layer_3.ln_1.bias"), layer_of("norm.weight")
    ('layer1', 'encoder.layers.encoder_layer_3', 'norm')
    """
    parts = name.split(".")
    for end, part in enumerate(parts[:-1], start=1):
        if _NUMBERED.search(part):
            return ".".join(parts[:end])
    return ".".join(parts[:-1]) or name


def depths(names: Iterable[str]) -> dict[str, float]:
    """Return how far each parameter lies from the output: 1 for the last layer, at most 13 for the first.

    A deep network has a hundred layers; were each one a level, the first would not learn at all.

    Args:
        names: parameters in the order of the network.
    """
    layer = {name: layer_of(name) for name in names}
    order = {found: number for number, found in enumerate(dict.fromkeys(layer.values()))}
    last = max(len(order) - 1, 1)
    scale = min(1.0, _MOST_LEVELS / last)
    return {name: 1 + (last - order[found]) * scale for name, found in layer.items()}


def early_parameters(network: nn.Module, share: float) -> list[nn.Parameter]:
    """Return the parameters of a network's first layers, as many whole layers as hold that share of its weights.

    The first layers hold one or two weights in a hundred and cost a quarter to a half of the way back, as their maps
    are the largest; what they tell apart, edges and colours, few photos don't teach them better.

    Args:
        network: a backbone; its parameters stand in the order of the network.
        share: 0…1.
    """
    layers: dict[str, list[nn.Parameter]] = {}
    for name, value in network.named_parameters():
        layers.setdefault(layer_of(name), []).append(value)
    left = share * sum(value.numel() for value in network.parameters())
    found: list[nn.Parameter] = []
    for values in layers.values():
        left -= sum(value.numel() for value in values)
        if left < 0:
            break
        found += values
    return found


def is_norm(module: nn.Module) -> bool:
    """Say whether a module is a batch normalisation, which keeps statistics of what it has seen."""
    return isinstance(module, nn.modules.batchnorm._BatchNorm)
