"""Train: choose model, backbone and split, start, and watch the curve; any earlier training can be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Button, Static

from engine.errors import BeholderError
from engine.features import backbones
from engine.jobs import client
from engine.labels.scorebook import ScoreBook
from tui.dialogs.confirm import ConfirmDialog
from tui.i18n import t
from tui.job_story import ENDED, JobStory
from tui.job_titles import training_title
from tui.keymap import bind
from tui.messages import JobProgress
from tui.screens.base import BaseScreen
from tui.widgets.job_list import JobLine, JobList
from tui.widgets.job_status import JobStatus
from tui.widgets.loss_plot import LossPlot
from tui.widgets.train_form import BackboneChoice, TrainForm

_STATE_SECONDS = 1.0


@dataclass
class JobsListed(Message):
    """The workspace's trainings, newest first."""

    jobs: Sequence[JobLine]


@dataclass
class EventsRead(Message):
    """All events of a job that nobody follows any more."""

    job_id: str
    events: Sequence[dict[str, Any]]


@dataclass
class StateSeen(Message):
    """Where a job stands now; a worker that hangs sends no event, so somebody must ask."""

    job_id: str
    state: str


@dataclass
class FormFilled(Message):
    """What the form needs from disk."""

    scored: int
    different: int
    backbones: Sequence[BackboneChoice]
    error: BeholderError | None = None


@dataclass
class JobBegun(Message):
    """A training was started by this screen."""

    job_id: str


