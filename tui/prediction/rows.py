"""Predicted photos, best first: however many, taken in piece by piece, filtered, and never sorted anew as a whole."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from engine.events import StopCheck, never_stop
from tui.prediction.row_filter import row_filter

_PIECE = 4096
"""So many rows are looked at before somebody is asked whether they are still wanted."""


@dataclass(frozen=True, slots=True)
class PredictedRow:
    """One photo of a prediction.

    Args:
        place: path of the photo; a text, because a hundred thousand `Path` objects take twice the memory.
        score: predicted; None where `error` says why.
        low: lower end of the interval. high: its upper end.
        model_id: the model that predicted.
        error: why there is no score.
        far: it is unlike everything that the model has learned from.
        again: it was tried again, and takes the place of an earlier row.
    """

    place: str
    score: float | None
    low: float | None
    high: float | None
    model_id: str
    error: str | None
    far: bool = False
    again: bool = False

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> PredictedRow:
        """Return the row that a prediction job wrote."""
        return cls(
            str(row["path"]),
            row.get("score"),
            row.get("low"),
            row.get("high"),
            sys.intern(str(row.get("model_id") or "")),
            row.get("error"),
            bool(row.get("far")),
            bool(row.get("again")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's columns."""
        return {
            "path": self.place,
            "score": self.score,
            "low": self.low,
            "high": self.high,
            "model_id": self.model_id,
            "error": self.error,
        }

    @property
    def path(self) -> Path:
        """The photo."""
        return Path(self.place)

    @property
    def name(self) -> str:
        """Name of the file."""
        return PurePath(self.place).name

    @property
    def rank(self) -> tuple[bool, float, str]:
        """What the rows are sorted by: the best first, those without a score last."""
        return (self.score is None, -(self.score or 0.0), self.place)


Rows = Sequence[PredictedRow]


@dataclass(frozen=True)
class Batch:
    """The rows of one batch so far, and which of them are shown; never changed, only followed by another one.

    Args:
        rows: all, by rank.
        shown: those that pass the filter, by rank; `rows` itself where there is no filter.
        filter_text: see `tui.prediction.row_filter`.
        offset: how many bytes of the job's file are in it.
        failed: how many rows have no score. far: how many are unlike what the model knows.
    """

    rows: Rows = ()
    shown: Rows = ()
    filter_text: str = ""
    offset: int = 0
    failed: int = 0
    far: int = 0

    def with_rows(self, rows: Iterable[PredictedRow], offset: int = 0) -> Batch:
        """Return the batch with further rows; takes a moment, so call it in a thread."""
        arrived = {row.place: row for row in rows}  # of two rows of one photo the later one counts
        new = sorted(arrived.values(), key=_rank)
        old = self._without({row.place for row in new if row.again})
        keep = row_filter(self.filter_text)
        everything = merged(old.rows, new)
        shown = everything if keep is None else merged(old.shown, [row for row in new if keep(row)])
        return replace(
            self,
            rows=everything,
            shown=shown,
            offset=offset,
            failed=old.failed + sum(row.score is None for row in new),
            far=old.far + sum(row.far for row in new),
        )

    def _without(self, places: set[str]) -> Batch:
        """Return the batch without some photos."""
        if not places:
            return self
        gone = [row for row in self.rows if row.place in places]
        return replace(
            self,
            rows=[row for row in self.rows if row.place not in places],
            shown=[row for row in self.shown if row.place not in places],
            failed=self.failed - sum(row.score is None for row in gone),
            far=self.far - sum(row.far for row in gone),
        )

    def with_filter(self, text: str, should_stop: StopCheck = never_stop) -> Batch | None:
        """Return the batch as another filter shows it, or None once nobody wants it; call it in a thread."""
        keep = row_filter(text)
        if keep is None:
            return replace(self, shown=self.rows, filter_text=text)
        shown: list[PredictedRow] = []
        for start in range(0, len(self.rows), _PIECE):
            if should_stop():
                return None
            shown += [row for row in self.rows[start : start + _PIECE] if keep(row)]
        return replace(self, shown=shown, filter_text=text)

    def place_of(self, row: PredictedRow) -> int:
        """Return where a row stands among those that are shown, or would stand."""
        return min(bisect_left(self.shown, row.rank, key=_rank), max(len(self.shown) - 1, 0))


def merged(old: Rows, new: Rows) -> list[PredictedRow]:
    """Return two sorted lists as one; where the second is short, this is little more than copying the first."""
    found: list[PredictedRow] = []
    start = 0
    for row in new:
        place = bisect_left(old, row.rank, start, key=_rank)
        found += old[start:place]
        found.append(row)
        start = place
    found += old[start:]
    return found


def _rank(row: PredictedRow) -> tuple[bool, float, str]:
    return row.rank
