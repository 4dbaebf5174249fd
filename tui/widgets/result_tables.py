"""The tables that grow while a comparison or a search runs: the leaderboard, and the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from engine.errors import Message, display_name
from tui.i18n import say, t
from tui.job_story import JobStory, duration_text
from tui.training.figures import number
from tui.widgets.score_table import Column, ScoreTable

Values = Mapping[str, Any]

_ROW_STATES = {
    "waiting": ("○", "waiting", "bright_black"),
    "running": ("●", "running", "cyan"),
    "done": ("✔", "done", "green"),
    "complete": ("✔", "done", "green"),
    "pruned": ("■", "pruned", "yellow"),
    "failed": ("✖", "failed", "red"),
}
_NO_SCORE = float("-inf")


def unseen(values: Values, metric: str) -> float | None:
    """Return a line's figure on photos that its model never saw: of the test part, else of the folds."""
    metrics = values.get("metrics") or {}
    for part in ("test", "cv"):
        found = (metrics.get(part) or {}).get(metric)
        if isinstance(found, int | float):
            return float(found)
    return None


def ranked(rows: Mapping[str, Values]) -> list[tuple[str, Values]]:
    """Return the lines of a leaderboard, best first; those without a figure last, in the order in which they came."""

    def rank(row: tuple[str, Values]) -> float:
        srcc = unseen(row[1], "srcc")
        return -(srcc if srcc is not None else _NO_SCORE)

    return sorted(rows.items(), key=rank)


def leaderboard_rows(story: JobStory) -> dict[str, Values]:
    """Return the lines of a comparison; when it has finished, with what it came to."""
    rows: dict[str, Values] = dict(story.rows.get("leaderboard", {}))
    for line in (story.result or {}).get("rows", ()):
        key = f"{line.get('model')}/{line.get('backbone')}"
        rows[key] = {**rows.get(key, {"state": "done"}), **line}
    return rows


class Leaderboard(ScoreTable):
    """The models of a comparison, best first."""

    PLAIN_CURSOR = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(lambda row: row[0], self._row, _board_columns(False), id=id)
        self._places: dict[str, int] = {}
        self._many_backbones = False

    def show(self, rows: Mapping[str, Values]) -> None:
        """Show the lines as they are now."""
        lines = ranked(rows)
        self._places = {key: place for place, (key, _) in enumerate(lines, 1)}
        self._many_backbones = len({values.get("backbone") for values in rows.values()}) > 1
        self.set_columns(_board_columns(self._many_backbones), self._row)
        self.set_rows(lines)

    def _row(self, row: tuple[str, Values]) -> Sequence[str | Text]:
        key, values = row
        model, backbone = str(values.get("model", "")), str(values.get("backbone", ""))
        srcc = unseen(values, "srcc")
        return [
            str(self._places.get(key, "")) if srcc is not None else "",
            display_name(f"{model} · {backbone}" if self._many_backbones else model),
            Text.assemble((number(srcc), "bold")) if srcc is not None else "–",
            number(unseen(values, "mae")),
            _time(values),
            verdict_text(values),
        ]


def _board_columns(many_backbones: bool) -> tuple[Column, ...]:
    return (
        Column("#", 2, "right"),
        Column(t("train.board.model"), 0 if many_backbones else 22),
        Column("SRCC", 5, "right"),
        Column("MAE", 5, "right"),
        Column(t("train.board.time"), 8, "right"),
        Column(t("train.board.verdict")),
    )


def verdict_text(values: Values) -> Text:
    """Return what a line of a leaderboard comes to, or where it stands."""
    if values.get("error"):
        return Text.assemble((_said(values["error"]), "red"))
    if values.get("verdict"):
        return Text(_said(values["verdict"]))
    mark, key, colour = _ROW_STATES.get(str(values.get("state")), ("✔", "done", "green"))
    return Text.assemble((f"{mark} " + t(f"train.row.{key}"), colour))


class TrialTable(ScoreTable):
    """The trials of a search, newest first."""

    PLAIN_CURSOR = True

    def __init__(self, *, id: str | None = None) -> None:
        columns = (
            Column("#", 5, "right"),
            Column(t("jobs.state"), 12),
            Column("SRCC", 7, "right"),
            Column(t("train.board.best"), 7, "right"),
            Column(t("train.board.time"), 8, "right", from_width=84),
            Column(t("train.board.settings")),
        )
        super().__init__(lambda row: row[0], self._row, columns, id=id)
        self._best = ""

    def show(self, rows: Mapping[str, Values]) -> None:
        """Show the trials as they are now."""
        done = [(key, values) for key, values in rows.items() if isinstance(values.get("value"), int | float)]
        complete = [row for row in done if row[1].get("state") == "complete"]
        self._best = max(complete, key=lambda row: float(row[1]["value"]))[0] if complete else ""
        self.set_rows(sorted(rows.items(), key=lambda row: -int(row[1].get("trial", 0))))

    def _row(self, row: tuple[str, Values]) -> Sequence[str | Text]:
        key, values = row
        mark, word, colour = _ROW_STATES.get(str(values.get("state")), ("●", "running", "cyan"))
        value = values.get("value")
        shown = f"{value:.3f}" if isinstance(value, int | float) else "–"
        best = values.get("best")
        return [
            str(values.get("trial", "")),
            Text.assemble((f"{mark} " + t(f"train.row.{word}"), colour)),
            Text.assemble((shown, "bold")) if key == self._best else shown,
            f"{best:.3f}" if isinstance(best, int | float) else "–",
            _time(values),
            display_name(_settings_text(values)),
        ]


def row_text(row: tuple[str, Values] | None) -> str:
    """Return all that a line of a leaderboard or of trials says, where the table had to cut it; empty for none."""
    if row is None:
        return ""
    values = row[1]
    if "params" in values:
        return display_name(_settings_text(values))
    parts = [str(values.get("model", "")), str(values.get("backbone", "")), verdict_text(values).plain]
    return " · ".join([display_name(part) for part in parts] + [display_name(str(values.get("model_id") or ""))]).strip(
        " ·"
    )


def _settings_text(values: Values) -> str:
    return ", ".join(f"{name} {_setting(value)}" for name, value in (values.get("params") or {}).items())


def trial_points(rows: Mapping[str, Values]) -> list[dict[str, Any]]:
    """Return the trials that gave a value as points of a curve, each with the best value up to it."""
    points, best = [], float("-inf")
    for values in sorted(rows.values(), key=lambda values: int(values.get("trial", 0))):
        value = values.get("value")
        if values.get("state") != "complete" or not isinstance(value, int | float):
            continue
        best = max(best, float(value))
        trial = float(values.get("trial", 0))
        points.append({"axis": "trials", "x": trial, "metric": "srcc", "train": float(value), "validation": best})
    return points


def _time(values: Values) -> str:
    seconds = values.get("seconds")
    return duration_text(float(seconds)) if isinstance(seconds, int | float) else ""


def _setting(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _said(message: Any) -> str:
    return say(Message.from_dict(message)) if isinstance(message, Mapping) and "template" in message else str(message)
