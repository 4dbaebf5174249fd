"""What is known of one predicted photo, as text that a person reads."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from engine.errors import display_name
from engine.prediction.explanation import Measurements, Standing
from engine.workspace import format_score
from tui.i18n import t
from tui.prediction.rows import PredictedRow

_LEVEL = 0.3
"""Degrees: a horizon that is tilted less is called level."""


def range_text(row: PredictedRow) -> str:
    """Return the interval, such as ``41 – 58``; an empty text where there is none."""
    if row.low is None or row.high is None:
        return ""
    return f"{row.low:.0f} – {row.high:.0f}" if row.high - row.low >= 4 else f"{row.low:.1f} – {row.high:.1f}"


def score_text(row: PredictedRow, reason: str = "", model: str = "") -> Text:
    """Return the score, its interval and the model; or the reason why there is no score.

    Args:
        row: the photo's prediction.
        reason: why it has no score, in the present language.
        model: what the person calls the model.
    """
    if row.score is None:
        return Text(reason, "red")
    text = Text(f"{row.score:.1f}", "bold")
    if span := range_text(row):
        text.append("  " + t("predict.range", range=span), "not bold dim")
    return text.append(f"  {display_name(model)}", "not bold dim")


def standing_text(standing: Standing) -> str:
    """Return where the score stands among the person's own, as a sentence."""
    percent, n = standing.percentile, standing.n
    if percent >= 99.5:
        return t("predict_room.standing_top", n=n)
    if percent <= 0.5:
        return t("predict_room.standing_bottom", n=n)
    return t("predict_room.standing", percent=f"{percent:.0f}", n=n)


def neighbour_text(name: str, score: float, similarity: float) -> Text:
    """Return a resembling photo's score, how much it resembles, and its name."""
    text = Text(format_score(round(score, 2)), "bold", no_wrap=True, overflow="ellipsis")
    text.append(f"  {similarity:.2f}\n", "not bold dim")
    return text.append(display_name(name), "not bold")


def measurements_table(measured: Measurements) -> Table:
    """Return what was measured: name, value, and what the value means."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name in ("sharpness", "exposure", "contrast", "colourfulness"):
        value = getattr(measured, name)
        table.add_row(
            t(f"predict_room.measure.{name}"),
            Text(f"{value:.0f}", "bold", justify="right"),
            Text(t(f"predict_room.measure.{name}_range"), "dim"),
        )
    table.add_row(t("predict_room.measure.tilt"), *_tilt(measured.tilt))
    clipped = t("predict_room.measure.clipped", black=_percent(measured.clipped_dark))
    white = t("predict_room.measure.clipped_white", white=_percent(measured.clipped_bright))
    table.add_row(t("predict_room.measure.lost"), "", Text(f"{clipped}, {white}", "dim"))
    return table


def _tilt(tilt: float | None) -> tuple[Text, Text]:
    if tilt is None:
        return Text("–", justify="right"), Text(t("predict_room.measure.tilt_unknown"), "dim")
    if abs(tilt) < _LEVEL:
        return Text("0°", "bold", justify="right"), Text(t("predict_room.measure.tilt_level"), "dim")
    side = t("predict_room.measure.tilt_right") if tilt > 0 else t("predict_room.measure.tilt_left")
    return Text(f"{abs(tilt):.1f}°", "bold", justify="right"), Text(side, "dim")


def _percent(value: float) -> str:
    return f"{value:.1f} %" if value < 10 else f"{value:.0f} %"
