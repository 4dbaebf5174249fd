"""A job's state, progress, warnings, errors and figures as text that fits a small pane."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from engine.errors import display_name
from tui.i18n import say, t
from tui.job_story import ENDED, JobStory, duration_text, state_text
from tui.training.figures import metrics_table, number

STATE_MARKS = {"finished": "✔", "failed": "✖", "crashed": "✖", "cancelled": "■", "queued": "○"}
STATE_COLOURS = {"finished": "green", "failed": "red", "crashed": "red", "cancelled": "yellow"}
_BAR = 60


class JobStatus(Vertical):
    """Shows one `JobStory`; knows nothing of how it came here."""

    DEFAULT_CSS = """
    JobStatus { height: auto; }
    JobStatus > Static { height: auto; width: 1fr; }
    JobStatus > #status-notes { color: $text-muted; max-height: 4; }
    JobStatus > #status-warnings { color: $text-warning; max-height: 4; }
    JobStatus > #status-error { color: $text-error; }
    JobStatus > #status-wait { color: $text-muted; }
    JobStatus > .-none { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._width = 0
        self._shown: tuple[str, str, str, JobStory] | None = None

    def on_resize(self) -> None:
        """Show the same again where there is more or less room."""
        if self._shown is not None and self.content_size.width != self._width:
            self.show(*self._shown)

    def compose(self) -> ComposeResult:
        """Yield a line for each thing that may be told."""
        for part in ("line", "wait", "progress", "epoch", "error", "metrics", "notes", "warnings"):
            yield Static("", id=f"status-{part}", classes="-none", markup=False)

    def show(self, job_id: str, title: str, state: str, story: JobStory) -> None:
        """Show a job's present story.

        Args:
            job_id: for the hint at its log where it crashed.
            title: what was asked for, in a few words, safe to show.
            state: the job's state, one of `tui.job_story.STATES`.
            story: what its events told so far.
        """
        self._shown = job_id, title, state, story
        width = self._width = self.content_size.width
        mark, colour = STATE_MARKS.get(state, "●"), STATE_COLOURS.get(state, "cyan")
        line = Text.assemble((f"{mark} {state_text(state)}", colour), "  ", (display_name(title), "bold"))
        self._put("line", line)
        wait = _wait_text(state, story)
        self._put("wait", Text(wait) if wait else None)
        self._put("progress", None if state in ENDED or wait else _bar(story, min(_BAR, width)))
        epoch = epoch_text(story, is_running=state not in ENDED)
        self._put("epoch", epoch if epoch.plain else None)
        self._put("error", self._error_text(job_id, state, story))
        self._put("metrics", metrics_table(story, width))
        notes = _notes(story)
        self._put("notes", Text("\n".join(notes)) if notes else None)
        warnings = _warnings(story)
        self._put("warnings", Text("\n".join(warnings)) if warnings else None)

    def clear(self) -> None:
        """Show nothing."""
        self._shown = None
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

    def _put(self, part: str, content: Text | Table | None) -> None:
        static = self.query_one(f"#status-{part}", Static)
        static.set_class(content is None, "-none")
        if content is not None:
            static.update(content)


def epoch_text(story: JobStory, *, is_running: bool) -> Text:
    """Return where the epochs are: which, learning rate, losses, figures, the best so far; empty without epochs.

    Args:
        story: what the events told so far.
        is_running: leave out what is only of interest now.
    """
    epoch = story.epoch
    if epoch is None:
        return Text()
    stage = {"head": t("story.stage_head"), "all": t("story.stage_all")}.get(str(epoch.get("stage")), "")
    line = Text.assemble((t("story.epoch", n=epoch["epoch"], total=epoch["epochs"]), "bold"))
    if is_running and stage:
        line.append(f" {stage}", "dim")
    losses = " | ".join(_short(value) for value in (epoch.get("train_loss"), epoch.get("validation_loss")))
    parts = [t("story.losses", losses=losses)]
    figures = epoch.get("metrics") or {}
    parts += [f"{name.upper()} {number(figures[name])}" for name in ("srcc", "mae") if figures.get(name) is not None]
    if is_running:
        rate = (story.step or epoch).get("lr")
        parts.append(t("story.learning_rate", rate=_short(rate)))
    if epoch.get("best_epoch") is not None:
        parts.append(t("story.best_epoch", n=epoch["best_epoch"]))
    if is_running and epoch.get("eta") is not None and (story.progress is None or story.progress.get("eta") is None):
        parts.append(t("story.eta", time=duration_text(float(epoch["eta"]))))
    if is_running and story.step is not None:
        parts.append(t("story.step", n=story.step["step"], total=story.step["steps"]))
    for part in parts:
        line.append(f" · {part}", "")
    return line


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else "–"


def _wait_text(state: str, story: JobStory) -> str:
    if state != "queued" or not story.is_waiting:
        return ""
    return t("story.waits_behind", job=display_name(story.behind)) if story.behind else t("story.waits")


def _notes(story: JobStory) -> list[str]:
    """Return what came out, and how many photos could not be read."""
    notes = []
    if story.result and "seconds" in story.result:
        took = duration_text(float(story.result["seconds"]))
        notes.append(t("train.done" if story.result.get("model_id") else "train.done_nothing", time=took))
    if story.failures:
        notes.append(t("story.failures", n=len(story.failures), reason=say(story.failures[-1][1])))
    return notes


def _warnings(story: JobStory) -> list[str]:
    """Return the newest notice, and how many more there are."""
    if not story.notices:
        return []
    more = t("story.more_notices", n=len(story.notices) - 1) if len(story.notices) > 1 else ""
    return [f"! {say(story.notices[-1])} {more}".rstrip()]


def _bar(story: JobStory, width: int) -> Text:
    fraction = story.fraction()
    text = Text(story.progress_text())
    if fraction is not None:
        full = round(width * fraction)
        text.append("\n").append("━" * full, "cyan").append("━" * (width - full), "bright_black")
    return text
