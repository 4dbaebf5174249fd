"""The photos that come up to be scored: their order, the place in it, and where it pauses."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from engine.labels.order import ORDERS, Turn, queue

if TYPE_CHECKING:
    from engine.labels.scorebook import Entry

_BY_NEED = frozenset({"unscored", "random"})
"""Orders that bring the photos without a score first, and pause after them."""


class ScoringQueue:
    """A queue with a place in it.

    It is gone through in stretches: first, say, what has no score yet, then what had one before. At the end of a
    stretch it is nobody's turn.

    Args:
        order: one of `ORDERS`; anything else means those without a score first.
        seed: of what is shuffled.
        names: which photos, in which order; None for all.
    """

    def __init__(self, order: str = "unscored", seed: int = 0, names: Sequence[str] | None = None) -> None:
        self.order = order if order in ORDERS else "unscored"
        self.place = 0
        self.stop = 0
        self._seed = seed
        self._names = names
        self._turns: list[Turn] = []
        self._places: dict[str, int] = {}
        self._entries: dict[str, Entry] = {}
        self._waiting = 0

    @property
    def turn(self) -> Turn | None:
        """Whose turn it is; None at the end of a stretch."""
        return self._turns[self.place] if self.place < self.stop else None

    @property
    def left(self) -> int:
        """How many photos of the stretch come after this one."""
        return max(self.stop - self.place - 1, 0)

    @property
    def more(self) -> int:
        """How many photos come after the stretch."""
        return len(self._turns) - self.stop

    @property
    def scored(self) -> int:
        """How many of all photos have a score."""
        return sum(entry.present and entry.score is not None for entry in self._entries.values())

    @property
    def is_blind(self) -> bool:
        """Whether no photo may show its score or name, since some are rated a second time."""
        return self.order == "rerate"

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def score(self, name: str) -> float | None:
        """Return the photo's score; None where it has none or is gone."""
        entry = self._entries.get(name)
        return None if entry is None else entry.score

    def guess(self, name: str) -> float | None:
        """Return what the model thinks of the photo; None where it said nothing."""
        entry = self._entries.get(name)
        return None if entry is None else entry.guess

    def neighbours(self) -> list[str]:
        """Return the names of the next two photos and of the one before."""
        near = (self.place + 1, self.place + 2, self.place - 1)
        return [self._turns[place].name for place in near if 0 <= place < self.stop]

    def open_turns(self, given: Container[str]) -> list[Turn]:
        """Return the turns of the stretch that still wait for a score.

        Args:
            given: names that were scored in this sitting; in a blind order these alone are done.
        """
        turns = self._turns[: self.stop]
        if self.is_blind:
            return [turn for turn in turns if turn.name not in given]
        return [turn for turn in turns if self._is_open(turn.name)]

    # ---- what is in it

    def take(self, entries: Sequence[Entry], at: str | None = None) -> None:
        """Take all entries as they are on the disk.

        The first time they are lined up; later the queue stays, and new photos come at the end of the stretch.

        Args:
            entries: all photos, in natural order.
            at: the photo to begin with.
        """
        is_first = not self._entries
        self._entries = {entry.name: entry for entry in entries}
        if is_first:
            self.line_up(at)
            return
        self._forget_strangers()
        if self._names is None:
            self._append([entry.name for entry in entries if entry.present and entry.name not in self._places])

    def put(self, name: str, score: float | None) -> None:
        """Take one photo's new score."""
        if name in self._entries:
            self._entries[name] = self._entries[name]._replace(score=score)

    def line_up(self, at: str | None = None) -> None:
        """Line all photos up anew.

        Args:
            at: the photo to begin with. In file order it keeps its place; else it comes first, and where the photos
                without a score come as they lie, those behind it follow before those ahead of it.
        """
        entries = list(self._entries.values())
        if self._names is not None:
            entries = [self._entries[name] for name in self._names if name in self._entries]
        if self.order == "unscored":
            begin = next((place for place, entry in enumerate(entries) if entry.name == at), 0)
            entries = [*entries[begin:], *entries[:begin]]
        turns = queue(entries, self.order, self._seed)
        is_open = [self._is_open(turn.name) for turn in turns]
        self._waiting = sum(is_open) if self.order in _BY_NEED else 0
        found = next((place for place, turn in enumerate(turns) if turn.name == at), None)
        self.place = 0
        if self.order == "file":
            first_open = is_open.index(True) if True in is_open else 0
            self.place = first_open if found is None else found
        elif found is not None:
            self._waiting += found >= self._waiting > 0
            turns.insert(0, turns.pop(found))
        self._set_turns(turns)
        self.stop = self._waiting or len(turns)

    def next_order(self) -> str:
        """Take the next order; file order stays at the photo, the others begin anew."""
        name = self.turn.name if self.turn else None
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self._seed += 1
        self.line_up(name if self.order == "file" else None)
        return self.order

    # ---- the place

    def go_to(self, place: int) -> None:
        """Go to a place of the stretch, counted from 0; past the last photo is its end."""
        self.place = min(max(place, 0), self.stop)

    def forward(self, given: Container[str]) -> None:
        """Go to the next turn; what had no score, and got one from another person meanwhile, is passed over.

        Args:
            given: names that were scored in this sitting.
        """
        self.place = min(self.place + 1, self.stop)
        while self.place < min(self._waiting, self.stop):
            name = self._turns[self.place].name
            if name in given or self.score(name) is None:
                break
            self.place += 1

    def next_open(self, given: Container[str]) -> bool:
        """Go to the next turn of the stretch that waits for a score, from its beginning again after its last one."""
        names = {turn.name for turn in self.open_turns(given)}
        for place in [*range(self.place + 1, self.stop), *range(self.place)]:
            if self._turns[place].name in names:
                self.place = place
                return True
        return False

    def show(self, name: str) -> bool:
        """Go to a photo by its name; say whether it is in the queue."""
        place = self._places.get(name)
        if place is None:
            return False
        self.place, self.stop = place, self.stop if place < self.stop else len(self._turns)
        return True

    def first_of(self, names: Iterable[str]) -> str | None:
        """Return which of the names comes first; None if none of them is in the queue."""
        return min((name for name in names if name in self._places), key=self._places.__getitem__, default=None)

    def find(self, text: str) -> int | None:
        """Return the place of the photo with this number, or of the next one whose name holds the text.

        Names are not looked at in a blind order: they may give a score away.
        """
        text = text.strip()
        if text.isdecimal() and 1 <= int(text) <= self.stop:
            return int(text) - 1
        if not text or self.is_blind:
            return None
        wanted, after = text.casefold(), self.place + 1
        places = [*range(after, self.stop), *range(min(after, self.stop))]
        return next((place for place in places if wanted in self._turns[place].name.casefold()), None)

    def go_on(self, given: Container[str]) -> bool:
        """From the end of a stretch to what is left: what was passed over, then what had a score before.

        Returns:
            Whether anything was left.
        """
        rest = self.open_turns(given)
        if rest:
            self._set_turns([*rest, *self._turns[self.stop :]])
            self.place, self.stop = 0, len(rest)
            self._waiting = 0 if self.is_blind else len(rest)
        elif self.more:
            self.place, self.stop = self.stop, len(self._turns)
        return self.turn is not None

    # ---- within

    def _is_open(self, name: str) -> bool:
        entry = self._entries[name]
        return entry.present and entry.score is None

    def _set_turns(self, turns: Iterable[Turn]) -> None:
        self._turns = list(turns)
        self._places = {turn.name: place for place, turn in enumerate(self._turns)}

    def _append(self, names: Sequence[str]) -> None:
        """Put new photos at the end of the stretch; whoever is at its end stays there."""
        if names:
            at_end = self.place >= self.stop > 0
            new = [Turn(name, False) for name in names]
            self._set_turns([*self._turns[: self.stop], *new, *self._turns[self.stop :]])
            self.stop += len(new)
            self.place = self.stop if at_end else self.place

    def _forget_strangers(self) -> None:
        """Drop turns whose photo and score are both gone."""
        gone = [place for place, turn in enumerate(self._turns) if turn.name not in self._entries]
        if gone:
            self.place -= bisect_left(gone, self.place)
            self._waiting -= bisect_left(gone, self._waiting)
            self.stop -= bisect_left(gone, self.stop)
            self._set_turns(turn for turn in self._turns if turn.name in self._entries)
