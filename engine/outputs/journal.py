"""The rows of a batch while it lasts: one JSON object a line, appended batch by batch, valid at every moment.

Beside the contract's columns a line may say ``far`` (see `Prediction.far`), ``until`` (the row holds for the photo as
it was at this time, ns since 1970; rows with an error have none) and ``again`` (it takes an earlier row's place).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Self

from engine.errors import BeholderError
from engine.outputs.table_reading import Row, checked_row
from engine.storage import disk_error, disk_errors

_ENCODER = json.JSONEncoder(allow_nan=False)  # ASCII, because a path may hold bytes that are no UTF-8
_CANT_LOCK = {errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}
_PROBE = bytes(4096)
NOT_A_ROW = (ValueError, LookupError, TypeError, RecursionError)


class Journal:
    """A file of rows that grows; a lock keeps a second process off it.

    Args:
        path: the file; an unfinished last line of it is cut off.
        fresh: begin anew.

    Attributes:
        count: rows in it, those that were replaced included.

    Raises:
        BeholderError: another process writes to it, or it can't be written.
        NeedMissing: there is no room, or no permission.
    """

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        with disk_errors(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                self._lock()
                if fresh:
                    os.ftruncate(self._handle, 0)
                self.count, self._end = self._mend()
                os.pwrite(self._handle, _PROBE, self._end)  # a full disk is told before the work, not after it
                os.ftruncate(self._handle, self._end)
            except BaseException:
                os.close(self._handle)
                raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BeholderError(
                "Another beholder is writing to {path}.", remedy="Wait for it, or name another file.", path=self.path
            ) from error
        except OSError as error:
            if error.errno not in _CANT_LOCK:
                raise

    def _mend(self) -> tuple[int, int]:
        """Return how many lines there are and where the last whole one ends; what follows it is cut off."""
        count = end = at = 0
        with os.fdopen(os.dup(self._handle), "rb") as lines:
            lines.seek(0)
            for line in lines:
                at += len(line)
                if line.endswith(b"\n"):
                    count, end = count + 1, at
        if at > end:
            os.ftruncate(self._handle, end)
        return count, end

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows; what was written before stays whole whatever happens.

        Raises:
            NeedMissing: the disk is full. BeholderError: the file can't be written.
        """
        given = list(rows)
        data = rest = encode_rows(given)
        try:
            while rest:
                rest = rest[os.pwrite(self._handle, rest, self._end + len(data) - len(rest)) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise disk_error(error, self.path) from error
        self._end += len(data)
        self.count += len(given)

    def close(self) -> None:
        """Let go of the file; twice does no harm."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def discard(self) -> None:
        """Remove the file."""
        with disk_errors(self.path):
            self.path.unlink(missing_ok=True)
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode_rows(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as they stand in a journal."""
    return "".join([f"{_ENCODER.encode(row)}\n" for row in rows]).encode("ascii")


def journal_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a journal as they were written; what is no row, or not whole, is left out.

    Raises:
        BeholderError: the file is there but can't be read.
    """
    try:
        with disk_errors(path), path.open("rb") as lines:
            for _, row in _rows(lines):
                yield row
    except BeholderError:
        if path.exists():
            raise


def _rows(lines: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    at = 0
    for line in lines:
        row = _row(line)
        if row is not None:
            yield at, row
        at += len(line)


def _row(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        found = json.loads(line)
        row: dict[str, Any] = checked_row(found)
        until = found.get("until", 0)
        if found.get("far"):
            row["far"] = True
        if found.get("again"):
            row["again"] = True
        if row["error"] is None and isinstance(until, int) and until > 0:
            row["until"] = until
    except NOT_A_ROW:
        return None
    return row


def final_rows(path: Path, *, sort: str | None = None, top: int | None = None) -> Iterator[Row]:
    """Yield each photo's row as it stands at last, in the order of the first ones or sorted.

    What is kept meanwhile is a place in the file for each row, and for sorting a number.

    Args:
        path: the journal.
        sort: ``score`` (the best first, what could not be scored last), ``name``, or None.
        top: only the so many best; sorted by score if `sort` doesn't say otherwise.

    Raises:
        BeholderError: the file can't be read.
    """
    from engine.outputs.row_order import best_first, by_name

    with disk_errors(path), path.open("rb") as lines:
        if sort is None and top is None:
            yield from (row for _, row in _last_of_each(path, lines))
            return
        places, scores = array("q"), array("d")
        for at, row in _last_of_each(path, lines):
            places.append(at)
            scores.append(float("nan") if row["score"] is None else row["score"])
        if sort == "score" or top is not None:
            places = best_first(places, scores, top)
        if sort == "name":
            yield from (_at(lines, at) for at in by_name(places, lambda at: str(_at(lines, at)["path"])))
        else:
            yield from (_at(lines, at) for at in places)


def _last_of_each(path: Path, lines: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield place and row of each photo's last row, in the order of the first ones."""
    with path.open("rb") as ahead:
        replaced = _replacements(ahead)
        for at, row in _rows(ahead):
            if row.pop("again", False):
                continue
            later = replaced.pop(_key(row["path"]), None) if replaced else None
            yield (at, row) if later is None else (later, _at(lines, later))
    for at in replaced.values():  # whose first row is damaged
        yield at, _at(lines, at)


def _replacements(lines: IO[bytes]) -> dict[tuple[str, str], int]:
    """Return the last place of each row that takes another one's."""
    found: dict[tuple[str, str], int] = {}
    at = 0
    for line in lines:
        if b'"again"' in line and (row := _row(line)) is not None and row.get("again"):
            found[_key(row["path"])] = at
        at += len(line)
    lines.seek(0)
    return found


def _key(path: str) -> tuple[str, str]:
    folder, name = os.path.split(path)
    return _real(folder), name


@lru_cache(maxsize=1000)
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def _at(lines: IO[bytes], place: int) -> dict[str, Any]:
    lines.seek(place)
    row = _row(lines.readline())
    assert row is not None
    row.pop("again", None)
    return row
