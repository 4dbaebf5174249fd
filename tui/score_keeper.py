"""Reads and writes scores in the order in which they were asked for, in one thread, and tells the app."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.message_pump import MessagePump

from engine.errors import BeholderError
from engine.labels.flags import flags_file, set_flag
from engine.labels.history import History, Position
from engine.labels.photos import photo_names
from engine.labels.rerates import add_rerate
from engine.labels.scorebook import Change, Entry, ScoreBook
from engine.prediction.guess_file import guess_folder
from engine.prediction.guesses import read_guesses
from engine.workspace import Workspace
from tui.faults import explained
from tui.messages import ScoreNews

_Stamp = tuple[int, int, int]
_OWN = 3
"""The first so many stamps are those of files that scoring changes."""
_MANY = 3000
"""More entries than that are told twice: at once, and again with the details, which take longer."""
_LISTING_SHARE = 20
"""Looking through the folder may take this part of the time: each own score changes the folder, too."""


@dataclass
class ScoresRead(ScoreNews):
    """All entries, as they are on the disk; every listener gets the same list, so nobody may change it.

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
        self._opened: ScoreBook | None = None
        self._history = History(workspace.history_file)
        self._history_end: int | None = None
        self._seq = 0
        self._photos: frozenset[str] | None = None
        self._stamps: tuple[_Stamp, ...] = ()
        self._listing_due = 0.0

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
            if self._stamps:
                self._stamps = (*self._stamps[:_OWN], *self._stamp()[_OWN:])
            self._listener.post_message(Flagged(name, on, ticket))

        return self._hand_over(work)

    def rerate(self, name: str, before: float, again: float) -> int:
        """Note that a photo was scored a second time, to measure how alike the two scores are."""
        return self._hand_over(lambda ticket: add_rerate(self._workspace, name, before, again))

    def close(self) -> None:
        """Write what was handed over, and end the thread; waits for it."""
        self._thread.submit(self._end)
        self._thread.shutdown()

    def _end(self) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _book(self) -> ScoreBook:
        if self._opened is None:
            self._opened = ScoreBook(self._workspace)
        return self._opened

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
            if self._photos is None:
                return
            if done.moves or done.kind == "add" or done.seq not in {0, self._seq + 1}:
                self._read(ticket, own=done)
            elif done.seq:
                self._seq, self._history_end = done.seq, self._history.size()
                self._stamps = (*self._stamps[:1], *self._stamp()[1:_OWN], *self._stamps[_OWN:])

        return self._hand_over(change)

    def _look(self, ticket: int) -> None:
        self._looking = False
        before, now = self._stamps, self._stamp()
        if not before or now == before:
            return
        self._stamps = now
        if now[_OWN:] == before[_OWN:] and self._photos is not None:
            # our own scores change these files, too, some of them a moment later
            changes = self._book.take_outside() or self._history.size() != self._history_end
            if not changes and now[0] != before[0]:
                begun = time.monotonic()
                if begun < self._listing_due:
                    self._stamps = (*before[:1], *now[1:])
                    return
                changes = self._list() != self._photos
                self._listing_due = time.monotonic() + _LISTING_SHARE * (time.monotonic() - begun)
            if not changes:
                return
        self._read(ticket)

    def _read(self, ticket: int, own: Change | None = None) -> None:
        self._stamps = self._stamp()
        before = self._photos
        if before is None:
            entries = self._book.entries()
            if len(entries) > _MANY:
                self._listener.post_message(ScoresRead(entries, ticket, detailed=False))
        entries = self._book.entries(details=True)
        model_id, guesses = read_guesses(self._workspace, entries)
        if guesses:
            entries = [
                entry if (guess := guesses.get(entry.name)) is None else entry._replace(guess=guess.score)
                for entry in entries
            ]
        self._photos = frozenset(entry.name for entry in entries if entry.present)
        changes = self._news(own)
        self._listener.post_message(ScoresRead(entries, ticket, model_id=model_id))
        if before is not None:
            known = frozenset[str]() if own is None else _names(own)
            added, gone = tuple(sorted(self._photos - before - known)), tuple(sorted(before - self._photos - known))
            if changes or added or gone:
                self._listener.post_message(OutsideChanged(changes, added, gone))

    def _news(self, own: Change | None) -> tuple[Change, ...]:
        """Return the changes that others added to the history since this was last asked; none the first time."""
        begin, end = self._history_end, self._history.size()
        self._history_end = end
        if begin is None or end < begin:
            self._seq = next((change.seq for change in self._history.backwards()), 0)
            return ()
        changes = [change for change, _ in self._history.after(Position(0, "", 0, begin))]
        if changes:
            self._seq = changes[-1].seq
        return tuple(change for change in changes if own is None or change.seq != own.seq)

    def _list(self) -> frozenset[str]:
        return frozenset(photo_names(self._workspace.data))

    def _stamp(self) -> tuple[_Stamp, ...]:
        workspace = self._workspace
        ours = workspace.data, workspace.scores_file, workspace.history_file
        others = flags_file(workspace), guess_folder(workspace)
        return tuple(_stamp(path) for path in (*ours, *others))


def _names(change: Change) -> frozenset[str]:
    return frozenset(edit.name for edit in change.edits) | {move.name for move in change.moves}


def _stamp(path: Path) -> _Stamp:
    try:
        seen = path.stat()
    except OSError:
        return (0, 0, 0)
    return (seen.st_mtime_ns, seen.st_size, seen.st_ino)
