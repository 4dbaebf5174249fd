"""A job is alive while its lock is held: a flock that passes from the client to the worker and ends with it.

A flock belongs to the open file, not to a process, so the client can take it before the worker exists and hand
the open file over: there is no moment at which a job that was started holds no lock. A pid alone would lie
(zombies, reuse).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from engine.storage import disk_errors

LOCK_NAME = "lock"


def take(folder: Path) -> int | None:
    """Take the lock of a job for good.

    Args:
        folder: the job's folder.

    Returns:
        An open, non-inheritable file descriptor that holds the lock; None when somebody else holds it.

    Raises:
        BeholderError: the folder can't be written.
    """
    return take_file(folder / LOCK_NAME)


def take_file(path: Path) -> int | None:
    """Take the lock that a file is; see `take`."""
    with disk_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:
            os.close(handle)
            raise
    return handle


def sign(handle: int, pid: int) -> None:
    """Write the process id of the holder, which also leads the process group, into the lock."""
    # On a full disk the job must still run; it can then be asked to stop, but not be forced.
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{pid}\n".encode(), 0)


def adopt(handle: int) -> None:
    """Keep a lock that another process handed over, and keep it from this process's own children.

    Raises:
        OSError: the descriptor is not open, or somebody else holds the lock.
    """
    os.set_inheritable(handle, False)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    sign(handle, os.getpid())


def is_held(folder: Path) -> bool:
    """Say whether somebody holds the job's lock: whether its worker lives.

    Raises:
        BeholderError: the lock can't be looked at.
    """
    path = folder / LOCK_NAME
    with disk_errors(path):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            # Shared, so that two who look at the same moment don't take each other for the worker.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False


def holder(folder: Path) -> int | None:
    """Return the process id that signed the lock; it means something only while the lock is held."""
    try:
        text = (folder / LOCK_NAME).read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    return int(text) if text.isdecimal() and int(text) > 1 else None