class TrainScreen(BaseScreen):
    """The room where a model learns."""

    area = "train"
    help_key = "train.help"
    CSS_PATH = "train.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+s", "start", "train.key.start", id="train.start", priority=True),
        bind("ctrl+k", "stop", "train.key.stop", id="train.stop", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.job_id = ""
        self.state = ""
        self.story = JobStory()
        self._form_values: dict[str, str] = {}
        self._jobs: list[JobLine] = []

    def body(self) -> ComposeResult:
        with Horizontal(id="train-body"):
            with Vertical(id="train-left"):
                with VerticalScroll(id="train-form-pane", can_focus=False):
                    yield TrainForm(self._form_values)
                yield Static(t("train.recent"), id="recent-title")
                yield JobList(id="recent")
            with Vertical(id="train-right"):
                yield JobStatus()
                yield LossPlot(t("train.no_curve"), id="curve")
                yield Button(t("train.stop"), id="stop", compact=True, variant="error")

    def on_mount(self) -> None:
        self.beholder.job_progress.subscribe(self, self._progressed)
        self.set_interval(_STATE_SECONDS, self._poll)

    async def retranslate(self) -> None:
        if self.is_mounted:
            self._form_values = self.query_one(TrainForm).values()
        await super().retranslate()

    def fill(self) -> None:
        self._jobs = []
        if self.job_id:
            self._show_job(self.job_id)
        else:
            self._show_status()
        self._refresh()

    def came_back(self) -> None:
        """Look again at scores and jobs: another screen or person may have changed them."""
        self._refresh()

    # --- what comes from disk ---------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self.in_background(self._read_form(), "train-form")
        self.in_background(self._list_jobs(), "train-jobs")

    async def _read_form(self) -> None:
        def read() -> FormFilled:
            choices = [_choice(backbone) for backbone in backbones.list_backbones()]
            try:
                entries = ScoreBook(self.workspace).entries()
            except BeholderError as error:
                return FormFilled(0, 0, choices, error)
            scores = [entry.score for entry in entries if entry.present and entry.score is not None]
            return FormFilled(len(scores), len(set(scores)), choices)

        self.post_message(await asyncio.to_thread(read))

    async def _list_jobs(self) -> None:
        def read() -> list[JobLine]:
            return [
                JobLine(job.job_id, training_title(job.payload), str(job.state), job.created)
                for job in client.list_jobs(self.workspace)
                if job.kind == "train"
            ]

        self.post_message(JobsListed(await asyncio.to_thread(read)))

    async def _read_events(self, job_id: str) -> None:
        events, _ = await asyncio.to_thread(client.read_events, self.workspace, job_id)
        self.post_message(EventsRead(job_id, events))

    @on(FormFilled)
    def _form_filled(self, message: FormFilled) -> None:
        form = self.query_one(TrainForm)
        form.show_backbones(message.backbones)
        form.show_scored(message.scored, message.different, message.error)

    @on(JobsListed)
    def _jobs_listed(self, message: JobsListed) -> None:
        came = {job.job_id for job in message.jobs} - {job.job_id for job in self._jobs}
        self._jobs = list(message.jobs)
        self.set_class(not self._jobs, "-no-jobs")
        if not self.job_id and self._jobs:
            running = [job for job in self._jobs if job.state not in ENDED]
            self._show_job((running or self._jobs)[0].job_id)
        elif self.job_id:
            self._take_state()
            if self.job_id in came:
                self.query_one(JobList).mark(self.job_id)

    def _poll(self) -> None:
        if self.is_current and self.job_id and self.state not in ENDED:
            self.in_background(self._read_state(self.job_id), "train-state")

    async def _read_state(self, job_id: str) -> None:
        self.post_message(StateSeen(job_id, str(await asyncio.to_thread(client.state_of, self.workspace, job_id))))

    @on(StateSeen)
    def _state_seen(self, message: StateSeen) -> None:
        # An end is taken from the events, which may still be on their way, so that nothing of the curve is missing.
        if message.job_id == self.job_id and message.state not in ENDED and self.state not in ENDED:
            self.state = message.state
            self._show_status()

    # --- one job ----------------------------------------------------------------------------------------------

    def _show_job(self, job_id: str) -> None:
        self.job_id, self.story = job_id, JobStory()
        self.query_one(LossPlot).clear()
        self._take_state()
        self.query_one(JobList).mark(job_id)
        if self.state not in ENDED:
            self.beholder.follow_job(job_id)
        if job_id in self.beholder.job_events:
            self._advance()
        else:
            self.in_background(self._read_events(job_id), "train-events")

    def _take_state(self) -> None:
        line = next((job for job in self._jobs if job.job_id == self.job_id), None)
        if line is not None:
            self.state = line.state
        self._show_status()

    def _progressed(self, progress: JobProgress) -> None:
        if progress.job_id == self.job_id:
            self._advance()

    def _advance(self) -> None:
        """Take in what the app has heard of the shown job and this screen has not."""
        self._take(self.beholder.job_events.get(self.job_id, [])[self.story.seen :])

    @on(EventsRead)
    def _events_read(self, message: EventsRead) -> None:
        if message.job_id == self.job_id and self.story.seen == 0:
            self._take(message.events)

    def _take(self, events: Sequence[dict[str, Any]]) -> None:
        self.query_one(LossPlot).add_points(self.story.add(events))
        if self.story.end and self.state != self.story.end:
            self.state = self.story.end
            self.in_background(self._list_jobs(), "train-jobs")
        elif events and self.state in {"queued", "silent"}:
            self.state = "running"
        self._show_status()

    def _show_status(self) -> None:
        status = self.query_one(JobStatus)
        self._jobs = [replace(job, state=self.state) if job.job_id == self.job_id else job for job in self._jobs]
        self.query_one(JobList).show(self._jobs)
        self.query_one(LossPlot).hint = t("train.never_learned" if self.state in ENDED else "train.no_curve")
        if self.job_id:
            title = next((job.title for job in self._jobs if job.job_id == self.job_id), "")
            status.show(self.job_id, title, self.state, self.story)
        else:
            status.clear()
        self.set_class(bool(self.job_id) and self.state not in ENDED, "-running")
        self.refresh_bindings()

    # --- what the person does ---------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show only the keys that make sense now."""
        if action == "stop":
            return self.has_class("-running")
        return super().check_action(action, parameters)

    def action_start(self) -> None:
        """Start a training with what the form says."""
        self.query_one(TrainForm).submit()

    @on(TrainForm.Started)
    def _started(self, message: TrainForm.Started) -> None:
        async def begin() -> None:
            self.post_message(JobBegun(await asyncio.to_thread(client.start, self.workspace, "train", message.payload)))

        self.in_background(begin(), "train-start")

    @on(JobBegun)
    def _begun(self, message: JobBegun) -> None:
        self.state = "queued"
        self._show_job(message.job_id)
        self.in_background(self._list_jobs(), "train-jobs")

    @on(JobList.Picked)
    def _picked(self, message: JobList.Picked) -> None:
        self._show_job(message.job_id)

    @on(Button.Pressed, "#stop")
    def action_stop(self) -> None:
        """Ask, then stop the shown training."""
        job_id = self.job_id

        def answered(sure: bool | None) -> None:
            if sure:
                self.in_background(self._cancel(job_id), "train-cancel")

        self.app.push_screen(ConfirmDialog(t("train.stop_title"), t("train.stop_text")), answered)

    async def _cancel(self, job_id: str) -> None:
        await asyncio.to_thread(client.cancel, self.workspace, job_id)
        await self._list_jobs()


def _choice(backbone: backbones.Backbone) -> BackboneChoice:
    note = t("train.about_backbone", input=backbone.input, parameters=f"{backbone.parameters / 1e6:.1f}")
    return BackboneChoice(backbone.name, backbones.is_available(backbone), note)
