"""The files that a job appends to, one JSON object a line: written whole, read by byte offset, never locked."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Self

from engine.events import Event, Progress, StepLoss
from engine.storage import disk_error, disk_errors

EVENTS_NAME = "events.jsonl"
ROWS_NAME = "rows.jsonl"
ENDS = frozenset({"finished", "failed", "cancelled"})
_TAIL = 8192
_PROGRESS_EVERY = 0.1  # seconds


def iso_time(moment: datetime) -> str:
    """Return a moment as ISO 8601 in UTC with milliseconds; as text it sorts in order of time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_utc() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if not isinstance(value, bool | int | float | str | None) and hasattr(value, "item"):
        value = value.item()  # a NumPy scalar, without importing NumPy
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def encode_line(value: Mapping[str, Any]) -> bytes:
    """Return one JSON object as one line; undecodable file names in it survive, escaped."""
    plain = _plain(value)
    try:
        return json.dumps(plain, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(plain, allow_nan=False).encode("ascii") + b"\n"


class LineWriter:
    """Append JSON lines to a file, each in one piece.

    Args:
        path: the file; an unfinished last line, left by a writer that was killed, is closed first.

    Raises:
        BeholderError: the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            self._handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            size = os.fstat(self._handle).st_size
            self._torn = size > 0 and os.pread(self._handle, 1, size - 1) != b"\n"

    def append(self, value: Mapping[str, Any]) -> None:
        """Write one line.

        Raises:
            BeholderError: the disk is full or the file can't be written.
        """
        rest = encode_line(value)
        if self._torn:
            rest = b"\n" + rest
        self._torn = True  # until the whole line is out: a full disk or a signal may cut it
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError as error:
            raise disk_error(error, self._path) from error
        self._torn = False

    def close(self) -> None:
        """Close the file; doing it twice does no harm."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EventWriter:
    """Write a job's events; of frequent progress and steps at most ten a second are kept, the last progress always.

    Args:
        path: ``events.jsonl``; when it exists, the numbers go on from its last event.
        clock: tells the time that stands in the events.
        timer: tells seconds, for the pace of progress.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = now_utc,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lines = LineWriter(path)
        last = last_line(path)
        self._seq = int(last.get("seq", 0)) if last else 0
        self._clock, self._timer = clock, timer
        self._waiting: Progress | None = None
        self._wrote_progress = self._wrote_step = -math.inf

    def write(self, event: Event | Mapping[str, Any]) -> None:
        """Write one event, with its number and time.

        Raises:
            BeholderError: the disk is full or the file can't be written.
        """
        if isinstance(event, Progress):
            same = self._waiting is None or self._waiting.phase == event.phase
            if not same:
                self.flush()
            self._waiting = event
            if event.done == event.total or self._timer() - self._wrote_progress >= _PROGRESS_EVERY:
                self.flush()
            return
        if isinstance(event, StepLoss):
            if self._timer() - self._wrote_step < _PROGRESS_EVERY:
                return  # a small head takes thousands of steps a second
            self._wrote_step = self._timer()
        self.flush()
        self._append(event.to_dict() if isinstance(event, Event) else event)

    def flush(self) -> None:
        """Write the progress that was held back, if any."""
        if self._waiting is not None:
            event, self._waiting = self._waiting, None
            self._wrote_progress = self._timer()
            self._append(event.to_dict())

    def _append(self, data: Mapping[str, Any]) -> None:
        self._seq += 1
        self._lines.append({"seq": self._seq, "time": iso_time(self._clock()), **data})

    def close(self) -> None:
        """Write what was held back and close the file."""
        try:
            self.flush()
        finally:
            self._lines.close()


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_lines(path: Path, offset: int = 0, most: int = -1) -> tuple[list[dict[str, Any]], int]:
    """Return the JSON objects from a byte offset on, and the offset to go on from.

    An unfinished last line is left for the next call; a damaged line is skipped; a missing file is empty.

    Args:
        path: the file.
        offset: where to begin, in bytes.
        most: about how many bytes to read, so that a long file can be taken in piece by piece; below 0: all.

    Raises:
        BeholderError: the file is there but can't be read.
    """
    with disk_errors(path):
        try:
            with path.open("rb") as lines:
                lines.seek(offset)
                data = lines.read(most)
                if most >= 0:
                    data += lines.readline()
        except FileNotFoundError:
            return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    found = [value for line in whole.splitlines() if (value := _parse(line)) is not None]
    return found, offset + len(whole)


def last_line(path: Path) -> dict[str, Any] | None:
    """Return the last whole JSON object of a file, reading only its end; None when there is none.

    Raises:
        BeholderError: the file is there but can't be read.
    """
    with disk_errors(path):
        try:
            with path.open("rb") as lines:
                size, length = lines.seek(0, os.SEEK_END), _TAIL
                while True:
                    start = max(size - length, 0)
                    lines.seek(start)
                    data = lines.read(size - start)
                    # What comes before the first line end may be the end of a longer line, and what comes
                    # after the last one is not finished.
                    pieces = data.split(b"\n")[1 if start else 0 : -1]
                    for piece in reversed(pieces):
                        if (value := _parse(piece)) is not None:
                            return value
                    if start == 0:
                        return None
                    length *= 4
        except FileNotFoundError:
            return None


def last_lines(path: Path, length: int = _TAIL) -> list[dict[str, Any]]:
    """Return the whole JSON objects among the last bytes of a file, in order; none of a file that is missing.

    Args:
        path: the file.
        length: how many bytes are looked at.

    Raises:
        BeholderError: the file is there but can't be read.
    """
    with disk_errors(path):
        try:
            with path.open("rb") as lines:
                size = lines.seek(0, os.SEEK_END)
                start = max(size - length, 0)
                lines.seek(start)
                data = lines.read(size - start)
        except FileNotFoundError:
            return []
    pieces = data.split(b"\n")[1 if start else 0 : -1]
    return [value for piece in pieces if (value := _parse(piece)) is not None]
