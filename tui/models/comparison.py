"""Two models beside each other, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from engine.errors import display_name
from tui.i18n import say, t
from tui.models.detail import number
from tui.widgets.model_select import model_title

if TYPE_CHECKING:
    from engine.prediction.difference import Difference

_METRICS = (("srcc", "SRCC"), ("plcc", "PLCC"), ("kendall", "τ"), ("mae", "MAE"), ("rmse", "RMSE"), ("r2", "R²"))


def compare_table(difference: Difference) -> Table:
    """Return the verdict, both models' metrics with their difference, and the photos they disagree on."""
    whole = Table.grid()
    whole.add_row(Text(say(difference.verdict), "bold"))
    whole.add_row("")
    for letter, info in (("A", difference.left), ("B", difference.right)):
        whole.add_row(Text.assemble((f"{letter}  ", "bold"), model_title(info), (f"  {info.model_id}", "dim")))
    whole.add_row("")
    whole.add_row(_metrics(difference))
    whole.add_row("")
    whole.add_row(Text(t("models.compare_photos", n=difference.n), "dim"))
    if difference.photos:
        whole.add_row("")
        photos = Table.grid(padding=(0, 1))
        photos.add_column(overflow="fold")
        for _ in range(3):
            photos.add_column(justify="right", no_wrap=True)
        heads = (t("models.compare_given"), "A", "B")
        photos.add_row(Text(t("models.compare_disagree"), "dim"), *(Text(head, "dim") for head in heads))
        for photo in difference.photos:
            values = (f"{photo.given:g}", f"{photo.left:.1f}", f"{photo.right:.1f}")
            photos.add_row(Text(display_name(photo.name)), *values)
        whole.add_row(photos)
    return whole


def _metrics(difference: Difference) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    left, right = difference.left_metrics.to_dict(), difference.right_metrics.to_dict()
    table.add_row("", Text("A", "dim"), Text("B", "dim"), Text(t("models.compare_difference"), "dim"))
    for key, label in _METRICS:
        gap = difference.gaps.get(key)
        shown = "" if gap is None else f"{gap.difference:+.2f} ({gap.low:+.2f} … {gap.high:+.2f})"
        style = "bold" if gap is not None and gap.is_clear else ""
        table.add_row(label, number(left.get(key)), number(right.get(key)), Text(shown, style))
    return table
