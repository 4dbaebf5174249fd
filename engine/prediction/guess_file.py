"""One model's guesses as a file: ``.beholder/guesses/<model_id>.json``, read and replaced whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
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

    def fits(self, size: int | None, modified: float | None) -> bool:
        """Say whether a file of this size and time is the same one."""
        return size == self.size and modified is not None and abs(modified - self.modified) < _SAME_TIME


@dataclass
class GuessFile:
    """The guesses of one model.

    Args:
        complete: a training wrote them, so that whatever the model has learned from is among them as held out.
        guesses: photo's name → guess.
        stamps: photo's name → what it was then; the same names. Of those held out the content is kept, shortened.
    """

    complete: bool = False
    guesses: dict[str, Guess] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)

    def put(self, name: str, guess: Guess, stamp: Stamp) -> None:
        """Add a guess or replace it."""
        kept = short_hash(stamp.content) if guess.held_out else ""
        self.guesses[name] = Guess(round(guess.score, 4), guess.held_out)
        self.stamps[name] = Stamp(stamp.size, stamp.modified, kept)

    def held_out(self) -> dict[str, Guess]:
        """Return the guesses of the photos that the model has learned from: shortened content → guess."""
        return {
            stamp.content: self.guesses[name]
            for name, stamp in self.stamps.items()
            if stamp.content and self.guesses[name].held_out
        }

    def is_held_out(self, name: str, stamp: Stamp) -> bool:
        """Say whether the model has learned from the photo of this name, and it is still the same file."""
        found = self.guesses.get(name)
        return found is not None and found.held_out and self.stamps[name].fits(stamp.size, stamp.modified)


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
        names, scores = raw["names"], [float(score) for score in raw["scores"]]
        guesses = map(Guess, scores, map(bool, raw["held_out"]))
        stamps = map(Stamp, map(int, raw["sizes"]), map(float, raw["modified"]), raw["contents"])
        return GuessFile(
            bool(raw["complete"]), dict(zip(names, guesses, strict=True)), dict(zip(names, stamps, strict=True))
        )
    except (OSError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
        return GuessFile()


def save_guesses(workspace: Workspace, model_id: str, file: GuessFile) -> None:
    """Replace a model's file.

    Raises:
        BeholderError: the disk is full or read-only.
    """
    names = list(file.guesses)
    value = {
        "format": _FORMAT,
        "model_id": model_id,
        "complete": file.complete,
        "names": names,
        "scores": [file.guesses[name].score for name in names],
        "held_out": [int(file.guesses[name].held_out) for name in names],
        "sizes": [file.stamps[name].size for name in names],
        "modified": [file.stamps[name].modified for name in names],
        "contents": [file.stamps[name].content for name in names],
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
