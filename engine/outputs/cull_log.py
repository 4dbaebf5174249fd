"""The log of a cull, ``cull.jsonl`` in the folder that was filled: what lies where and where it came from.

Each line is one JSON object. A file's first line is a heading; then come two lines a file that was moved (``begun``
before it is touched, ``done`` after), one a file that was copied or linked, and one a file that was brought back.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from engine.errors import NotFound, UsageError
from engine.outputs.tables import json_text
from engine.storage import disk_errors

LOG_NAME = "cull.jsonl"
_HEADING = {"beholder": "cull", "version": 1}


@dataclass(frozen=True)
class Moved:
    """A file that was moved, or was about to be when the work was cut short.

    Args:
        source: where it lay. target: where it was moved to; both absolute.
        score: of the photo; None for a sidecar.
    """

    source: Path
    target: Path
    score: float | None


def moved_files(to: Path) -> list[Moved]:
    """Return what was moved into a folder and not yet brought back, in the order in which it was moved.

    Raises:
        UsageError: the file in the log's place is none. BeholderError: it can't be read.
    """
    found: dict[str, Moved] = {}
    for line in _lines(to / LOG_NAME):
        source, target, state = line.get("from"), line.get("to"), line.get("state")
        if line.get("how") != "move" or not all(
            isinstance(path, str) and "\0" not in path for path in (source, target)
        ):
            continue
        name = Path(str(target)).name  # the folder may have another name by now
        if state in {"begun", "done"} and name not in {"", ".."}:
            score = line.get("score")
            known = float(score) if isinstance(score, int | float) else None
            found[name] = Moved(Path(str(source)), to / name, known)
        elif state in {"undone", "failed"}:
            found.pop(name, None)
    return list(found.values())


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    """Yield a log's entries; a line that a crash cut short is passed over."""
    try:
        with disk_errors(log), log.open("rb") as data:
            _check_heading(log, data.readline())
            for line in data:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    yield entry
    except NotFound:
        return


def _check_heading(log: Path, line: bytes) -> None:
    try:
        heading = json.loads(line or b"{}")
    except ValueError:
        heading = None
    if line and (not isinstance(heading, dict) or heading.get("beholder") != _HEADING["beholder"]):
        raise UsageError(
            "{path} is there already and is not the log of a cull.",
            remedy="Choose another folder, or give that file another name.",
            path=log,
        )


class CullLog:
    """The log of one folder, open for more lines; a context manager that flushes them at its end.

    Args:
        to: the folder.
        now: the present time.

    Raises:
        UsageError: the file in the log's place is none. BeholderError: it can't be written.
    """

    def __init__(self, to: Path, now: Callable[[], datetime]) -> None:
        self.path, self._now = to / LOG_NAME, now
        # never through a link: the log would then be written into somebody else's file
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        with disk_errors(self.path):
            handle = os.open(self.path, flags, 0o666)
            self._file: BinaryIO = os.fdopen(handle, "r+b", buffering=0)
        try:
            with disk_errors(self.path):
                _check_heading(self.path, self._file.readline())
                size = self._file.seek(0, os.SEEK_END)
                if not size:
                    self._write(_HEADING)
                else:
                    self._file.seek(size - 1)
                    if self._file.read(1) != b"\n":  # a crash cut the last line short
                        self._file.write(b"\n")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.closing(self._file), disk_errors(self.path):
            os.fsync(self._file.fileno())

    def add(self, state: str, how: str, source: Path, target: Path, **more: Any) -> None:
        """Append one line.

        Args:
            state: ``begun``, which is on the disk when this returns; ``done``, ``failed`` or ``undone``.
            how: ``copy``, ``move``, ``hard`` or ``symbolic``.
            source: where the file lies or lay. target: its place in the folder.
            more: what else is worth knowing, JSON-ready.
        """
        places = {"from": os.path.abspath(source), "to": os.path.abspath(target)}  # noqa: PTH100 - links stay links
        time = self._now().isoformat(timespec="seconds")
        self._write({"state": state, "how": how, **places, **more, "time": time})
        if state == "begun":
            with disk_errors(self.path):
                os.fsync(self._file.fileno())

    def _write(self, entry: dict[str, Any]) -> None:
        with disk_errors(self.path):
            self._file.write(f"{json_text(entry)}\n".encode())
