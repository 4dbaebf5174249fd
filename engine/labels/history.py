"""The history of scores: an append-only file of who changed what, when, from what to what.

A line that was appended has happened: ``scores.txt`` follows it. The line with seq 0, if there is one, is what stood in
``scores.txt`` before the history began.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from engine.storage import disk_errors, sync_folder

_HEAD = re.compile(rb'\{"seq": ([0-9]{1,18}), "time": "([^"\\]*)"')
_HEAD_BYTES = 128
_BLOCK = 1 << 16
_EDITS = '"edits": ['
_LONG = 1 << 16  # characters of a line
_JSON = json.JSONDecoder()
_NUMBERS = (int, float)
_LARGE = 1e15


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
        who: login name; empty where nobody knows.
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
        edits = [{"name": name, "old": old, "new": new} for name, old, new in self.edits]
        data = {"seq": self.seq, "time": self.time, "who": self.who, "kind": self.kind, "edits": edits}
        return {**data, "moves": [move._asdict() for move in self.moves]} if self.moves else data

    def inverted(self) -> tuple[list[Edit], list[Move]]:
        """Return the edits and moves that take this change back."""
        edits = [Edit(edit.name, edit.new, edit.old) for edit in self.edits]
        return edits, [move._replace(out=not move.out) for move in self.moves]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Change:
        """Return the change of a sound history line."""
        edits = tuple(Edit(edit["name"], _score(edit["old"]), _score(edit["new"])) for edit in data["edits"])
        moves = tuple(Move(move["name"], move["trash"], bool(move["out"])) for move in data.get("moves", ()))
        return cls(data["seq"], data["time"], data["who"], data["kind"], edits, moves)


class Position(NamedTuple):
    """A place in the history, right behind one of its changes; it also shows whether the file is still the same.

    Args:
        seq: number of that change; 0 at the beginning.
        time: its time; empty at the beginning.
        start: bytes before its line.
        end: bytes up to the end of its line.
    """

    seq: int
    time: str
    start: int
    end: int


BEGINNING = Position(0, "", 0, 0)


class History:
    """The changes in ``history.jsonl``; what others appended is read on, never twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changes: list[Change] = []
        self._read_to = BEGINNING

    def changes(self) -> list[Change]:
        """Return all changes, oldest first, without what stood there before; a line that a crash cut off counts not.

        Raises:
            BeholderError: the file can't be read.
        """
        if not self.holds(self._read_to):
            self._changes, self._read_to = [], BEGINNING
        fresh = self.after(self._read_to)
        if fresh:
            self._read_to = fresh[-1][1]
            self._changes += [change for change, _ in fresh if change.seq]
        return list(self._changes)

    def after(self, position: Position) -> list[tuple[Change, Position]]:
        """Return the changes behind a place, oldest first, each with the place behind it.

        Raises:
            BeholderError: the file can't be read.
        """
        return [(Change.from_dict(data), place) for data, place in self.raw_after(position)]

    def raw_after(self, position: Position) -> Iterator[tuple[dict[str, Any], Position]]:
        """Yield what `after` returns, as it stands in the lines: sooner, where there are a hundred thousand.

        Raises:
            BeholderError: the file can't be read.
        """
        start = position.end
        for line in self.read(start).split(b"\n"):
            end = start + len(line)
            if line and (data := _parse(line)):
                yield data, Position(data["seq"], data["time"], start, end)
            start = end + 1

    def read(self, start: int, length: int = -1) -> bytes:
        """Return bytes of the file; none where it is missing.

        Raises:
            BeholderError: the file can't be read.
        """
        with disk_errors(self.path):
            try:
                with self.path.open("rb", buffering=0) as data:
                    data.seek(start)
                    return data.read(length) or b""
            except (FileNotFoundError, NotADirectoryError):
                return b""

    def holds(self, position: Position) -> bool:
        """Say whether the file is the one in which a place was found: it only grew since."""
        if position.end == 0:
            return True
        match = _HEAD.match(self.read(position.start, _HEAD_BYTES))
        if match is None or (int(match[1]), match[2].decode("utf-8", "replace")) != (position.seq, position.time):
            return False
        return self.size() >= position.end

    def size(self) -> int:
        """Return the bytes of the file; 0 where it is missing."""
        with disk_errors(self.path):
            try:
                return self.path.stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return 0

    def backwards(self) -> Iterator[Change]:
        """Yield the changes, the latest first, without reading the whole file.

        Raises:
            BeholderError: the file can't be read.
        """
        place, rest, block = self.size(), b"", _BLOCK
        while place:
            place, end = max(0, place - block), place
            block *= 2  # a line may hold a hundred thousand edits
            first, *lines = (self.read(place, end - place) + rest).split(b"\n")
            rest = first
            for line in reversed(lines if place else [first, *lines]):
                if line and (data := _parse(line)) and data["seq"]:
                    yield Change.from_dict(data)

    def append(self, change: Change) -> Position:
        """Write one change and flush it to the disk; on failure the file is as it was.

        Returns:
            The place behind it.

        Raises:
            BeholderError: the disk is full or read-only.
        """
        line = _encode(change)
        with disk_errors(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
            try:
                size = os.fstat(handle).st_size
                # a crash may have cut the last line off
                torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
                try:
                    _write(handle, b"\n" + line if torn else line)
                    getattr(os, "fdatasync", os.fsync)(handle)
                    if not size:
                        sync_folder(self.path.parent)
                except OSError:
                    os.ftruncate(handle, size)
                    raise
            finally:
                os.close(handle)
        start = size + torn
        return Position(change.seq, change.time, start, start + len(line) - 1)

    def cut(self, position: Position) -> None:
        """Take the latest change back, which ends at `position`: it has not happened.

        Raises:
            BeholderError: the disk fails.
        """
        with disk_errors(self.path), self.path.open("r+b", buffering=0) as out:
            out.truncate(position.start)
            os.fsync(out.fileno())


def _write(handle: int, data: bytes) -> None:
    while data:
        written = os.write(handle, data)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[written:]


def _score(value: Any) -> float | None:
    return None if value is None else float(value)


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return a line's change as JSON, or None for one that was cut off or is no change."""
    try:
        text = line.decode("utf-8").strip()
        data, end = _decode(text)
        known = data["time"], data["who"], data["kind"]
        is_sound = end == len(text) and type(data["seq"]) is int and data["seq"] >= 0
        is_sound = is_sound and all(type(word) is str for word in known)
        for edit in data["edits"]:
            is_sound = is_sound and type(edit["name"]) is str and _is_score(edit["old"]) and _is_score(edit["new"])
        for move in data.get("moves", ()):
            is_sound = is_sound and type(move["name"]) is str and type(move["trash"]) is str and "out" in move
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    return data if is_sound else None


def _decode(text: str) -> tuple[dict[str, Any], int]:
    """Decode a line, and say where it ends; a long one edit by edit: Python lets no other thread run meanwhile."""
    place = text.find(_EDITS) + len(_EDITS)
    if len(text) < _LONG or place < len(_EDITS):
        return _JSON.raw_decode(text)
    begin, edits = place, []
    while text.startswith("{", place):
        edit, place = _JSON.raw_decode(text, place)
        edits.append(edit)
        place += 2 * text.startswith(", {", place)
    data, end = _JSON.raw_decode(text[:begin] + text[place:])
    data["edits"] = edits + data["edits"]
    return data, end + place - begin


def _encode(change: Change) -> bytes:
    """Return the line of a change; a long one is put together edit by edit, as above."""
    head = json.dumps(replace(change, edits=()).to_dict(), allow_nan=False)
    edits = ", ".join([json.dumps(edit._asdict(), allow_nan=False) for edit in change.edits])
    return head.replace(_EDITS, _EDITS + edits, 1).encode("ascii") + b"\n"


def parse_change(line: bytes) -> Change | None:
    """Return the change of a line of the history, or None for one that counts for nothing."""
    data = _parse(line)
    return Change.from_dict(data) if data is not None else None


def _is_score(value: object) -> bool:
    return value is None or (type(value) in _NUMBERS and -_LARGE < value < _LARGE)  # type: ignore[operator]


def latest_done(changes: Iterator[Change]) -> Change | None:
    """Return the change that an undo takes back, from changes that come latest first; None if there is none.

    A redo stands for what it made again.

    >>> one, two = Change(1, "", "", "set", ()), Change(2, "", "", "set", ())
    >>> latest_done(iter([Change(3, "", "", "undo", ()), two, one])) is one
    True
    """
    undone = 0
    for change in changes:
        if change.kind == "undo":
            undone += 1
        elif undone:
            undone -= 1
        else:
            return change
    return None


def latest_undone(changes: Iterator[Change]) -> Change | None:
    """Return the undo that a redo takes back, from changes that come latest first; None if there is none.

    >>> one = Change(1, "", "", "set", ())
    >>> latest_undone(iter([Change(2, "", "", "redo", ()), Change(1, "", "", "undo", ()), one])) is None
    True
    """
    redone = 0
    for change in changes:
        if change.kind == "redo":
            redone += 1
        elif change.kind != "undo":
            return None
        elif redone:
            redone -= 1
        else:
            return change
    return None
