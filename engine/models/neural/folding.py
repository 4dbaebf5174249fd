"""Batch normalisation with fixed statistics, worked into the convolution before it while a network is trained.

With fixed statistics ``norm(conv(x))`` is ``conv(x)`` with other weights: factor · W, and a bias. The product is made
anew at each step from the parameters as they are, so that all of them learn what they would have learned; but it is as
large as the weights, where the normalisation's own way forward and back reads and writes each map several times.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.neural.layers import is_norm

_ALIKE = 1e-3  # of the vectors' largest value; what rounding makes is a hundred times smaller


class Pair(NamedTuple):
    """A convolution and the batch normalisation that alone sees what it gives."""

    convolution: nn.Conv2d
    norm: nn.BatchNorm2d


@contextlib.contextmanager
def folded_norms(network: nn.Module, pictures: Tensor) -> Iterator[list[Pair]]:
    """Work a network's batch normalisations into its convolutions while the block runs; parameters and names stay.

    Only for normalisations whose statistics are held. Where the vectors would not stay the same, nothing is folded.

    Args:
        network: in any mode; it is left in that mode.
        pictures: (B, 3, height, width) float32 network inputs, to see how the network works.

    Yields:
        What is folded; empty where nothing can be.
    """
    modes = {part: part.training for part in network.modules()}
    network.eval()
    with torch.no_grad():
        pairs, before = _traced(network, pictures)
        for pair in pairs:
            _fold(pair)
        if pairs and not _alike(network(pictures), before):
            _unfold(pairs)
            pairs = []
    for part, mode in modes.items():
        part.training = mode
    try:
        yield pairs
    finally:
        _unfold(pairs)


def _alike(found: Tensor, before: Tensor) -> bool:
    return bool((found - before).abs().max() <= _ALIKE * before.abs().max().clamp(min=1e-6))


def _traced(network: nn.Module, pictures: Tensor) -> tuple[list[Pair], Tensor]:
    """Run the network once; return what follows on what, and its vectors."""
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # holds the tensors, so that no other gets the same id
    found: list[Pair] = []
    runs: dict[nn.Module, int] = {}

    def note_convolution(part: nn.Module, _inputs: Any, output: Any) -> None:
        assert isinstance(part, nn.Conv2d)
        runs[part] = runs.get(part, 0) + 1
        made[id(output)] = part, output

    def note_norm(part: nn.Module, inputs: Any) -> None:
        assert isinstance(part, nn.BatchNorm2d)
        runs[part] = runs.get(part, 0) + 1
        if id(inputs[0]) in made:
            found.append(Pair(made[id(inputs[0])][0], part))

    parts = [part for part in network.modules() if _is_plain(part) or _can_vanish(part)]
    handles = [
        part.register_forward_hook(note_convolution) if _is_plain(part) else part.register_forward_pre_hook(note_norm)
        for part in parts
    ]
    try:
        vectors: Tensor = network(pictures)
    finally:
        for handle in handles:
            handle.remove()
    return [pair for pair in found if runs[pair.convolution] == runs[pair.norm] == 1], vectors


def _is_plain(part: nn.Module) -> bool:
    """Say whether a module is a convolution as torch has it; a kind of its own may do more."""
    return type(part) is nn.Conv2d and part.padding_mode == "zeros"


def _can_vanish(part: nn.Module) -> bool:
    """Say whether a module is a normalisation by kept statistics; timm's has an activation in it."""
    if not (is_norm(part) and isinstance(part, nn.BatchNorm2d)) or part.running_mean is None or part.weight is None:
        return False
    return type(part) is nn.BatchNorm2d or (
        callable(getattr(part, "act", None)) and callable(getattr(part, "drop", None))
    )


def _fold(pair: Pair) -> None:
    # in the instance, where it goes before the class's own and is no parameter, module or buffer
    pair.convolution.__dict__["forward"] = _convolution(*pair)
    pair.norm.__dict__["forward"] = _rest(pair.norm)


def _unfold(pairs: list[Pair]) -> None:
    for pair in pairs:
        pair.convolution.__dict__.pop("forward", None)
        pair.norm.__dict__.pop("forward", None)


def _convolution(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Callable[[Tensor], Tensor]:
    def forward(maps: Tensor) -> Tensor:
        assert norm.running_var is not None and norm.running_mean is not None
        factor = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        own = norm.running_mean if conv.bias is None else norm.running_mean - conv.bias
        weight = conv.weight * factor[:, None, None, None]
        return functional.conv2d(
            maps, weight, norm.bias - own * factor, conv.stride, conv.padding, conv.dilation, conv.groups
        )

    return forward


def _rest(norm: nn.BatchNorm2d) -> Callable[[Tensor], Tensor]:
    """Return what a normalisation does beside normalising."""
    if type(norm) is nn.BatchNorm2d:
        return lambda maps: maps
    beside: Any = norm

    def forward(maps: Tensor) -> Tensor:
        found: Tensor = beside.act(beside.drop(maps))
        return found

    return forward
