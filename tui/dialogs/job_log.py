"""A scrollable page: what a job said of itself, and what its worker printed."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Footer, RichLog, Static

from engine.errors import BeholderError, display_name
from engine.jobs import client
from engine.workspace import Workspace
from tui.i18n import say, t
from tui.job_story import JobStory
from tui.keymap import bind
from tui.screens.base import BaseDialog

MOST_LINES = 5000
_LOOK_SECONDS = 1.0


def log_lines(story: JobStory, printed: str) -> list[tuple[str, str]]:
    """Return the lines of the page, each with its style; control characters are made visible.

    Args:
        story: the job's story.
        printed: the worker's own output; its last `MOST_LINES` lines are shown.
    """
    lines = [(say(notice), "yellow") for notice in story.notices]
    lines += [(f"{display_name(path)}: {say(reason)}", "yellow") for path, reason in story.failures]
    if story.error is not None:
        lines.append((f"{say(story.error.message)} {say(story.error.remedy)}".strip(), "red"))
    if lines:
        lines.append(("", ""))
    tail = printed.rstrip().splitlines()[-MOST_LINES:]
    return lines + ([(display_name(line), "") for line in tail] if tail else [(t("jobs.no_log"), "dim")])


class JobLogDialog(BaseDialog[None]):
    """Shows a job's log, and what comes to it.

    Args:
        workspace: the job's workspace.
        job_id: which job.
        title: what it was asked for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape,l,q", "close", "app.key.close", id="job_log.close")]

    def __init__(self, workspace: Workspace, job_id: str, title: str) -> None:
        super().__init__()
        self._workspace, self._job_id, self._title = workspace, job_id, title
        self._shown: list[tuple[str, str]] | None = None

    def compose(self) -> ComposeResult:
        """Yield the job's name and the log."""
        with Vertical(classes="dialog -log"):
            yield Static(f"{self._title}  {self._job_id}".strip(), classes="dialog-title", markup=False)
            yield RichLog(id="log", wrap=True, markup=False, highlight=False, max_lines=2 * MOST_LINES, min_width=20)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Read the log now, and each second."""
        self.query_one(RichLog).focus()
        self.set_interval(_LOOK_SECONDS, self._look)
        self._look()

    def _look(self) -> None:
        self.run_worker(self._read(), group="log", exclusive=True)

    async def _read(self) -> None:
        try:
            lines = await asyncio.to_thread(self._lines)
        except BeholderError as error:
            lines = [(f"{say(error.message)} {say(error.remedy)}", "red")]
        if lines == self._shown:
            return
        log, is_first = self.query_one(RichLog), self._shown is None
        self._shown = lines
        at_end = is_first or log.is_vertical_scroll_end
        log.clear()
        for text, style in lines:
            log.write(Text(text, style), scroll_end=at_end)

    def _lines(self) -> list[tuple[str, str]]:
        story = JobStory()
        story.add(client.read_events(self._workspace, self._job_id)[0])
        return log_lines(story, client.log_text(self._workspace, self._job_id))

    def action_close(self) -> None:
        """Close the log."""
        self.dismiss(None)
