"""In which number format and memory layout a network trains fastest here: tried out, never assumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

_FEWEST_STEPS = 30  # a shorter training is over before the trial, of about five steps, has paid
_CLEARLY = 1.25


@dataclass(frozen=True)
class Pace:
    """How a network computes.

    Args:
        precision: ``f32`` or ``bf16``.
        channels_last: how its convolutions lie in memory.
    """

    precision: str = "f32"
    channels_last: bool = True

    def lay(self, module: nn.Module) -> None:
        """Bring a module's weights into the layout."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        module.to(memory_format=layout)


def has_bf16(device: torch.device) -> bool:
    """Say whether a device has instructions for bfloat16, so that it may be faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in checks)


def choose_pace(
    step: Callable[[Pace], None], steps: int, device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> Pace:
    """Return the fastest pace; anything but the first needs to win clearly.

    Args:
        step: does one training step at a pace and changes no weight.
        steps: how many there will be; for few of them nothing is tried.
        device: where.
        clock: seconds.
    """
    usual = Pace()
    # bf16 with channels first was never the fastest of the four
    others = [Pace("f32", False), *([Pace("bf16", True)] if has_bf16(device) else [])]
    if steps < _FEWEST_STEPS:
        return usual
    seconds = {}
    for pace in (usual, *others):
        step(pace)  # the first one prepares
        begun = clock()
        step(pace)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds[pace] = clock() - begun
    best = min(seconds, key=lambda pace: seconds[pace])
    return best if seconds[best] * _CLEARLY < seconds[usual] else usual
