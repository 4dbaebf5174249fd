"""What the Data screen shows: all entries, and which of them in which order; the slow parts run in a thread."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

from engine.labels.scorebook import Change, Entry
from tui.filter_words import photo_filter

SORTS = ("name", "score", "guess", "difference", "size", "date", "source")
"""By what entries can be sorted; `ASCENDING` are those that begin with the smallest."""
ASCENDING = frozenset({"name", "source"})
_PIECE = 8192
"""So many at a time: sorting holds Python's lock until it is done, and the keyboard must not wait for it."""

Order = Sequence[int]


@dataclass(frozen=True)
class Wish:
    """What a person wants to see.

    Args:
        filter_text: in the language of `engine.labels.filtering`.
        sort: one of `SORTS`.
        reverse: turns the usual direction of that column round.
    """

    filter_text: str = ""
    sort: str = "name"
    reverse: bool = False

    @property
    def descending(self) -> bool:
        """Whether the largest stands first; what has no value stands last either way."""
        return self.reverse != (self.sort not in ASCENDING)


@dataclass
class Reading:
    """All entries as they were read from the disk, in natural order, kept up to date since.

    Args:
        entries: one a photo or name with a score.
        upto: number of the last piece of work that they include; see `ScoreKeeper`.
        detailed: whether sizes, times, sources and guesses are known.
        longest: cells of the longest name, about.
    """

    entries: list[Entry] = field(default_factory=list)
    upto: int = 0
    detailed: bool = True
    places: dict[str, int] = field(default_factory=dict)
    scored: int = 0
    missing: int = 0
    flagged: int = 0
    guessed: bool = False
    longest: int = 0

    def count(self) -> None:
        """Fill in the places and the counts; takes a while."""
        entries = self.entries
        self.places = {entry.name: place for place, entry in enumerate(entries)}
        self.scored = sum(entry.present and entry.score is not None for entry in entries)
        self.missing = sum(not entry.present for entry in entries)
        self.guessed = any(entry.guess is not None for entry in entries)
        self.flagged = sum(entry.flagged for entry in entries)
        names = (entry.name for entry in entries)
        self.longest = max((len(name) if name.isascii() else 2 * len(name) for name in names), default=0)

    def put(self, name: str, **changes: object) -> bool:
        """Change one entry in its place; say whether it is another one now."""
        place = self.places.get(name)
        if place is None:
            return False  # the next reading will have it
        old = self.entries[place]
        new = old._replace(**changes)  # type: ignore[arg-type]
        if new == old:
            return False
        self.entries[place] = new
        self.scored += new.present * ((new.score is not None) - (old.score is not None))
        self.flagged += new.flagged - old.flagged
        return True


class View(Sequence[Entry]):
    """The rows that are shown: a choice of a reading's entries, always as they are now."""

    def __init__(self, reading: Reading, order: Order) -> None:
        self.reading = reading
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        entries = self.reading.entries
        if isinstance(index, slice):
            return [entries[place] for place in self.order[index]]
        return entries[self.order[index]]

    def __iter__(self) -> Iterator[Entry]:
        entries = self.reading.entries
        return (entries[place] for place in self.order)

    def find(self, name: str) -> int | None:
        """Return the row of a name; None if it is not shown."""
        place = self.reading.places.get(name)
        if place is None:
            return None
        try:
            return self.order.index(place)
        except ValueError:
            return None

    def names(self) -> set[str]:
        """Return the names of all rows."""
        entries = self.reading.entries
        return {entries[place].name for place in self.order}

    def next_unscored(self, cursor: int) -> int | None:
        """Return the next row without a score after the cursor, round the end; None if all have one."""
        entries, order = self.reading.entries, self.order
        for first, end in ((cursor + 1, len(order)), (0, min(cursor + 1, len(order)))):
            for row in range(first, end):
                entry = entries[order[row]]
                if entry.score is None and entry.present:
                    return row
        return None

    def search(self, text: str, after: int) -> int | None:
        """Return the next row whose name begins with a text, or else holds it, round the end; None if none does."""
        wanted = text.casefold()
        entries, order, count = self.reading.entries, self.order, len(self.order)
        holding: int | None = None
        for step in range(1, count + 1):
            row = (after + step) % count
            name = entries[order[row]].name.casefold()
            if name.startswith(wanted):
                return row
            if holding is None and wanted in name:
                holding = row
        return holding


