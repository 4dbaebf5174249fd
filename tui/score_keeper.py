"""Reads and writes scores in the order in which they were asked for, in one thread, and tells the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.message_pump import MessagePump

from engine.errors import BeholderError
from engine.labels.scorebook import Change, Entry, ScoreBook
from engine.workspace import Workspace
from tui.faults import explained
from tui.messages import ScoreNews

_Stamp = tuple[int, int, int]


@dataclass
class ScoresRead(ScoreNews):
    """All entries, as they are on the disk; every listener gets the same list, so nobody may change it."""

    entries: list[Entry]


@dataclass
class ScoresChanged(ScoreNews):
    """A change that was asked for reached the disk."""

    change: Change


@dataclass
class Flagged(ScoreNews):
    """A photo got its flag, or lost it."""

    name: str
    on: bool


@dataclass
class ScoresRefused(ScoreNews):
    """Reading or writing the scores did not work; `reading` says which."""

    error: BeholderError
    reading: bool


@dataclass
class OutsideChanged(ScoreNews):
    """Others changed something; a `ScoresRead` with the result came just before.

    Args:
        changes: what an editor or another program did to the scores, oldest first.
        added: photos that came.
        gone: photos that went.
    """

    changes: tuple[Change, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]


class ScoreKeeper:
    """One thread that reads and writes the scores of a workspace, one thing after the other.

    No method waits: each hands its work over, and the answer comes as a message.

    Args:
        workspace: whose scores.
        listener: gets `ScoresRead`, `ScoresChanged`, `ScoresRefused` and `OutsideChanged`.
    """

    def __init__(self, workspace: Workspace, listener: MessagePump) -> None:
        self._workspace = workspace
        self._listener = listener
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scores")
        self._looking = False
        # What follows belongs to the thread alone.
        self._opened: ScoreBook | None = None
        self._photos: frozenset[str] | None = None
        self._seq: int | None = None
        self._stamps: tuple[_Stamp, ...] = ()

    def read(self) -> None:
        """Ask for all entries."""
        self._hand_over(self._read, reading=True)

    def look(self) -> None:
        """Read again if others changed the scores or the folder since the last reading; cheap if not."""
        if not self._looking:
            self._looking = True
            self._hand_over(self._look, reading=True)

    def set(self, name: str, score: float | None) -> None:
        """Write one score; None removes it."""
        self._change(lambda book: book.set(name, score))

    def set_many(self, scores: Mapping[str, float | None], kind: str = "set") -> None:
        """Write several scores as one step of the history; `kind` is set, import, shift or rescale."""
        self._change(lambda book: book.set_many(scores, kind))

    def undo(self) -> None:
        """Take the last change back."""
        self._change(lambda book: book.undo())

    def redo(self) -> None:
        """Make the last undone change again."""
        self._change(lambda book: book.redo())

    def add(self, path: Path, score: float | None = None) -> None:
        """Copy a picture into the workspace, or take one that lies there already, and give it a score."""
        self._change(lambda book: _new(book).add(path, score), photos=True)

    def remove(self, names: Sequence[str]) -> None:
        """Take photos and their scores away, into the trash."""
        self._change(lambda book: _new(book).remove(names), photos=True)

    def flag(self, name: str, on: bool) -> None:
        """Put a flag on a photo, or take it off."""

        def work() -> None:
            from engine.labels.flags import set_flag

            set_flag(self._workspace, name, on)
            self._listener.post_message(Flagged(name, on))

        self._hand_over(work)

    def rerate(self, name: str, before: float, again: float) -> None:
        """Note that a photo was scored a second time, to measure how alike the two scores are."""

        def work() -> None:
            from engine.labels.rerates import add_rerate

            add_rerate(self._workspace, name, before, again)

        self._hand_over(work)

    def close(self) -> None:
        """Write what was handed over, and end the thread; waits for it."""
        self._thread.submit(self._end)
        self._thread.shutdown()

    def _end(self) -> None:
        if self._opened is not None and hasattr(self._opened, "close"):
            self._opened.close()

    @property
    def _book(self) -> ScoreBook:
        if self._opened is None:
            self._opened = ScoreBook(self._workspace)
        return self._opened

    def _hand_over(self, work: Callable[[], Any], *, reading: bool = False) -> None:
        self._thread.submit(self._guarded, work, reading)

    def _guarded(self, work: Callable[[], Any], reading: bool) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the thread has no face: whatever it is must be told
            self._listener.post_message(ScoresRefused(explained(self._workspace, error), reading))

    def _change(self, work: Callable[[ScoreBook], Change], *, photos: bool = False) -> None:
        def change() -> None:
            done = work(self._book)
            self._listener.post_message(ScoresChanged(done))
            follows = self._seq is None or done.seq in {0, self._seq + 1}
            if photos or _moves(done) or not follows:
                self._read(own=done)
            elif done.seq:
                self._seq = done.seq
                self._stamps = self._stamp()

        self._hand_over(change)

    def _look(self) -> None:
        self._looking = False
        if self._stamps and self._stamp() != self._stamps:
            self._read()

    def _read(self, own: Change | None = None) -> None:
        self._stamps = self._stamp()
        entries = self._book.entries()
        photos = frozenset(entry.name for entry in entries if entry.present)
        history = self._book.history()
        seen, before = self._seq, self._photos
        self._photos, self._seq = photos, history[-1].seq if history else 0
        self._listener.post_message(ScoresRead(entries))
        if before is None or seen is None:
            return
        mine, known = (own.seq, _names(own)) if own else (None, frozenset())
        changes = tuple(change for change in history if change.seq > seen and change.seq != mine)
        added, gone = tuple(sorted(photos - before - known)), tuple(sorted(before - photos - known))
        if changes or added or gone:
            self._listener.post_message(OutsideChanged(changes, added, gone))

    def _stamp(self) -> tuple[_Stamp, ...]:
        return tuple(
            _stamp(path) for path in (self._workspace.scores_file, self._workspace.history_file, self._workspace.data)
        )


def _new(book: ScoreBook) -> Any:
    return book


def _moves(change: Change) -> tuple[Any, ...]:
    return getattr(change, "moves", ())


def _names(change: Change) -> frozenset[str]:
    return frozenset(edit.name for edit in change.edits) | {move.name for move in _moves(change)}


def _stamp(path: Path) -> _Stamp:
    try:
        seen = path.stat()
    except OSError:
        return (0, 0, 0)
    return (seen.st_mtime_ns, seen.st_size, seen.st_ino)
