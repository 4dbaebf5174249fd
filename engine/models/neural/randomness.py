"""Random choices that depend on seed, epoch and step alone, never on what ran before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch


def generator(*key: int) -> np.random.Generator:
    """Return numpy's generator for a key such as (seed, epoch)."""
    return np.random.default_rng([int(part) for part in key])


def uses_cuda() -> bool:
    """Say whether this process has anything on a graphics card; asking starts nothing there."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def seeded(*key: int) -> Iterator[None]:
    """Let torch's own random numbers (dropout, augmentation) follow from a key; outside nothing changes."""
    number = int(generator(*key).integers(2**62))
    devices = [torch.cuda.current_device()] if uses_cuda() else []
    with torch.random.fork_rng(devices=devices):
        # torch.manual_seed would note the seed for devices that are not there, once more at each call
        torch.default_generator.manual_seed(number)
        if devices:
            torch.cuda.manual_seed(number)
        yield
