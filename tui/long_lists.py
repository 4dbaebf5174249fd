"""Makes lists of very many objects in a thread without stopping the others to look for garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 50_000
_lock = threading.Lock()
_inside = 0


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage in this block, and none in what it left behind if that is much, until `collect_again`.

    Python looks through all objects each time their number has grown by a quarter, and no thread runs meanwhile: with
    100,000 entries that takes 40 ms, several times in one reading. Entries are in no circles, so they need no such
    search: they go when nobody holds them any more. Circles that are garbage at the end of the block stay in memory;
    there are few, and few such blocks.
    """
    global _inside
    with _lock:
        _inside += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                if gc.get_count()[0] > _MANY:
                    gc.freeze()
                gc.enable()


def collect_again() -> None:
    """Look for garbage everywhere again: the lists are gone, or the app is."""
    gc.unfreeze()
