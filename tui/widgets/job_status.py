"""A job's state, progress, notices, errors and metrics as text that fits a small pane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from engine.errors import display_name
from tui.i18n import say, t
from tui.job_story import ENDED, JobStory, duration_text, state_text

STATE_MARKS = {"finished": "✔", "failed": "✖", "crashed": "✖", "cancelled": "■", "queued": "○"}
STATE_COLOURS = {"finished": "green", "failed": "red", "crashed": "red", "cancelled": "yellow"}
_METRICS = (("srcc", "SRCC"), ("plcc", "PLCC"), ("mae", "MAE"), ("rmse", "RMSE"), ("r2", "R²"), ("n", "n"))
_PARTS = {"test": "story.part_test", "cv": "story.part_cv", "baseline": "story.part_baseline"}
_BAR = 60


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the metrics of each part as a table of few cells, the plain baseline in the last row."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    for _ in _METRICS:
        table.add_column(justify="right")
    table.add_row("", *(Text(label, "dim") for _, label in _METRICS))
    if metrics.get("cv") == metrics.get("test"):  # with few scores the one stands for the other
        metrics = {part: figures for part, figures in metrics.items() if part != "test"}
    for part in sorted(metrics, key=lambda name: (name == "baseline", name != "test", name)):
        style = "dim" if part == "baseline" else "bold"
        label = t(_PARTS[part]) if part in _PARTS else part
        table.add_row(Text(label, style), *(Text(_number(metrics[part].get(key)), style) for key, _ in _METRICS))
    return table


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


class JobStatus(Vertical):
    """Shows one `JobStory`; knows nothing of how it came here."""

    DEFAULT_CSS = """
    JobStatus { height: auto; }
    JobStatus > Static { height: auto; width: 1fr; }
    JobStatus > #status-notes { color: $text-muted; max-height: 6; }
    JobStatus > #status-error { color: $text-error; }
    JobStatus > .-none { display: none; }
    """

    def compose(self) -> ComposeResult:
        yield Static("", id="status-line", markup=False)
        yield Static("", id="status-progress", markup=False)
        yield Static("", id="status-error", markup=False)
        yield Static("", id="status-metrics", markup=False)
        yield Static("", id="status-notes", markup=False)

    def show(self, job_id: str, title: str, state: str, story: JobStory) -> None:
        """Show a job's present story.

        Args:
            job_id: for the hint at its log where it crashed.
            title: what was asked for, in a few words.
            state: the job's state, one of `tui.job_story.STATES`.
            story: what its events told so far.
        """
        mark, colour = STATE_MARKS.get(state, "●"), STATE_COLOURS.get(state, "cyan")
        line = Text.assemble((f"{mark} {state_text(state)}", colour), "  ", (display_name(title), "bold"))
        self._put("#status-line", line)
        self._put("#status-progress", None if state in ENDED else _bar(story, min(_BAR, self.content_size.width)))
        self._put("#status-error", self._error_text(job_id, state, story))
        self._put("#status-metrics", metrics_table(story.metrics) if story.metrics else None)
        notes = _notes(story)
        self._put("#status-notes", Text("\n".join(notes)) if notes else None)

    def clear(self) -> None:
        """Show nothing."""
        for static in self.query(Static):
            static.update("")
            static.add_class("-none")

    def _error_text(self, job_id: str, state: str, story: JobStory) -> Text | None:
        if story.error is not None:
            return Text(f"{say(story.error.message)} {say(story.error.remedy)}".strip())
        if state == "crashed":
            return Text(t("story.crashed_hint", command=f"beholder jobs logs {job_id}"))
        if state == "silent":
            return Text(t("story.silent_hint"))
        return None

    def _put(self, selector: str, content: Text | Table | None) -> None:
        static = self.query_one(selector, Static)
        static.set_class(content is None, "-none")
        if content is not None:
            static.update(content)


def _notes(story: JobStory) -> list[str]:
    """Return the last few things that a person should know, the outcome first."""
    notes = []
    if story.result and "seconds" in story.result:
        notes.append(t("train.done", time=duration_text(float(story.result["seconds"]))))
    if story.failures:
        notes.append(t("story.failures", n=len(story.failures), reason=say(story.failures[-1][1])))
    return notes + [say(note) for note in story.notices[-1:]]


def _bar(story: JobStory, width: int) -> Text:
    fraction = story.fraction()
    text = Text(story.progress_text())
    if fraction is not None:
        full = round(width * fraction)
        text.append("\n").append("━" * full, "cyan").append("━" * (width - full), "bright_black")
    return text
