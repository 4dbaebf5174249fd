"""Predicted photos, best first, however many, as a table that grows while they come."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from engine.errors import display_name
from tui.i18n import t
from tui.prediction.rows import PredictedRow
from tui.prediction.words import range_text
from tui.widgets.score_table import Column, ScoreTable


class PredictionTable(ScoreTable):
    """The rows of one prediction, in the order in which they are given.

    Args:
        reason: says why a row has no score, in the present language.
    """

    def __init__(self, reason: Callable[[PredictedRow], str], *, id: str | None = None) -> None:
        columns = (
            Column(t("predict.column_score"), 6, "right"),
            Column(t("predict.column_range"), 11, from_width=56),
            Column(t("predict.column_photo")),
        )
        super().__init__(lambda row: row.place, self._cells_of, columns, id=id)
        self._reason = reason

    def _cells_of(self, row: PredictedRow) -> tuple[Text, Text, Text]:
        name = display_name(row.name)
        if row.score is None:
            return Text("–"), Text(""), Text.assemble(name, (f"  {self._reason(row)}", "dim"))
        mark = f"  {t('predict_room.far_mark')}" if row.far else ""
        return Text(f"{row.score:.1f}"), Text(range_text(row), "dim"), Text.assemble(name, (mark, "dim"))
