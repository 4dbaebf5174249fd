"""Predicted photos, best first, however many, as a table that grows while they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from engine.errors import Message, display_name
from tui.i18n import say, t
from tui.widgets.score_table import Column, ScoreTable


@dataclass(frozen=True)
class PredictedRow:
    """One photo of a prediction.

    Args:
        path: the photo.
        score: predicted; None where `error` says why.
        low: lower end of the interval. high: its upper end.
        model_id: the model that predicted.
        error: why there is no score.
    """

    path: Path
    score: float | None
    low: float | None
    high: float | None
    model_id: str
    error: str | None

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> PredictedRow:
        """Return the row that a prediction job wrote."""
        return cls(
            Path(str(row["path"])),
            row.get("score"),
            row.get("low"),
            row.get("high"),
            str(row.get("model_id") or ""),
            row.get("error"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's columns."""
        return {**vars(self), "path": str(self.path)}

    @property
    def rank(self) -> tuple[bool, float, str]:
        """What the table sorts by: the best first, those without a score last."""
        return (self.score is None, -(self.score or 0.0), str(self.path))


def range_text(row: PredictedRow) -> str:
    """Return the interval, such as ``41 – 58``; an empty text where there is none."""
    if row.low is None or row.high is None:
        return ""
    return f"{row.low:.0f} – {row.high:.0f}" if row.high - row.low >= 4 else f"{row.low:.1f} – {row.high:.1f}"


class PredictionTable(ScoreTable):
    """The rows of one prediction, the best first, those without a score last."""

    def __init__(self, *, id: str | None = None) -> None:
        columns = (
            Column(t("predict.column_score"), 6, "right"),
            Column(t("predict.column_range"), 11, from_width=56),
            Column(t("predict.column_photo")),
        )
        super().__init__(lambda row: str(row.path), self._cells_of, columns, id=id)
        self.reasons: dict[str, Message] = {}

    def clear(self) -> None:
        """Forget all rows."""
        self.reasons = {}
        self.set_rows([])

    def add_rows(self, rows: Iterable[PredictedRow]) -> None:
        """Sort further rows in; a cursor at the top stays at the top, any other one stays on its photo."""
        merged = sorted([*self.rows, *rows], key=lambda row: row.rank)
        self.set_rows(merged, select=None if self.cursor or not merged else str(merged[0].path))

    def reason(self, row: PredictedRow) -> str:
        """Return why a photo has no score, in the present language where that is known."""
        known = self.reasons.get(str(row.path))
        return say(known) if known is not None else display_name(row.error or "")

    def _cells_of(self, row: PredictedRow) -> tuple[Text, Text, Text]:
        name = display_name(row.path.name)
        if row.score is None:
            return Text("–"), Text(""), Text.assemble(name, (f"  {self.reason(row)}", "dim"))
        return Text(f"{row.score:.1f}"), Text(range_text(row), "dim"), Text(name)
