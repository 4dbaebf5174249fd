"""One model's guesses as a file: ``.beholder/guesses/<model_id>.json``, read and replaced whole."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.errors import BeholderError
from engine.storage import disk_errors, write_bytes
from engine.workspace import Workspace

_FORMAT = 1
_LOCK_SECONDS = 20.0
_HASH_DIGITS = 16
_COLUMNS = ("scores", "held_out", "sizes", "modified", "contents")
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

    def still_true(self, photos: Iterable[tuple[str, int | None, float | None]]) -> dict[str, Guess]:
        """Return the guesses of photos that are the same as when they were guessed.

        Args:
            photos: (name, bytes, seconds since 1970) as they are now; None where unknown.
        """
        rows, found = self.rows, {}
        for name, size, modified in photos:
            row = rows.get(name)
            if row is not None and row[2] == size and modified is not None and abs(row[3] - modified) < _SAME_TIME:
                found[name] = Guess(row[0], row[1])
        return found

    def held_out(self) -> dict[str, Guess]:
        """Return the guesses of the photos that the model has learned from: shortened content → guess."""
        return {
            content: Guess(score, True) for score, held_out, _, _, content in self.rows.values() if held_out and content
        }

    def is_held_out(self, name: str, stamp: Stamp) -> bool:
        """Say whether the model has learned from the photo of this name, and it is still the same file."""
        found = self.still_true([(name, stamp.size, stamp.modified)])
        return name in found and found[name].held_out


def short_hash(content: str) -> str:
    """Return the part of a SHA-256 that is kept."""
    return content[:_HASH_DIGITS]


def guess_folder(workspace: Workspace) -> Path:
    """Return where the files lie."""
    return workspace.internal / "guesses"


def load_guesses(workspace: Workspace, model_id: str) -> GuessFile:
    """Return a model's file; an empty one where there is none, or it can't be read: guesses can be had again."""
    try:
        raw = json.loads((guess_folder(workspace) / f"{model_id}.json").read_bytes())
        if raw["format"] != _FORMAT:
            return GuessFile()
        scores = list(map(float, raw["scores"]))
        if not all(map(math.isfinite, scores)):
            return GuessFile()
        rows = zip(
            scores,
            map(bool, raw["held_out"]),
            map(int, raw["sizes"]),
            map(float, raw["modified"]),
            map(str, raw["contents"]),
            strict=True,
        )
        return GuessFile(bool(raw["complete"]), dict(zip(map(str, raw["names"]), rows, strict=True)))
    except (OSError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
        return GuessFile()


def save_guesses(workspace: Workspace, model_id: str, file: GuessFile) -> None:
    """Replace a model's file.

    Raises:
        BeholderError: the disk is full or read-only.
    """
    columns = list(zip(*file.rows.values(), strict=True)) or [()] * len(_COLUMNS)
    value = {
        "format": _FORMAT,
        "model_id": model_id,
        "complete": file.complete,
        "names": list(file.rows),
        **dict(zip(_COLUMNS, columns, strict=True)),
    }
    folder = guess_folder(workspace)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # ASCII, because a name may hold bytes that are no UTF-8
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    write_bytes(folder / f"{model_id}.json", text.encode("ascii") + b"\n")


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
