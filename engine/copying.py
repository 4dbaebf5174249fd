"""Copy many files as safely as one: each is written, all are flushed to the disk together, then they get their names.

A disk takes milliseconds to promise that one small file will survive a power cut, and hardly longer for a hundred of
which it is told at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import BeholderError
from engine.storage import disk_error, disk_errors, move_to_free, open_part, open_regular, sync_folder

MOST_FILES = 128
MOST_BYTES = 64 << 20
_FLUSHERS = 8  # threads that ask for a flush at once: the file system answers them together


@dataclass(frozen=True)
class _Written:
    """A copy that has no name of its own yet."""

    part: Path
    target: Path
    out: BinaryIO


class CopyBatch:
    """Files on their way into a folder; they are there, flushed, when `finish` returns.

    One batch holds `MOST_FILES` open files and, but for the last of them, `MOST_BYTES` bytes: what a kill at the worst
    moment leaves behind under hidden names.
    """

    def __init__(self) -> None:
        self._written: list[_Written] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._written)

    @property
    def is_full(self) -> bool:
        """Whether it is time to `finish`."""
        return len(self._written) >= MOST_FILES or self._bytes >= MOST_BYTES

    def add(self, source: Path, target: Path) -> None:
        """Copy a file's bytes and its modification time to a hidden place beside its target.

        Raises:
            BeholderError: the source can't be read, or the disk is full or read-only; nothing is left behind.
        """
        with disk_errors(source), open_regular(source) as data:
            part, out = open_part(target)
            try:
                with disk_errors(target):
                    shutil.copyfileobj(data, out, 1 << 20)
                    out.flush()
                    status = os.fstat(data.fileno())
                    os.utime(out.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
                    self._bytes += out.tell()
            except BaseException:
                out.close()
                part.unlink(missing_ok=True)
                raise
        self._written.append(_Written(part, target, out))

    def finish(self) -> dict[Path, BeholderError | None]:
        """Flush all copies to the disk and give them their names; the batch is empty then.

        Returns:
            Target → None where the copy lies there now; else why not: `engine.storage.AlreadyThere` where another
            program took the name, which is left alone.

        Raises:
            BeholderError: a folder's entries can't be flushed.
        """
        written, self._written, self._bytes = self._written, [], 0
        if not written:
            return {}
        if len(written) == 1:
            verdicts = [_flush(written[0])]
        else:
            with ThreadPoolExecutor(min(_FLUSHERS, len(written)), thread_name_prefix="flush") as pool:
                verdicts = list(pool.map(_flush, written))
        outcome = {
            copy.target: _name(copy) if verdict is None else verdict
            for copy, verdict in zip(written, verdicts, strict=True)
        }
        for folder in {target.parent for target, error in outcome.items() if error is None}:
            with disk_errors(folder):
                sync_folder(folder)
        return outcome


def _flush(copy: _Written) -> BeholderError | None:
    """Flush one copy and close it; return what is wrong, and then the copy is gone."""
    try:
        with copy.out as out:
            os.fsync(out.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            copy.part.unlink(missing_ok=True)
        return disk_error(error, copy.target)
    return None


def _name(copy: _Written) -> BeholderError | None:
    """Give one flushed copy its name; return what is wrong, and then the copy is gone."""
    try:
        with disk_errors(copy.target):
            move_to_free(copy.part, copy.target)
    except BeholderError as error:
        with contextlib.suppress(OSError):
            copy.part.unlink(missing_ok=True)
        return error
    return None
