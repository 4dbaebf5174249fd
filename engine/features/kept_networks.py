"""The converted networks in the user's cache folder, shared by all workspaces: how many, how large, how long unused."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.features.weights import cache_folder


class KeptNetwork(NamedTuple):
    """A converted network: its folder, bytes, and when it was used last, in seconds since 1970."""

    folder: Path
    bytes: int
    used: float


def networks_folder() -> Path:
    """Return where converted networks lie; it need not be there."""
    return cache_folder() / "networks"


def kept_networks() -> Iterator[KeptNetwork]:
    """Yield the converted networks, also those that were never finished, in no order."""
    try:
        places = list(networks_folder().iterdir())
    except OSError:
        return
    for place in places:
        size, used = 0, 0.0
        for top, _, names in os.walk(place):
            for name in names:
                with contextlib.suppress(OSError):
                    state = Path(top, name).stat()
                    # the record's time is the last use, and no file of it is later
                    size, used = size + state.st_size, max(used, state.st_mtime)
        yield KeptNetwork(place, size, used)


def remove_network(network: KeptNetwork) -> None:
    """Remove a converted network; it is made again when it is needed, and a process that has it open keeps it."""
    shutil.rmtree(network.folder, ignore_errors=True)
