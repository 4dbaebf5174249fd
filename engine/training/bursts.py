"""Bursts: photos taken within seconds of each other, by what the camera wrote into them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import BeholderError
from engine.events import StopCheck, never_stop, raise_if_stopped
from engine.images import read_info

Seconds = NDArray[np.float64]
BURST_SECONDS = 5.0
BURST_ALIKE = 0.5
"""Cosine of standardised features above which photos of one moment show the same: strangers rarely reach it."""

# a whole scanned or edited album may bear one time: each photo is then compared with so many of its neighbours only
_NEIGHBOURS = 32
_AT_ONCE = 512  # photos that are read between two questions whether to stop


def capture_times(photos: Sequence[Path], should_stop: StopCheck = never_stop) -> Seconds:
    """Return (N,) seconds when each photo was taken by its camera's clock; NaN where nothing says so.

    Only the files' heads are read, several at a time.

    Raises:
        Interrupted: `should_stop` said so; it is asked now and then.
    """
    taken = np.empty(len(photos))
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="notes") as pool:
        for start in range(0, len(photos), _AT_ONCE):
            raise_if_stopped(should_stop)
            part = photos[start : start + _AT_ONCE]
            taken[start : start + len(part)] = list(pool.map(_taken, part))
    return taken


def _taken(photo: Path) -> float:
    try:
        taken = read_info(photo).taken
    except BeholderError:
        return float("nan")  # whoever decodes it will say what is wrong
    # the clock's zone is unknown, but only differences count
    return datetime.fromisoformat(taken).replace(tzinfo=UTC).timestamp() if taken else float("nan")


def burst_candidates(taken: Seconds) -> NDArray[np.int64]:
    """Return the (P, 2) row numbers of photos taken at most `BURST_SECONDS` apart.

    >>> burst_candidates(np.array([100.0, 900.0, np.nan, 103.0])).tolist()
    [[0, 3]]
    """
    order = np.argsort(taken, kind="stable")
    order = order[np.isfinite(taken[order])]
    found = [np.zeros((0, 2), np.int64)]
    for step in range(1, min(_NEIGHBOURS, order.size - 1) + 1):
        near = taken[order[step:]] - taken[order[:-step]] <= BURST_SECONDS
        if not near.any():
            break
        found.append(np.stack([order[:-step][near], order[step:][near]], axis=1))
    return np.concatenate(found)
