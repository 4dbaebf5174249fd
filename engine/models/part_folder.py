"""A bundle while it is written: a hidden folder that becomes the bundle in one step, or vanishes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from engine.errors import UsageError
from engine.storage import disk_errors, sync_folder

PREFIX = ".part-"
_DAY = 24 * 3600.0
_MINUTE = 60.0  # between making a folder and locking it its writer does not look alive


@contextlib.contextmanager
def part_folder(target: Path, *, tidy: bool = True) -> Iterator[Path]:
    """Give an empty hidden folder beside `target`; when the block ends well, it is renamed to `target`.

    The folder is locked while the block runs, so that `clear_leftovers` of another program sees that its writer is
    alive.

    Args:
        target: the place.
        tidy: what others left half done there is cleared away first; not in a folder that isn't ours.

    Raises:
        UsageError: there is something at `target`; it is left alone.
        BeholderError: the disk is full or read-only; nothing is left behind.
    """
    if tidy:
        clear_leftovers(target.parent)
    with disk_errors(target):
        part = Path(tempfile.mkdtemp(prefix=PREFIX, dir=target.parent))
    try:
        with _held(part):
            yield part
            with disk_errors(target):
                part.chmod(0o755)
                _sync_all(part)
                # rename would take the place of an empty folder
                if os.path.lexists(target):
                    raise already_there(target)
                part.rename(target)
                sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def already_there(place: Path) -> UsageError:
    """Return the error for a place that is taken."""
    return UsageError(
        "{path} is there already; it is left as it is.",
        remedy="Choose another folder, or move that one away.",
        path=place,
    )


def clear_leftovers(folder: Path) -> int:
    """Remove the hidden folders of writers that were killed; what can't be removed stays for the next time.

    Args:
        folder: where bundles lie.

    Returns:
        How many were removed.
    """
    removed = 0
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:
        return 0
    for part in found:
        with contextlib.suppress(OSError):
            status = part.lstat()
            age = time.time() - status.st_mtime
            if age > _MINUTE and _is_deserted(part, age):
                shutil.rmtree(part)
                removed += 1
    return removed


def _is_deserted(part: Path, age: float) -> bool:
    try:
        with _held(part, wait=False) as locked:
            return locked or age > _DAY
    except BlockingIOError:
        return False


@contextlib.contextmanager
def _held(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Lock a folder while the block runs; False on a file system that can't lock one.

    Raises:
        BlockingIOError: another program holds it, and there was to be no waiting.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _sync_all(folder: Path) -> None:
    for top, _, _ in os.walk(folder):
        sync_folder(Path(top))