@dataclass
class Album:
    """What is known of the workspace's photos, and what of it a person wants to see.

    Each call of `ask` makes what was asked before void: `work` on that gives None, and `take` refuses it.
    """

    wish: Wish = Wish()
    view: View = field(default_factory=lambda: View(Reading(), range(0)))
    is_read: bool = False
    marks: set[str] = field(default_factory=set)
    _newest: Reading = field(default_factory=Reading)
    _shown_wish: Wish | None = None
    _touched: set[str] = field(default_factory=set)
    _given: list[tuple[int, str, dict[str, object]]] = field(default_factory=list)
    _asked: int = 0
    _taken: int = 0

    @property
    def is_asked(self) -> bool:
        """Whether an answer is on its way."""
        return self._taken != self._asked

    @property
    def reading(self) -> Reading:
        """The entries that are shown."""
        return self.view.reading

    @property
    def total(self) -> int:
        """How many entries there are, with those whose photo is missing."""
        return len(self.reading.entries)

    def put(self, ticket: int, name: str, **changes: object) -> bool:
        """Change one entry where it stands, whatever filter and order say; see `Reading.put`.

        Args:
            ticket: number of the piece of work that brings it to the disk.
            name: its name.
            changes: the fields of the entry.
        """
        self._given.append((ticket, name, changes))
        self._touched.add(name)
        return self.reading.put(name, **changes)

    def put_change(self, ticket: int, change: Change) -> list[str]:
        """Take what reached the disk; return the names of the entries that are others now."""
        return [
            edit.name
            for edit in change.edits
            if self.put(
                ticket,
                edit.name,
                score=edit.new,
                source=change.kind if edit.new is not None else "",
                changed=change.time if edit.new is not None else "",
            )
        ]

    def read(self, entries: list[Entry], upto: int, *, detailed: bool = True) -> Task:
        """Ask to show what was read from the disk; photos that are shown stay where they are."""
        self._newest = Reading(list(entries), upto, detailed)
        return self._ask(frozenset(self._touched))

    def ask(self, wish: Wish) -> Task:
        """Ask to see something else, or the same anew."""
        self.wish = wish
        self._touched.clear()
        self._shown_wish = None
        return self._ask(frozenset())

    def _ask(self, kept: frozenset[str]) -> Task:
        self._asked += 1
        number = self._asked
        before = self.view if self._shown_wish == self.wish else None
        return Task(self.wish, self._newest, before, kept, lambda: number != self._asked)

    @property
    def shows_wish(self) -> bool:
        """Whether the rows are those that the person asked for last."""
        return self._shown_wish == self.wish

    def take(self, task: Task, view: View) -> bool:
        """Show the answer to a task; False, and nothing changes, if something else was asked for since."""
        if task.is_void():
            return False
        if view.reading is not self.reading:
            # what was changed while the disk was being read
            self._given = [given for given in self._given if given[0] > view.reading.upto]
            for _, name, changes in self._given:
                view.reading.put(name, **changes)
            self.marks &= view.reading.places.keys()
        self.view, self.is_read, self._shown_wish, self._taken = view, True, task.wish, self._asked
        return True


@dataclass(frozen=True)
class Task:
    """Something to be worked out in a thread.

    Args:
        wish: what to show.
        reading: of what.
        before: what is shown now, if it was made for the same wish.
        kept: names that stay in sight whatever the filter says.
        is_void: says whether something else was asked for since.
    """

    wish: Wish
    reading: Reading
    before: View | None
    kept: frozenset[str]
    is_void: Callable[[], bool]

    def work(self) -> View | None:
        """Return the rows; None once the task is void.

        Rows stay where they are as long as no photo came or went, so that nothing moves under somebody's hands.
        """
        if not self.reading.places:
            self.reading.count()
        if self.is_void():
            return None
        before, reading = self.before, self.reading
        same_photos = before is not None and before.reading.places.keys() == reading.places.keys()
        if before is not None and same_photos and before.reading.detailed == reading.detailed:
            return View(reading, before.order)
        order = arrange(reading.entries, self.wish, self.kept, self.is_void)
        return None if order is None else View(reading, order)


def arrange(
    entries: Sequence[Entry],
    wish: Wish,
    kept: frozenset[str] = frozenset(),
    is_void: Callable[[], bool] = lambda: False,
) -> Order | None:
    """Return the places of the entries to show, in their order; None as soon as nobody wants them any more.

    Args:
        entries: all, in natural order.
        wish: which, and in which order.
        kept: names that pass the filter in any case.
        is_void: asked now and then.
    """
    places: Sequence[int] = range(len(entries))
    if wish.filter_text.strip():
        keep = photo_filter(wish.filter_text)
        found: list[int] = []
        for start in range(0, len(entries), _PIECE):
            if is_void():
                return None
            piece = enumerate(entries[start : start + _PIECE], start)
            found += [place for place, entry in piece if keep(entry) or entry.name in kept]
        places = found
    if wish.sort == "name":
        return places[::-1] if wish.descending else places
    value, sign = _VALUES[wish.sort], -1.0 if wish.descending else 1.0
    if wish.sort == "source":
        sources = sorted({entry.source for entry in entries} - {""}, reverse=wish.descending)
        ranks = {source: float(rank) for rank, source in enumerate(sources)}
        keys = [ranks.get(entry.source, math.inf) for entry in entries]
    else:
        keys = [math.inf if (number := value(entry)) is None else sign * number for entry in entries]
    if is_void():
        return None
    return array("I", _sorted_by(list(places), keys))


_VALUES: dict[str, Callable[[Entry], float | None]] = {
    "score": lambda entry: entry.score,
    "guess": lambda entry: entry.guess,
    "difference": lambda entry: None if (difference := entry.difference) is None else abs(difference),
    "size": lambda entry: entry.size,
    "date": lambda entry: entry.modified,
    "source": lambda entry: None,
}


def _sorted_by(places: list[int], keys: Sequence[float]) -> list[int]:
    """Sort by key in pieces that are merged; equal ones stay in their order."""
    runs = [places[start : start + _PIECE] for start in range(0, len(places), _PIECE)]
    for run in runs:
        run.sort(key=keys.__getitem__)
    while len(runs) > 1:
        merged = []
        for left, right in zip(runs[::2], [*runs[1::2], []], strict=False):
            both = left + right
            both.sort(key=keys.__getitem__)  # two sorted runs: a mere merge
            merged.append(both)
        runs = merged
    return runs[0] if runs else []
