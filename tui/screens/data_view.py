"""What the Data screen shows: all entries, and those that pass the filter in the chosen order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.labels.scorebook import Entry
from tui.entry_filter import compile_filter


class Album:
    """The entries of a workspace as the person wants to see them."""

    def __init__(self) -> None:
        self.filter_text = ""
        self.by_score = False
        self.is_read = False
        self._entries: list[Entry] = []
        self._places: dict[str, int] = {}

    @property
    def total(self) -> int:
        """How many entries there are, with those whose photo is missing."""
        return len(self._entries)

    @property
    def scored(self) -> int:
        """How many of the photos that are there have a score."""
        return sum(entry.present and entry.score is not None for entry in self._entries)

    @property
    def missing(self) -> int:
        """How many have a score, but no photo any more."""
        return sum(not entry.present for entry in self._entries)

    def replace(self, entries: list[Entry]) -> None:
        """Take what was read from the disk."""
        self.is_read = True
        self._entries = entries
        self._places = {entry.name: place for place, entry in enumerate(entries)}

    def put(self, name: str, score: float | None) -> None:
        """Change one score; a name that isn't there is left for the next reading."""
        place = self._places.get(name)
        if place is not None:
            self._entries[place] = replace(self._entries[place], score=score)

    def shown(self) -> Sequence[Entry]:
        """Return the entries that pass the filter, by name or from the best score to none."""
        keep = compile_filter(self.filter_text)
        entries = [entry for entry in self._entries if keep(entry)] if self.filter_text.strip() else self._entries
        if not self.by_score:
            return entries
        return sorted(entries, key=lambda entry: (entry.score is None, -(entry.score or 0.0)))

    @staticmethod
    def next_unscored(rows: Sequence[Entry], cursor: int) -> int | None:
        """Return the place of the next photo without a score after the cursor, round the end; None if all have one."""
        order = [*range(cursor + 1, len(rows)), *range(min(cursor + 1, len(rows)))]
        return next((place for place in order if rows[place].score is None and rows[place].present), None)
