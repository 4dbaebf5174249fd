"""The running average of weights (EMA): steadier than the last step's, and what is judged and kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of a module's weights; buffers are taken as they are.

    Args:
        module: whose weights.
        keep: share of the average that a step keeps, 0 up to but not 1; 0: no average, the weights themselves.
            The first steps keep less, so that the start is soon forgotten.
    """

    def __init__(self, module: nn.Module, keep: float) -> None:
        self.module, self.keep = module, keep
        self.tensors: dict[str, Tensor] = {}
        if keep > 0:
            self.tensors = {name: value.detach().clone() for name, value in self._trained()}

    def _trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        return ((name, value) for name, value in self.module.named_parameters() if value.requires_grad)

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take in the weights after so many steps in all."""
        keep = min(self.keep, (1 + steps) / (10 + steps))
        for name, value in self._trained():
            if name in self.tensors:
                self.tensors[name].lerp_(value, 1 - keep)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take an average that was kept."""
        for name, value in tensors.items():
            self.tensors[name].copy_(value)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average into the module while the block runs."""
        if not self.tensors:
            yield
            return
        own = {name: value.detach().clone() for name, value in self._trained()}
        self._put(self.tensors)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        for name, value in self._trained():
            value.copy_(tensors[name])
