"""Reads and writes scores in the order in which they were asked for, in one thread, and tells the app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.message_pump import MessagePump

from engine.errors import BeholderError
from engine.labels.flags import set_flag
from engine.labels.rerates import add_rerate
from engine.labels.scorebook import Change, Entry, ScoreBook
from engine.workspace import Workspace
from tui.faults import explained
from tui.known_entries import KnownEntries
from tui.long_lists import collect_again
from tui.messages import ScoreNews

_MANY = 3000


@dataclass
class ScoresRead(ScoreNews):
    """All entries, as they are on the disk; every listener gets the same list, so nobody may change it.

    Of very many it comes without details first, and once more within a second.

    Args:
        entries: in natural order.
        upto: the number of the last piece of work that they include; the keeper's methods return these numbers.
        detailed: whether size, time, source and guess are filled in.
        model_id: the model whose guesses these are; empty where there are none.
    """

    entries: list[Entry]
    upto: int = 0
    detailed: bool = True
    model_id: str = ""


@dataclass
class ScoresChanged(ScoreNews):
    """A change that was asked for reached the disk; `ticket` is the number under which it was."""

    change: Change
    ticket: int = 0


@dataclass
class Flagged(ScoreNews):
    """A photo got its flag, or lost it."""

    name: str
    on: bool
    ticket: int = 0


@dataclass
class Rerated(ScoreNews):
    """A second rating reached the disk."""

    name: str
    ticket: int = 0


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

    No method waits: each hands its work over, returns its number, and the answer comes as a message.

    Args:
        workspace: whose scores.
        listener: gets the messages above.
    """

    def __init__(self, workspace: Workspace, listener: MessagePump) -> None:
        self._workspace = workspace
        self._listener = listener
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scores")
        self._handed = 0
        self._looking = False
        # What follows belongs to the thread alone.
        self._book = ScoreBook(workspace)
        self._known = KnownEntries(self._book)
        self._is_watched = False

    def entries(self) -> list[Entry]:
        """Return all entries, perhaps without their details; this waits, so call it in a thread of your own.

        Raises:
            BeholderError: the scores are damaged or can't be read.
        """

        def work() -> list[Entry]:
            if not (self._known.are_known and self._known.are_current()):
                self._known.read(details=False)
            return self._known.copy()

        return self._thread.submit(work).result()

    def read(self) -> int:
        """Ask for all entries."""
        return self._hand_over(self._read, reading=True)

    def look(self) -> None:
        """Read again if others changed scores, photos, flags or guesses since the last reading; cheap if not."""
        if not self._looking:
            self._looking = True
            self._hand_over(self._look, reading=True)

    def set(self, name: str, score: float | None) -> int:
        """Write one score; None removes it."""
        return self._change(lambda book: book.set(name, score))

    def set_many(self, scores: Mapping[str, float | None], kind: str = "set") -> int:
        """Write several scores as one step of the history; `kind` is set, import, shift or rescale."""
        return self._change(lambda book: book.set_many(scores, kind))

    def undo(self) -> int:
        """Take the last change back."""
        return self._change(lambda book: book.undo())

    def redo(self) -> int:
        """Make the last undone change again."""
        return self._change(lambda book: book.redo())

    def change(self, work: Callable[[ScoreBook], Change]) -> int:
        """Make a change of another kind; the work runs in the thread."""
        return self._change(work)

    def add(self, path: Path, score: float | None = None) -> int:
        """Copy a picture into the workspace, or take one that lies there already, and give it a score."""
        return self._change(lambda book: book.add(path, score))

    def remove(self, names: Sequence[str]) -> int:
        """Take photos and their scores away, into the trash."""
        return self._change(lambda book: book.remove(names))

    def flag(self, name: str, on: bool) -> int:
        """Put a flag on a photo, or take it off."""

        def work(ticket: int) -> None:
            set_flag(self._workspace, name, on)
            self._known.take_flag(name, on)
            self._listener.post_message(Flagged(name, on, ticket))

        return self._hand_over(work)

    def rerate(self, name: str, before: float, again: float) -> int:
        """Note that a photo was scored a second time, to measure how alike the two scores are."""

        def work(ticket: int) -> None:
            add_rerate(self._workspace, name, before, again)
            self._listener.post_message(Rerated(name, ticket))

        return self._hand_over(work)

    def close(self) -> None:
        """Write what was handed over, and end the thread; waits for it."""
        self._thread.submit(self._book.close)
        self._thread.shutdown()
        collect_again()

    def _hand_over(self, work: Callable[[int], Any], *, reading: bool = False) -> int:
        self._handed += 1
        self._thread.submit(self._guarded, work, self._handed, reading)
        return self._handed

    def _guarded(self, work: Callable[[int], Any], ticket: int, reading: bool) -> None:
        try:
            work(ticket)
        except Exception as error:  # noqa: BLE001 - the thread has no face: whatever it is must be told
            self._listener.post_message(ScoresRefused(explained(self._workspace, error), reading))

    def _change(self, work: Callable[[ScoreBook], Change]) -> int:
        def change(ticket: int) -> None:
            done = work(self._book)
            self._listener.post_message(ScoresChanged(done, ticket))
            if not self._known.take(done):
                self._read_again(ticket, own=done)

        return self._hand_over(change)

    def _look(self, ticket: int) -> None:
        self._looking = False
        known = self._known
        if self._is_watched and not (known.are_current(patiently=True) and (known.detailed or not known.are_known)):
            self._read_again(ticket)

    def _read(self, ticket: int) -> None:
        self._is_watched = True
        if not self._known.are_known:
            self._known.read(details=False)
        elif not self._known.are_current():
            self._read_again(ticket)
            return
        self._tell(ticket)
        if not self._known.detailed and len(self._known) <= _MANY:
            self._read_again(ticket)  # of very many, the details come with the next look: first the screen must stand

    def _read_again(self, ticket: int, own: Change | None = None) -> None:
        outside = self._known.read(details=True, own=own)
        self._tell(ticket)
        if outside:
            self._listener.post_message(OutsideChanged(outside.changes, outside.added, outside.gone))

    def _tell(self, ticket: int) -> None:
        known = self._known
        message = ScoresRead(known.copy(), ticket, detailed=known.detailed, model_id=known.model_id)
        self._listener.post_message(message)
