"""How well a trained model does, as a small table: each part with its interval, beside what needs no learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from tui.i18n import t
from tui.job_story import JobStory

_PARTS = {
    "test": "story.part_test",
    "cv": "story.part_cv",
    "train": "story.part_train",
    "validation": "story.part_validation",
}
_WITH_INTERVAL = ("srcc", "mae")
_PLAIN = (("plcc", "PLCC"), ("kendall", "τ"), ("rmse", "RMSE"), ("r2", "R²"))
_ROOMY = 72  # cells: with fewer, some columns are left out

Figures = Mapping[str, Any]


def metrics_table(story: JobStory, width: int = _ROOMY) -> Table | None:
    """Return the figures of a training; None while there are none.

    Args:
        story: its events so far; when it has finished, its result has intervals, baselines and the leaked figure.
        width: cells that there are.
    """
    lines = _lines(story)
    if not lines:
        return None
    plain = _PLAIN if width >= _ROOMY else (("plcc", "PLCC"), ("r2", "R²"))
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    for _ in range(2 * len(_WITH_INTERVAL) + len(plain) + 1):
        table.add_column(justify="right", no_wrap=True)
    headings = ["", "SRCC", t("story.interval"), "MAE", t("story.interval"), *(title for _, title in plain), "n"]
    table.add_row(*(Text(heading, "dim") for heading in headings))
    for label, figures, intervals, style in lines:
        cells = [Text(label, style)]
        for metric in _WITH_INTERVAL:
            cells += [Text(number(figures.get(metric)), style), Text(_interval(intervals.get(metric)), "dim")]
        cells += [Text(number(figures.get(metric)), style) for metric, _ in plain]
        table.add_row(*cells, Text(number(figures.get("n")), "dim"))
    return table


def number(value: Any) -> str:
    """Return a figure with as many digits as tell something.

    >>> number(0.5312), number(12.34), number(30), number(None)
    ('0.53', '12.3', '30', '–')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _interval(ends: Any) -> str:
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return ""
    return f"{number(ends[0])}–{number(ends[1])}"


def _mapping(value: Any) -> Figures:
    return value if isinstance(value, Mapping) else {}


def _lines(story: JobStory) -> list[tuple[str, Figures, Figures, str]]:
    """Return label, figures, intervals and style of each line, what counts most first."""
    result = _mapping(story.result)
    measured = {part: _mapping(figures) for part, figures in story.metrics.items()}
    measured.update({part: _mapping(figures) for part, figures in _mapping(result.get("metrics")).items()})
    baselines = {name: _mapping(figures) for name, figures in _mapping(result.get("baselines")).items()}
    plain = measured.pop("baseline", None) or _mapping(result.get("baseline"))
    if measured.get("cv") == measured.get("test"):  # with few scores the one stands for the other
        measured.pop("test", None)
    intervals = _mapping(result.get("intervals"))
    lines = [
        (t(_PARTS[part]) if part in _PARTS else part, measured[part], _mapping(intervals.get(part)), "bold")
        for part in sorted(measured, key=lambda name: (name != "test", name))
    ]
    if not baselines and plain:
        baselines = {"mean": plain}
    lines += [
        (t(f"story.baseline_{name}"), baselines[name], {}, "dim") for name in ("mean", "nearest") if name in baselines
    ]
    leaked = _mapping(_mapping(result.get("leaked")).get("test"))
    return [*lines, (t("story.leaked"), leaked, {}, "dim")] if leaked else lines
