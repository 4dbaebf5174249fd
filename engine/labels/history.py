"""The history of scores: an append-only file of who changed what, when, from what to what."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from engine.storage import disk_errors


class Edit(NamedTuple):
    """One score that changed; None means: no score."""

    name: str
    old: float | None
    new: float | None


class Move(NamedTuple):
    """One photo that left ``data/`` or came into it.

    Args:
        name: its file name in ``data/``.
        trash: its place in the trash, as a path below ``.beholder/trash/``.
        out: whether it went from ``data/`` into the trash; if not, it came into ``data/``.
    """

    name: str
    trash: str
    out: bool


@dataclass(frozen=True)
class Change:
    """What one person did at once.

    Args:
        seq: 1, 2, 3 … in this workspace; 0 for a change that changed nothing and was not written.
        time: ISO time in UTC.
        who: login name.
        kind: ``set``, ``import``, ``shift``, ``rescale``, ``add``, ``remove``, ``outside`` (the file was edited by
            other means), ``undo`` or ``redo``.
        edits: the scores that changed.
        moves: the photos that left ``data/`` or came into it.
    """

    seq: int
    time: str
    who: str
    kind: str
    edits: tuple[Edit, ...]
    moves: tuple[Move, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form of a history line."""
        edits = [edit._asdict() for edit in self.edits]
        data = {"seq": self.seq, "time": self.time, "who": self.who, "kind": self.kind, "edits": edits}
        return {**data, "moves": [move._asdict() for move in self.moves]} if self.moves else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Change:
        """Return the change of a history line.

        Raises:
            LookupError, TypeError, ValueError: it is none.
        """
        edits = tuple(Edit(str(edit["name"]), _score(edit["old"]), _score(edit["new"])) for edit in data["edits"])
        moves = tuple(Move(str(move["name"]), str(move["trash"]), bool(move["out"])) for move in data.get("moves", ()))
        return cls(int(data["seq"]), str(data["time"]), str(data["who"]), str(data["kind"]), edits, moves)


class History:
    """The changes in ``history.jsonl``; what others appended is read on, never twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changes: list[Change] = []
        self._offset = 0
        self._inode = -1

    def changes(self) -> list[Change]:
        """Return all changes, oldest first; a line that a crash cut off does not count.

        Raises:
            BeholderError: the file can't be read.
        """
        with disk_errors(self.path):
            try:
                data = self.path.open("rb")
            except FileNotFoundError:
                self._changes, self._offset, self._inode = [], 0, -1
                return []
            with data:
                status = os.fstat(data.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._changes, self._offset, self._inode = [], 0, status.st_ino
                data.seek(self._offset)
                fresh = data.read()
        complete, newline, tail = fresh.rpartition(b"\n")
        self._offset += len(complete) + len(newline)
        self._changes += [change for line in complete.split(b"\n") if (change := _parse(line))]
        last = _parse(tail)
        return [*self._changes, last] if last else list(self._changes)

    def append(self, change: Change) -> None:
        """Write one change and flush it to the disk; on failure the file is as it was.

        Raises:
            BeholderError: the disk is full or read-only.
        """
        line = json.dumps(change.to_dict(), allow_nan=False).encode("ascii") + b"\n"
        with disk_errors(self.path), self.path.open("a+b", buffering=0) as out:
            size = out.seek(0, os.SEEK_END)
            if size:
                out.seek(size - 1)
                if out.read(1) != b"\n":
                    line = b"\n" + line
            try:
                if out.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(out.fileno())
            except OSError:
                out.truncate(size)
                raise


def _score(value: Any) -> float | None:
    return None if value is None else float(value)


def _parse(line: bytes) -> Change | None:
    """Return the change of a line, or None for one that was cut off: the history is a log, not the truth."""
    try:
        return Change.from_dict(json.loads(line))
    except (LookupError, TypeError, ValueError, RecursionError):
        return None


def stacks(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Return what can be undone and what can be redone, the next one last.

    >>> one = Change(1, "", "", "set", ())
    >>> stacks([one, Change(2, "", "", "undo", ())]) == ([], [one])
    True
    """
    done: list[Change] = []
    undone: list[Change] = []
    for change in changes:
        if change.kind == "undo":
            if done:
                undone.append(done.pop())
        elif change.kind == "redo":
            if undone:
                done.append(undone.pop())
        else:
            done.append(change)
            undone.clear()
    return done, undone
