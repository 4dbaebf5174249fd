"""One model's guesses as a file: ``.beholder/guesses/<model_id>.jsonl``, read and replaced whole.

A head and then blocks of rows, a line each: reading a block takes some milliseconds at most, so that a thread which
reads never holds up an app's other threads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from engine.errors import BeholderError
from engine.storage import disk_errors, write_bytes
from engine.workspace import Workspace

_FORMAT = 1
_LOCK_SECONDS = 20.0
_HASH_DIGITS = 16
_BLOCK = 4096
SUFFIX = ".jsonl"
UNREADABLE = (OSError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError)
"""What reading a damaged or missing file may raise."""
_COLUMNS = ("names", "scores", "held_out", "sizes", "modified", "contents")
# two ways to turn a file's nanoseconds into seconds since 1970 differ by less
_SAME_TIME = 1e-5


class Guess(NamedTuple):
    """What a model says of a photo.

    Args:
        score: on the model's scale.
        held_out: the model learned from this photo's score; the guess is that of its twin in the cross-validation,
            which had not seen it.
    """

    score: float
    held_out: bool


class Stamp(NamedTuple):
    """What a photo was when it was guessed.

    Args:
        size: bytes.
        modified: seconds since 1970.
        content: SHA-256 of the file; empty where unknown.
    """

    size: int
    modified: float
    content: str = ""

    @classmethod
    def of(cls, path: Path, content: str = "") -> Stamp | None:
        """Return what a photo is now; None if it can't be looked at."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            return None
        return cls(status.st_size, status.st_mtime, content)


Row = tuple[float, bool, int, float, str]
"""Score, held out, and the photo's `Stamp`; plain tuples, because there may be 100,000 of them."""


@dataclass
class GuessFile:
    """The guesses of one model.

    Args:
        complete: a training wrote them, so that whatever the model has learned from is among them as held out.
        rows: photo's name → its row; the content is kept, shortened, of those held out.
    """

    complete: bool = False
    rows: dict[str, Row] = field(default_factory=dict)

    def put(self, name: str, guess: Guess, stamp: Stamp) -> None:
        """Add a guess or replace it."""
        kept = short_hash(stamp.content) if guess.held_out else ""
        self.rows[name] = (round(guess.score, 4), guess.held_out, stamp.size, stamp.modified, kept)

    def held_out(self) -> dict[str, Guess]:
        """Return the guesses of the photos that the model has learned from: shortened content → guess."""
        return {
            content: Guess(score, True) for score, held_out, _, _, content in self.rows.values() if held_out and content
        }

    def is_held_out(self, name: str, stamp: Stamp) -> bool:
        """Say whether the model has learned from the photo of this name, and it is still the same file."""
        row = self.rows.get(name)
        return row is not None and row[1] and name in still_true({name: row}, {name: stamp})


class Photo(Protocol):
    """What is asked of a photo: its size in bytes and its time in seconds since 1970, None where unknown."""

    @property
    def size(self) -> int | None: ...

    @property
    def modified(self) -> float | None: ...


def still_true(rows: Mapping[str, Row], photos: Mapping[str, Photo]) -> dict[str, Guess]:
    """Return the guesses of photos that are the same as when they were guessed.

    Args:
        rows: photo's name → its row.
        photos: photo's name → what it is now.
    """
    found = {}
    for name, row in rows.items():
        photo = photos.get(name)
        if photo is not None and photo.size == row[2]:
            modified = photo.modified
            if modified is not None and abs(row[3] - modified) < _SAME_TIME:
                found[name] = Guess(row[0], row[1])
    return found


def short_hash(content: str) -> str:
    """Return the part of a SHA-256 that is kept."""
    return content[:_HASH_DIGITS]


def guess_folder(workspace: Workspace) -> Path:
    """Return where the files lie."""
    return workspace.internal / "guesses"


def guess_path(workspace: Workspace, model_id: str) -> Path:
    """Return where a model's guesses are or would be."""
    return guess_folder(workspace) / f"{model_id}{SUFFIX}"


def load_guesses(workspace: Workspace, model_id: str) -> GuessFile:
    """Return a model's file; an empty one where there is none, or it can't be read: guesses can be had again."""
    file = GuessFile()
    try:
        for block in read_blocks(workspace, model_id):
            file.complete = block.complete
            file.rows.update(block.rows)
    except UNREADABLE:
        return GuessFile()
    return file


def read_blocks(workspace: Workspace, model_id: str) -> Iterator[GuessFile]:
    """Yield what a model's file holds, piece by piece: each has some rows; there is at least one.

    Raises:
        Exception: one of `UNREADABLE`: there is no such file, or it is damaged.
    """
    with guess_path(workspace, model_id).open("rb") as lines:
        about = json.loads(next(lines, b""))
        if about["format"] != _FORMAT:
            raise ValueError(about["format"])
        for line in lines:
            yield GuessFile(bool(about["complete"]), dict(_rows(json.loads(line))))


def _rows(block: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    names, scores, held_out, sizes, modified, contents = (block[column] for column in _COLUMNS)
    numbers = list(map(float, scores))
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a guess that is no number")
    values = (numbers, map(bool, held_out), map(int, sizes), map(float, modified), map(str, contents))
    return zip(map(str, names), zip(*values, strict=True), strict=True)


def save_guesses(workspace: Workspace, model_id: str, file: GuessFile) -> None:
    """Replace a model's file.

    Raises:
        BeholderError: the disk is full or read-only.
    """
    lines: list[dict[str, Any]] = [{"format": _FORMAT, "model_id": model_id, "complete": file.complete}]
    rows = list(file.rows.items())
    for start in range(0, max(len(rows), 1), _BLOCK):
        columns = zip(*((name, *row) for name, row in rows[start : start + _BLOCK]), strict=True)
        lines.append(dict.fromkeys(_COLUMNS, ()) | dict(zip(_COLUMNS, columns, strict=False)))
    path = guess_path(workspace, model_id)
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    # ASCII, because a name may hold bytes that are no UTF-8
    text = "".join(f"{json.dumps(line, separators=(',', ':'), allow_nan=False)}\n" for line in lines)
    write_bytes(path, text.encode("ascii"))


@contextmanager
def locked_guesses(workspace: Workspace) -> Iterator[None]:
    """Keep other programs from changing the guesses meanwhile.

    Raises:
        BeholderError: another one holds them for too long, or the place can't be written.
    """
    from filelock import FileLock, Timeout

    path = workspace.internal / "guesses.lock"
    lock = FileLock(path, timeout=_LOCK_SECONDS)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise BeholderError(
                "Another program has held the guesses of {path} for {seconds} seconds.",
                remedy="Close it and try again.",
                path=workspace.root,
                seconds=int(_LOCK_SECONDS),
            ) from error
    try:
        yield
    finally:
        lock.release()
