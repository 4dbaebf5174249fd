"""The header line: the rooms with their keys, the workspace, and what is running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from engine.errors import display_name
from tui.i18n import t
from tui.keymap import AREAS
from tui.messages import CompanionChanged, JobProgress
from tui.paths import shown_path

if TYPE_CHECKING:
    from tui.app import BeholderApp

_ROOMY = 100  # cells; in a narrower terminal the rooms leave little room
_ENDINGS = {"finished", "failed", "cancelled", "crashed"}


class RoomTab(Static):
    """One room's name and key; a click goes there."""

    def __init__(self, area: str, here: bool) -> None:
        text = Text.assemble((f"{AREAS[area].upper()} ", "dim"), t(f"app.area.{area}"))
        super().__init__(text, classes="tab -here" if here else "tab")
        self.area = area

    async def on_click(self, event: events.Click) -> None:
        """Go to the room."""
        event.stop()
        cast("BeholderApp", self.app).go(self.area)


class JobBar(Static):
    """The newest running job and how far it is; else what there is to say of the process that predicts."""

    def on_mount(self) -> None:
        """Show the jobs as they are, and follow them."""
        app = cast("BeholderApp", self.app)
        app.job_progress.subscribe(self, self.job_progressed)
        app.companion_state.subscribe(self, self.companion_changed)
        self.redraw(app.job_events)

    def job_progressed(self, progress: JobProgress) -> None:
        """Redraw after news of any job."""
        self.redraw(cast("BeholderApp", self.app).job_events)

    def companion_changed(self, news: CompanionChanged) -> None:
        """Redraw after the process that holds a model warm began, failed or is ready."""
        self.redraw(cast("BeholderApp", self.app).job_events)

    def redraw(self, jobs: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Show the running jobs.

        Args:
            jobs: job id → its events so far.
        """
        # the last event counts: a job that was stopped may have been resumed
        running = [seen for seen in jobs.values() if not seen or seen[-1]["type"] not in _ENDINGS]
        is_short = self.app.size.width < _ROOMY
        idle = companion_line(cast("BeholderApp", self.app).companion_news.state, short=is_short)
        self.update(Text(job_line(running[-1], len(running), short=is_short) if running else idle))


def companion_line(state: str, *, short: bool = False) -> str:
    """Return what there is to say of the process that holds a model warm: nothing while all is well."""
    if state == "starting":
        return t("companion.starting_short") if short else t("companion.starting")
    if state == "failed":
        return t("companion.failed_short") if short else t("companion.failed")
    return ""


def job_line(seen: Sequence[Mapping[str, Any]], running: int, *, short: bool = False) -> str:
    """Return what a running job is doing, and how far it is.

    Args:
        seen: its events so far.
        running: how many jobs run; more than one is told as ``+1``.
        short: say no more than how far it is, or what it does where nobody knows how far.
    """
    phase, part, left = "", "", ""
    for event in seen:
        if event["type"] == "started":
            phase, part, left = "", "", ""
        elif event["type"] in {"phase", "progress"}:
            phase = str(event.get("phase", ""))
            total, eta = event.get("total"), event.get("eta")
            part = f"{100 * int(event['done']) // int(total)} %" if total else ""
            left = t("app.import.left", seconds=round(eta)) if eta and eta >= 1 else ""
        elif event["type"] == "epoch" and event.get("epochs"):
            part, left = f"{100 * int(event['epoch']) // int(event['epochs'])} %", ""
    name = t("app.phase.waiting") if seen and seen[-1]["type"] == "waiting" else phase_name(phase)
    more = f" +{running - 1}" if running > 1 else ""
    if short:
        return f"● {part or name}{more}"
    return f"● {name}" + (f" {part}" if part else "") + (f" · {left}" if left else "") + more


def phase_name(phase: str) -> str:
    """Return a phase of the engine in the present language."""
    known = {
        "reading": t("app.phase.reading"),
        "features": t("app.phase.features"),
        "splitting": t("app.phase.splitting"),
        "fitting": t("app.phase.fitting"),
        "evaluating": t("app.phase.evaluating"),
        "saving": t("app.phase.saving"),
        "scanning": t("app.phase.scanning"),
        "copying": t("app.phase.copying"),
        "waiting": t("app.phase.waiting"),
        "comparing": t("app.phase.comparing"),
        "searching": t("app.phase.searching"),
        "pruning": t("cache.phase"),
    }
    return known.get(phase, display_name(phase) or t("app.phase.running"))


class HeaderLine(Horizontal):
    """The line at the top of every screen."""

    def __init__(self, area: str) -> None:
        super().__init__()
        self.area = area

    def compose(self) -> ComposeResult:
        """Yield the mark, the rooms, the workspace and the job bar."""
        app = cast("BeholderApp", self.app)
        yield Static("◉", classes="mark")
        for area in AREAS:
            yield RoomTab(area, area == self.area)
        yield Static(Text(shown_path(app.workspace.root), overflow="ellipsis", no_wrap=True), classes="place")
        yield JobBar(classes="jobs")
