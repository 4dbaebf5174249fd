"""Tell files that are gone for good from those whose disk is only not plugged in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from enum import Enum


class Presence(Enum):
    """What can be said of a file that was there once."""

    HERE = "here"
    GONE = "gone"
    OUT_OF_REACH = "out_of_reach"


def presence_of(paths: Iterable[bytes]) -> Iterator[tuple[bytes, Presence]]:
    """Yield each file with whether it is still there.

    It is gone where its folder is there and holds other things. A folder that is missing or empty may be that of a disk
    which is not plugged in, and one that can't be read says nothing: their files are out of reach.

    Args:
        paths: absolute; those of one folder one after the other cost one look at it.
    """
    folder: bytes | None = None
    names: frozenset[bytes] = frozenset()
    for path in paths:
        place, name = os.path.split(path)
        if place != folder:
            folder, names = place, _names_in(place)
        if name in names:
            yield path, Presence.HERE
        elif not names:
            yield path, Presence.OUT_OF_REACH
        else:
            yield path, _look(path)  # a name may also be spelled otherwise than the folder lists it


def _names_in(folder: bytes) -> frozenset[bytes]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names as bytes
    except OSError:
        return frozenset()


def _look(path: bytes) -> Presence:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Presence.GONE
    except OSError:
        return Presence.OUT_OF_REACH
    return Presence.HERE
