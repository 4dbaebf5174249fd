"""What the Import screen shows and changes before anything is copied: the plan, typed scores, what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from engine.labels.importing import ImportItem, ImportPlan
from engine.workspace import Scale

KINDS = ("all", "problems", "unscored", "scored", "new", "duplicates", "renamed", "out")
"""What the table may be narrowed to, in the order in which one key goes through them."""

# Reasons that want a look, although the photo itself can be read.
_ASKS_FOR_A_LOOK = frozenset(
    {
        "{score} is outside the scale {scale}",
        "the pattern found “{text}”, which is no number",
        "the same photo as {name}, which keeps its score {score}",
        "scores.txt already has the score {score} for {name}",
        "{file} is damaged, or no XMP",
        "{file} can't be read: {cause}",
        "“{text}” in {file} is no number of stars",
    }
)


@dataclass(frozen=True)
class _Before:
    """How one item was before a change."""

    place: int
    item: ImportItem
    is_out: bool


class _Some(Sequence[ImportItem]):
    """Some of the items, as they are at the moment of looking."""

    def __init__(self, items: Sequence[ImportItem], places: Sequence[int]) -> None:
        self._items, self._places = items, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> ImportItem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ImportItem]: ...
    def __getitem__(self, index: int | slice) -> ImportItem | Sequence[ImportItem]:
        if isinstance(index, slice):
            return [self._items[place] for place in self._places[index]]
        return self._items[self._places[index]]

    def __iter__(self) -> Iterator[ImportItem]:
        return (self._items[place] for place in self._places)


class Draft:
    """A plan that is being mended. A score costs the same among ten photos and among ten thousand.

    Photos with the same content become one, so what is typed or left out holds for all of them.

    Args:
        plan: what the engine wants to do.
        before: the draft that this one takes the place of; what was typed and left out there is kept.
    """

    def __init__(self, plan: ImportPlan, before: Draft | None = None) -> None:
        self._plan = plan
        self._items: list[ImportItem] = list(plan.items)
        self._places = {item.source: place for place, item in enumerate(self._items)}
        self._by_name: dict[str, list[int]] = {}
        for place, item in enumerate(self._items):
            if item.state != "bad":
                self._by_name.setdefault(item.name, []).append(place)
        self._out: set[Path] = set()
        self._done: list[list[_Before]] = []
        self._undone: list[list[_Before]] = []
        if before is not None:
            self._carry_over(before)
        self._counts: Counter[str] = Counter()
        for item in self._items:
            self._counts.update(self._kinds(item))
        self.kind = "all"
        self.shown: Sequence[ImportItem] = self._items
        """The items of the chosen kind, as they are now."""

    @property
    def folder(self) -> Path:
        """The folder that is imported."""
        return self._plan.folder

    @property
    def scale(self) -> Scale:
        """The scale of the scores."""
        return self._plan.scale

    @property
    def plan(self) -> ImportPlan:
        """The plan as it was mended, without what is left out."""
        return replace(self._plan, items=tuple(item for item in self._items if item.source not in self._out))

    @property
    def is_touched(self) -> bool:
        """Whether anything was typed or left out."""
        return bool(self._counts["typed"] or self._out)

    def count(self, kind: str) -> int:
        """Return how many items there are of a kind: one of `KINDS`, ``same``, ``bad`` or ``typed``."""
        return len(self._items) if kind == "all" else self._counts[kind]

    def is_out(self, item: ImportItem) -> bool:
        """Say whether an item is left out."""
        return item.source in self._out

    def relative(self, item: ImportItem) -> str:
        """Return an item's path below the folder."""
        path = item.source
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else path.name

    def give(self, source: Path, score: float | None) -> int:
        """Give a photo another score, or take its score away with None; a file that can't be read has none.

        Returns:
            How many items have changed: the photo and its copies.
        """
        places = self._alike(source)
        self._change([(place, replace(self._items[place], score=score, typed=True)) for place in places])
        return len(places)

    def toggle_out(self, source: Path) -> bool | None:
        """Leave a photo out, or take it in again.

        Returns:
            Whether it is out now; None for a file that can't be read and is out anyway.
        """
        places = self._alike(source)
        if not places:
            return None
        out = source not in self._out
        self._change([(place, self._items[place]) for place in places], out=out)
        return out

    def undo(self) -> Path | None:
        """Take the last change back; return its photo, or None when there is nothing to undo."""
        return self._swap(self._done, self._undone)

    def redo(self) -> Path | None:
        """Make the last undone change again; return its photo, or None when there is nothing to redo."""
        return self._swap(self._undone, self._done)

    def next_kind(self) -> str:
        """Narrow to the next kind of which there is any; return its name."""
        turn = KINDS.index(self.kind) + 1
        self.narrow(next(kind for kind in (*KINDS[turn:], "all") if kind == "all" or self._counts[kind]))
        return self.kind

    def narrow(self, kind: str) -> None:
        """Show the items of one kind. They stay in sight until the next call, even where a change alters their kind."""
        self.kind = kind
        if kind == "all":
            self.shown = self._items
        else:
            places = [place for place, item in enumerate(self._items) if kind in self._kinds(item)]
            self.shown = _Some(self._items, places)

    def find(self, text: str, start: int) -> int | None:
        """Return the place of a row among those that are shown.

        Args:
            text: the row's number, counted from 1, or else a part of its path in any case.
            start: the row after which the search begins; it goes on from the top.
        """
        rows = self.shown
        if text.isdecimal() and 1 <= int(text) <= len(rows):
            return int(text) - 1
        order = (*range(start + 1, len(rows)), *range(min(start + 1, len(rows))))
        wanted = text.casefold()
        return next((place for place in order if wanted in self.relative(rows[place]).casefold()), None)

    def _kinds(self, item: ImportItem) -> tuple[str, ...]:
        if item.source in self._out:
            return ("out",)
        if item.state == "bad":
            return ("bad", "problems")
        kinds = [item.state, "unscored" if item.score is None else "scored"]
        if item.state == "same":
            kinds.append("duplicates")
        if item.renamed:
            kinds.append("renamed")
        if item.typed:
            kinds.append("typed")
        elif item.reason.template in _ASKS_FOR_A_LOOK:
            kinds.append("problems")
        return tuple(kinds)

    def _alike(self, source: Path) -> Sequence[int]:
        place = self._places.get(source)
        if place is None or self._items[place].state == "bad":
            return ()
        return self._by_name[self._items[place].name]

    def _change(self, changes: Sequence[tuple[int, ImportItem]], out: bool | None = None) -> None:
        """Put items into their places as one step; `out` says whether they are left out, None: as before."""
        step = [_Before(place, self._items[place], self._items[place].source in self._out) for place, _ in changes]
        for before, (place, item) in zip(step, changes, strict=True):
            self._put(place, item, before.is_out if out is None else out)
        if step:
            self._done.append(step)
            self._undone.clear()

    def _put(self, place: int, item: ImportItem, out: bool) -> None:
        self._counts.subtract(self._kinds(self._items[place]))
        self._items[place] = item
        if out:
            self._out.add(item.source)
        else:
            self._out.discard(item.source)
        self._counts.update(self._kinds(item))

    def _swap(self, taken: list[list[_Before]], given: list[list[_Before]]) -> Path | None:
        if not taken:
            return None
        step = taken.pop()
        given.append([_Before(old.place, self._items[old.place], self.is_out(old.item)) for old in step])
        for old in step:
            self._put(old.place, old.item, old.is_out)
        return step[0].item.source

    def _carry_over(self, before: Draft) -> None:
        for old in before._items:
            place = self._places.get(old.source)
            if place is None or self._items[place].state == "bad":
                continue
            if old.typed and (old.score is None or old.score in self.scale):
                self._items[place] = replace(self._items[place], score=old.score, typed=True)
            if old.source in before._out:
                self._out.add(old.source)
