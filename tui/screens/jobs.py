"""Jobs: all background work of the workspace, whoever started it, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from engine.errors import NotFound
from engine.jobs import client
from engine.jobs.client import JobInfo
from tui.i18n import t
from tui.job_actions import RESUMABLE, JobActions, JobChanged
from tui.job_story import ENDED, JobStory, state_text
from tui.job_titles import ROOMS, job_title, kind_name
from tui.keymap import bind
from tui.messages import JobProgress
from tui.widgets.job_list import local_time
from tui.widgets.job_status import STATE_COLOURS, STATE_MARKS, JobStatus
from tui.widgets.score_table import Column, ScoreTable

_LOOK_SECONDS = 1.0


class JobKeeper(Protocol):
    """A room that can show one job."""

    def open_job(self, job: JobInfo) -> None:
        """Show this job, now or as soon as the room is there."""


@dataclass
class JobsSeen(Message):
    """All jobs of the workspace, newest first."""

    jobs: Sequence[JobInfo]


@dataclass
class StoryRead(Message):
    """What an ended job told."""

    job_id: str
    story: JobStory


class JobTable(ScoreTable):
    """The jobs; Enter, which every table has, is shown in the footer here."""

    PLAIN_CURSOR = True
    BINDINGS: ClassVar[list[BindingType]] = [bind("enter", "select", "jobs.key.open", id="jobs.open")]


class JobsScreen(JobActions):
    """The room where all background work is seen."""

    area = "jobs"
    help_key = "jobs.help"
    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+k", "end", "jobs.key.end", id="jobs.end"),
        bind("r", "resume", "jobs.key.resume", id="jobs.resume"),
        bind("l", "log", "jobs.key.log", id="jobs.log"),
        bind("delete", "remove", "jobs.key.remove", id="jobs.remove"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._stories: dict[str, JobStory] = {}
        self._is_looking = False

    def body(self) -> ComposeResult:
        columns = (
            Column(t("jobs.state"), 12),
            Column(t("jobs.kind.title"), 12),
            Column(t("jobs.what")),
            Column(t("jobs.created"), 11, from_width=60),
            Column(t("jobs.progress"), 40, from_width=100),
        )
        with Vertical(id="jobs-body"):
            yield JobTable(lambda job: job.job_id, self._cells, columns, id="all-jobs")
            with VerticalScroll(id="job-pane", can_focus=False):
                yield JobStatus()
        yield Static(t("jobs.none"), id="jobs-none", markup=False)

    def on_mount(self) -> None:
        self.beholder.job_progress.subscribe(self, self._progressed)
        self.set_interval(_LOOK_SECONDS, self._look)
        self.query_one(JobTable).focus()

    def fill(self) -> None:
        self._look()
        self.query_one(JobTable).focus()

    def came_back(self) -> None:
        """Look again at once."""
        self._look()

    @property
    def current(self) -> JobInfo | None:
        """The highlighted job."""
        return self.query_one(JobTable).row if self.is_mounted else None

    # --- what there is ----------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self.is_current and not self._is_looking:  # a slow disk gets the time that it needs
            self._is_looking = True
            self.in_background(self._list, "jobs-list")

    async def _list(self) -> None:
        try:
            self.post_message(JobsSeen(await asyncio.to_thread(client.list_jobs, self.workspace)))
        finally:
            self._is_looking = False

    @on(JobsSeen)
    def _seen(self, message: JobsSeen) -> None:
        jobs = list(message.jobs)
        self.set_class(not jobs, "-none")
        for job in jobs:
            if job.state.alive:
                self.beholder.follow_job(job.job_id)
        if jobs != list(self.query_one(JobTable).rows):
            self.query_one(JobTable).set_rows(jobs)
        self._show_current()

    def _progressed(self, progress: JobProgress) -> None:
        if not self.is_current:
            return
        self._story(progress.job_id)
        self.query_one(JobTable).refresh()
        if self.current is not None and self.current.job_id == progress.job_id:
            self._show_current()

    def _story(self, job_id: str) -> JobStory | None:
        """Return what a job told so far, as far as it is known here."""
        heard = self.beholder.job_events.get(job_id)
        if heard is None:
            return self._stories.get(job_id)
        story = self._stories.setdefault(job_id, JobStory())
        if story.seen > len(heard):  # it was resumed and is told from the beginning again
            story = self._stories[job_id] = JobStory()
        story.add(heard[story.seen :])
        return story

    def _cells(self, job: JobInfo) -> list[str | Text]:
        state, story = str(job.state), self._story(job.job_id) if job.state.alive else None
        if story is not None and story.is_waiting:
            state = "queued"
        progress = story.progress_text() if story is not None else str(job.model_id or "")
        return [
            Text.assemble((f"{STATE_MARKS.get(state, '●')} {state_text(state)}", STATE_COLOURS.get(state, "cyan"))),
            kind_name(job.kind),
            job_title(job.kind, job.payload) or job.job_id,
            local_time(job.created),
            progress,
        ]

    # --- the highlighted job ----------------------------------------------------------------------------------

    @on(JobTable.RowHighlighted)
    def _highlighted(self) -> None:
        self._show_current()

    def _show_current(self) -> None:
        job, status = self.current, self.query_one(JobStatus)
        self.refresh_bindings()
        if job is None:
            status.clear()
            return
        story = self._story(job.job_id)
        if story is None and not job.state.alive:
            self.in_background(partial(self._read_story, job.job_id), "jobs-story")
        state = "queued" if story is not None and story.is_waiting else str(job.state)
        title = job_title(job.kind, job.payload) or job.job_id
        status.show(job.job_id, title, state, story or JobStory())

    async def _read_story(self, job_id: str) -> None:
        try:
            events, _ = await asyncio.to_thread(client.read_events, self.workspace, job_id)
        except NotFound:
            return  # removed meanwhile; the list will say so
        story = JobStory()
        story.add(events)
        self.post_message(StoryRead(job_id, story))

    @on(StoryRead)
    def _story_read(self, message: StoryRead) -> None:
        self._stories.setdefault(message.job_id, message.story)
        self._show_current()

    # --- keys -------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show only the keys that make sense for the highlighted job."""
        if action in {"end", "resume", "log", "remove"}:
            job = self.current
            if job is None:
                return False
            state = str(job.state)
            return {"end": state not in ENDED, "resume": _may_go_on(job), "log": True, "remove": state in ENDED}[action]
        return super().check_action(action, parameters)

    @on(JobTable.RowSelected)
    def _open(self, message: JobTable.RowSelected) -> None:
        """Go to the room that shows this kind of job; a damaged one has none: its log is shown."""
        job: JobInfo = message.row
        room = ROOMS.get(job.kind)
        if room is None:
            self.action_log()
            return
        cast(JobKeeper, self.beholder.room(room)).open_job(job)
        self.beholder.go(room)

    def action_end(self) -> None:
        """Ask how the highlighted job is to end."""
        if self.current is not None:
            self.ask_to_end(self.current.job_id, self.current.kind)

    def action_resume(self) -> None:
        """Go on with the highlighted job."""
        if self.current is not None:
            self.resume_job(self.current.job_id)

    def action_log(self) -> None:
        """Show the highlighted job's log."""
        if self.current is not None:
            self.open_log(self.current.job_id, job_title(self.current.kind, self.current.payload))

    def action_remove(self) -> None:
        """Ask, then move the highlighted job to the trash."""
        if self.current is not None:
            self.ask_to_remove(self.current.job_id, job_title(self.current.kind, self.current.payload))

    @on(JobChanged)
    def _changed(self, message: JobChanged) -> None:
        if message.change == "removed":
            self._stories.pop(message.job_id, None)
            self.beholder.job_events.pop(message.job_id, None)
        self._look()


def _may_go_on(job: JobInfo) -> bool:
    return str(job.state) in RESUMABLE and job.kind != "?"
