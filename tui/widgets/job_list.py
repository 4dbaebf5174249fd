"""The recent jobs of one kind, newest first, each with its state as a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.text import Text
from textual import on
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.errors import display_name
from tui.job_story import state_text

MOST_JOBS = 30
_COLOURS = {"finished": "green", "failed": "red", "crashed": "red", "cancelled": "yellow"}


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


def training_title(payload: Mapping[str, Any]) -> str:
    """Return what a training was asked for: its name if it has one, else model and backbone."""
    name = str(payload.get("name") or "")
    model = f"{payload.get('model', '')} · {payload.get('backbone', '')}".strip(" ·")
    return f"{name} ({payload.get('model', '')})" if name else model


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
            (state_text(line.state), _COLOURS.get(line.state, "cyan")),
            " ",
            display_name(line.title),
            no_wrap=True,
            overflow="ellipsis",
        )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self.post_message(self.Picked(event.option_id))
