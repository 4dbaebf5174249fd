"""Tell whether a file has changed, and read one that other programs may be writing at this moment."""

from __future__ import annotations

import time
from pathlib import Path

from engine.storage import disk_errors

FRESH = 0.05
"""Seconds for which a file may change again without its time showing it."""

Stamp = tuple[int, ...]


def stamp_of(path: Path) -> Stamp:
    """Return what shows that a file is another one, or has changed; an empty tuple where it is missing.

    Raises:
        BeholderError: it can't be looked at.
    """
    with disk_errors(path):
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def time_of(stamp: Stamp) -> int:
    """Return when the file was last changed, in ns since 1970; 0 where it is missing."""
    return stamp[2] if stamp else 0


def is_fresh(stamp: Stamp, seconds: float = FRESH) -> bool:
    """Say whether the file changed so shortly ago that its stamp may hide another change."""
    return bool(stamp) and abs(time.time_ns() - stamp[2]) < seconds * 1e9


def read_with_stamp(path: Path) -> tuple[bytes | None, Stamp]:
    """Return a file's content, None where it is missing, and the stamp from before it was read.

    Raises:
        BeholderError: it can't be read.
    """
    stamp = stamp_of(path)
    with disk_errors(path):
        try:
            return path.read_bytes(), stamp
        except (FileNotFoundError, NotADirectoryError):
            return None, ()
