"""All entries of a workspace in memory: kept up to date with our own changes, read again when others changed something.

Everything here belongs to one thread, the keeper's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from engine.labels.flags import flags_file
from engine.labels.history import Change, History, Position
from engine.labels.photos import photo_names
from engine.labels.scorebook import Entry, ScoreBook
from engine.prediction.guess_file import guess_folder
from engine.prediction.guesses import read_guesses
from tui.long_lists import uncollected

_Stamp = tuple[int, int, int]
_OWN = 3
"""The first so many stamps are those of files that our own scores change."""
_LISTING_SHARE = 20
"""Listing the folder may take this part of the time: each own score changes the folder, too."""
_MANY = 1000
"""More edits at once than that, and the entries are read again."""


@dataclass(frozen=True)
class Outside:
    """What others did.

    Args:
        changes: of the scores, oldest first.
        added: photos that came.
        gone: photos that went.
    """

    changes: tuple[Change, ...] = ()
    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.added or self.gone)


class KnownEntries:
    """The entries of a workspace, and how far they are known.

    Args:
        book: the scores of the workspace.
    """

    def __init__(self, book: ScoreBook) -> None:
        self._book = book
        self._workspace = book.workspace
        self._history = History(self._workspace.history_file)
        self._history_end: int | None = None
        self._seq = 0
        self._unrecorded: list[Change] = []
        self._stamps: tuple[_Stamp, ...] = ()
        self._listing_due = 0.0
        self._entries: list[Entry] | None = None
        self._photos: frozenset[str] | None = None
        self._places: dict[str, int] = {}
        self.detailed = False
        self.model_id = ""

    @property
    def are_known(self) -> bool:
        """Whether they were ever read; they were not where the scores are damaged."""
        return self._entries is not None

    def __len__(self) -> int:
        return len(self._entries or ())

    def copy(self) -> list[Entry]:
        """Return the entries as they are known now."""
        return list(self._entries or ())

    def read(self, *, details: bool, own: Change | None = None) -> Outside:
        """Read all entries from the disk.

        Args:
            details: whether sizes, times, sources and guesses are wanted too.
            own: a change of our own that is not news.

        Returns:
            What others did since the last reading; nothing the first time.

        Raises:
            BeholderError: the scores are damaged or can't be read; what was known before still is.
        """
        self._stamps = self._stamp()
        with uncollected():
            entries = self._book.entries(details=details)
            if details:
                self.model_id, guesses = read_guesses(self._workspace, entries)
                if guesses:
                    entries = [
                        entry if (guess := guesses.get(entry.name)) is None else entry._replace(guess=guess.score)
                        for entry in entries
                    ]
            photos = frozenset(entry.name for entry in entries if entry.present)
            changes, before = self._news(own), self._photos
            self._entries, self._photos, self._places, self.detailed = entries, photos, {}, details
        if before is None:
            return Outside()
        known = frozenset[str]() if own is None else _names(own)
        return Outside(changes, tuple(sorted(photos - before - known)), tuple(sorted(before - photos - known)))

    def are_current(self, *, patiently: bool = False) -> bool:
        """Say whether nobody else changed anything since the last reading.

        Args:
            patiently: leave out for a while what takes long with very many photos; it is found a little later then.
        """
        before, now = self._stamps, self._stamp()
        if self._entries is None:
            return now == before  # what could not be read then can't be read now
        if now == before:
            return True
        self._stamps = now
        if now[_OWN:] != before[_OWN:]:
            return False
        # our own scores change the other files, too, some of them a moment later
        self._unrecorded += [change for change in self._book.take_outside() if not change.seq]
        if self._unrecorded or self._history.size() != self._history_end:
            return False
        if now[0] == before[0]:
            return True
        begun = time.monotonic()
        if patiently and begun < self._listing_due:
            self._stamps = (*before[:1], *now[1:])
            return True
        same = frozenset(photo_names(self._workspace.data)) == self._photos
        self._listing_due = time.monotonic() + _LISTING_SHARE * (time.monotonic() - begun)
        return same

    def take(self, change: Change) -> bool:
        """Take in a change of our own; False if the entries must be read again for that."""
        if self._entries is None or not change.seq:
            return True
        if change.moves or change.kind == "add" or change.seq != self._seq + 1 or len(change.edits) > _MANY:
            return False
        self._seq, self._history_end = change.seq, self._history.size()
        for name, _, score in change.edits:
            if score is None:
                self._put(name, score=None, source="", changed="")
            else:
                self._put(name, score=score, source=change.kind, changed=change.time)
        self._stamps = (*self._stamps[:1], *self._stamp()[1:_OWN], *self._stamps[_OWN:])
        return True

    def take_flag(self, name: str, on: bool) -> None:
        """Take in a flag of our own."""
        if self._entries is not None:
            self._put(name, flagged=on)
            self._stamps = (*self._stamps[:_OWN], *self._stamp()[_OWN:])

    def _put(self, name: str, **changes: object) -> None:
        entries = self._entries
        assert entries is not None
        if not self._places:
            self._places = {entry.name: place for place, entry in enumerate(entries)}
        place = self._places.get(name)
        if place is not None:
            entries[place] = entries[place]._replace(**changes)  # type: ignore[arg-type]

    def _news(self, own: Change | None) -> tuple[Change, ...]:
        """Return the changes that others added to the history since this was last asked; none the first time."""
        begin, end = self._history_end, self._history.size()
        self._history_end = end
        unrecorded, self._unrecorded = self._unrecorded, []
        if begin is None or end < begin:
            self._seq = next((change.seq for change in self._history.backwards()), 0)
            return tuple(unrecorded)
        changes = [change for change, _ in self._history.after(Position(0, "", 0, begin)) if change.seq]
        if changes:
            self._seq = changes[-1].seq
        return (*unrecorded, *(change for change in changes if own is None or change.seq != own.seq))

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
