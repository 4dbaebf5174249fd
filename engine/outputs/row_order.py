"""Orders of however many rows, of which only their places in a file are held."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from engine.natural_order import natural_key

_RUN = 10_000


def best_first(places: array[int], scores: array[float], top: int | None = None) -> array[int]:
    """Return places by score, the highest first and what has none (NaN) last; equals stay in their order.

    Args:
        places: of the rows in their file. scores: of the same rows.
        top: only the so many first.
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")[:top]
    return array("q", np.asarray(places, np.int64)[order].tobytes())


def by_name(places: Sequence[int], name_at: Callable[[int], str]) -> Iterator[int]:
    """Yield places in the natural order of their names.

    Args:
        places: of the rows. name_at: reads the name at a place; asked twice for each, so that no name has to be held.
    """
    runs: list[Iterator[tuple[str, int]]] = []
    for start in range(0, len(places), _RUN):
        keyed = sorted((natural_key(name_at(place)), place) for place in places[start : start + _RUN])
        runs.append(map(partial(_keyed, name_at), array("q", [place for _, place in keyed])))
    for _, place in heapq.merge(*runs):
        yield place


def _keyed(name_at: Callable[[int], str], place: int) -> tuple[str, int]:
    return natural_key(name_at(place)), place
