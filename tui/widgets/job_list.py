"""The recent jobs of one kind, newest first, each with its state as a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text
from textual import on
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.errors import display_name
from tui.job_story import state_text
from tui.widgets.job_status import STATE_COLOURS

MOST_JOBS = 30


@dataclass(frozen=True)
class JobLine:
    """One job as the list shows it.

    Args:
        job_id: which job.
        title: what was asked for.
        state: one of `tui.job_story.STATES`.
        created: ISO 8601 time, UTC.
    """

    job_id: str
    title: str
    state: str
    created: str


def local_time(created: str, form: str = "%m-%d %H:%M") -> str:
    """Return an ISO 8601 time in this computer's time zone; the text itself if it is none.

    >>> local_time("no time")
    'no time'
    """
    try:
        return datetime.fromisoformat(created).astimezone().strftime(form)
    except ValueError:
        return display_name(created)


class JobList(OptionList):
    """Lets a person pick one of the jobs."""

    DEFAULT_CSS = "JobList { text-wrap: nowrap; text-overflow: ellipsis; }"

    @dataclass
    class Picked(Message):
        """The person picked a job."""

        job_id: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True)
        self._job_lines: list[JobLine] = []

    def show(self, lines: Sequence[JobLine]) -> None:
        """Show these jobs; the highlighted one stays highlighted."""
        lines = list(lines[:MOST_JOBS])
        if lines == self._job_lines:
            return
        before = self._job_lines[self.highlighted].job_id if self._job_lines and self.highlighted is not None else ""
        self._job_lines = lines
        self.set_options([Option(self._prompt(line), id=line.job_id) for line in lines])
        ids = [line.job_id for line in lines]
        if before in ids:
            self.highlighted = ids.index(before)

    def mark(self, job_id: str) -> None:
        """Highlight a job."""
        ids = [line.job_id for line in self._job_lines]
        if job_id in ids:
            self.highlighted = ids.index(job_id)

    @staticmethod
    def _prompt(line: JobLine) -> Text:
        return Text.assemble(
            (local_time(line.created) + " ", "dim"),
            (state_text(line.state), STATE_COLOURS.get(line.state, "cyan")),
            " ",
            line.title,
            no_wrap=True,
            overflow="ellipsis",
        )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self.post_message(self.Picked(event.option_id))
