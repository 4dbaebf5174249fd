"""Sets of photos, however their paths are spelled, and since when what is known of each holds if it did not change."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from engine.images import PassOver

# A file's time is taken from a clock of the system that ticks less often than `time.time_ns`.
_TICK_NS = 20_000_000
_NOTHING: Mapping[str, int] = {}


def present_moment() -> int:
    """Return a time in ns since 1970 which a file that is changed from now on can't precede."""
    return time.time_ns() - _TICK_NS


class KnownPaths:
    """Photos, folder by folder; some 100 bytes each.

    Two paths are the same photo when their folders are the same folder, through whatever links, and their names are.

    >>> known = KnownPaths()
    >>> known.add("/photos/./a.jpg"), known.add("/photos/a.jpg"), "/photos/b.jpg" in known
    (False, True, False)
    """

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, int]] = {}
        self._same: dict[str, dict[str, int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, path: str) -> bool:
        folder, name = _split(path)
        return name in self._names(folder)

    def add(self, path: str, until: int = 0) -> bool:
        """Add a photo, or say anew of one until when it holds.

        Args:
            path: the photo.
            until: what is known of it holds if it was not changed since this time, ns since 1970; 0: never.

        Returns:
            Whether it was there already.
        """
        folder, name = _split(path)
        names = self._same.get(folder)
        if names is None:
            names = self._same[folder] = self._folders.setdefault(os.path.realpath(folder), {})
        before = len(names)
        names[name] = until
        self._count += len(names) - before
        return len(names) == before

    def holds(self, path: Path) -> bool:
        """Say whether what is known of a photo still holds."""
        return _unchanged(path, self._names(os.fspath(path.parent)).get(path.name, 0))

    def pass_over(self, folder: Path) -> PassOver | None:
        """Return what leaves out a folder's photos of which all is known; None where that is none of them."""
        names = self._names(os.fspath(folder))
        return (lambda entry: _unchanged(entry, names.get(entry.name, 0))) if names else None

    def _names(self, folder: str) -> Mapping[str, int]:
        names = self._same.get(folder)
        return self._folders.get(os.path.realpath(folder), _NOTHING) if names is None else names


def _split(path: str) -> tuple[str, str]:
    """Split a path as `os.path.split` does, as far as it matters here, in a third of the time."""
    folder, slash, name = path.rpartition("/")
    return folder or slash, name


def _unchanged(file: Path | os.DirEntry[str], until: int) -> bool:
    """Say whether a file was last changed before a time; its own time can't be set back by a copy, as others can."""
    if not until:
        return False
    try:
        if file.stat().st_ctime_ns >= until:
            return False
        return not file.is_symlink() or os.lstat(file).st_ctime_ns < until
    except (OSError, ValueError):
        return False
