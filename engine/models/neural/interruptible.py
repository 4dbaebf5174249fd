"""Stop in the middle of a step: one step of a large network takes longer than anybody wants to wait."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from engine.events import StopCheck, raise_if_stopped

_SECONDS_BETWEEN_LOOKS = 0.1


@contextlib.contextmanager
def interruptible(module: nn.Module, should_stop: StopCheck) -> Iterator[None]:
    """Let each layer of a module ask the stop check, on the way forward and on the way back.

    Raises:
        Interrupted: it said so.
    """
    last = [time.monotonic()]

    def look(*_: Any) -> None:
        now = time.monotonic()
        if now - last[0] >= _SECONDS_BETWEEN_LOOKS:
            last[0] = now
            raise_if_stopped(should_stop)

    def forward(_module: nn.Module, _inputs: Any, output: Any) -> None:
        look()
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(look)  # type: ignore[no-untyped-call]

    leaves = [part for part in module.modules() if not any(True for _ in part.children())]
    handles = [part.register_forward_hook(forward) for part in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
