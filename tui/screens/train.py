"""Train: one model, a comparison or a search; the form on one side, on the other how it goes, live or afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Static, Tabs

from engine.jobs import client
from engine.jobs.client import JobInfo, JobState
from tui.i18n import t
from tui.job_actions import RESUMABLE, JobActions, JobChanged
from tui.job_following import JobRoom
from tui.job_story import ENDED, Event
from tui.job_titles import job_title
from tui.keymap import bind
from tui.training.draft import AIMS, Draft
from tui.training.needs import FormNeeds, look_up_backbone, read_needs
from tui.widgets.job_list import JobLine, JobList
from tui.widgets.job_status import JobStatus
from tui.widgets.loss_plot import LossPlot
from tui.widgets.paragraphs import Paragraphs
from tui.widgets.result_tables import Leaderboard, TrialTable, leaderboard_rows, row_text, trial_points
from tui.widgets.train_form import BackboneChoice, TrainForm

_WIDE = 100  # cells: from here on form and job stand side by side


@dataclass
class JobsListed(Message):
    """The workspace's trainings, comparisons and searches, newest first."""

    jobs: Sequence[JobInfo]


@dataclass
class FormFilled(Message):
    """What the form needs from disk."""

    needs: FormNeeds


@dataclass
class BackboneFound(Message):
    """What a typed backbone is."""

    choice: BackboneChoice


@dataclass
class JobBegun(Message):
    """A job was started by this screen."""

    job_id: str
    kind: str
    payload: Mapping[str, Any]


class TrainScreen(JobRoom, JobActions):
    """The room where a model learns."""

    area = "train"
    help_key = "train.help"
    AUTO_FOCUS = ""
    CSS_PATH = "train.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+s", "start", "train.key.start", id="train.start", priority=True),
        bind("ctrl+t", "aim", "train.key.aim", id="train.aim", show=False, priority=True),
        bind("ctrl+n", "form", "train.key.form", id="train.form", priority=True),
        bind("ctrl+n", "watch", "train.key.watch", id="train.watch", priority=True),
        bind("ctrl+k", "stop", "train.key.stop", id="train.stop", priority=True),
        bind("m", "metric", "train.key.metric", id="train.metric"),
        bind("y", "log_axis", "train.key.log_axis", id="train.log_axis"),
        bind("s", "smooth", "train.key.smooth", id="train.smooth"),
        bind("l", "log", "train.key.log", id="train.log"),
        bind("d", "detach", "train.key.detach", id="train.detach"),
        bind("r", "resume", "train.key.resume", id="train.resume"),
        bind("delete", "remove", "train.key.remove", id="train.remove"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.kind = "train"
        self.job_title = ""
        self.draft = Draft()
        self._jobs: list[JobInfo] = []
        self._wanted: JobInfo | None = None
        self._is_new_form = True

    def body(self) -> ComposeResult:
        with Horizontal(id="train-body"):
            with Vertical(id="train-left"):
                yield TrainForm(self.draft)
                yield Static(t("train.recent"), id="recent-title")
                yield JobList(id="recent")
            with Vertical(id="train-right"):
                yield JobStatus()
                yield Leaderboard(id="board")
                yield TrialTable(id="trial-table")
                yield Paragraphs("", id="row-detail")
                yield LossPlot(t("train.no_curve"), id="curve")
                yield Static(t("train.goes_on"), id="goes-on", markup=False)

    def fill(self) -> None:
        self._jobs = []
        self._is_new_form = True
        if self._wanted is not None:
            self._open_wanted()
        elif self.job_id:
            self._show(self.job_id, self.kind, self.job_title, self.state)
        else:
            self.job_moved([], begun=True)
        self._refresh()

    def came_back(self) -> None:
        """Look again at scores and jobs: another screen or person may have changed them."""
        self._refresh()

    def open_job(self, job: JobInfo) -> None:
        """Show this job, now or as soon as the room is there."""
        self._wanted = job
        if self.is_mounted:
            self._open_wanted()

    def _open_wanted(self) -> None:
        job, self._wanted = self._wanted, None
        if job is not None:
            self._show(job.job_id, job.kind, job_title(job.kind, job.payload), str(job.state))
            self._watch(True)

    # --- what comes from disk ---------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self.in_background(self._read_form, "train-form")
        self.in_background(self._list_jobs, "train-jobs")

    async def _read_form(self) -> None:
        self.post_message(FormFilled(await asyncio.to_thread(read_needs, self.workspace)))

    async def _list_jobs(self) -> None:
        jobs = await asyncio.to_thread(client.list_jobs, self.workspace)
        self.post_message(JobsListed([job for job in jobs if job.kind in AIMS]))

    @on(FormFilled)
    def _form_filled(self, message: FormFilled) -> None:
        form, needs = self.query_one(TrainForm), message.needs
        form.show_backbones(needs.backbones)
        form.show_models(needs.models)
        form.show_scored(needs.scored)
        if self._is_new_form and not self.has_class("-watching"):
            self._is_new_form = False
            form.focus_start()

    @on(TrainForm.BackboneTyped)
    def _backbone_typed(self, message: TrainForm.BackboneTyped) -> None:
        async def look_up() -> None:
            self.post_message(BackboneFound(await asyncio.to_thread(look_up_backbone, message.name)))

        self.in_background(look_up, "train-backbone")

    @on(BackboneFound)
    def _backbone_found(self, message: BackboneFound) -> None:
        self.query_one(TrainForm).show_backbone(message.choice)

    @on(JobsListed)
    def _jobs_listed(self, message: JobsListed) -> None:
        before = {job.job_id for job in self._jobs}
        self._jobs = list(message.jobs)
        self.set_class(not self._jobs, "-no-jobs")
        shown = next((job for job in self._jobs if job.job_id == self.job_id), None)
        if shown is None and self.job_id in before:
            self.forget_job()  # it was removed
        if not self.job_id and self._jobs:
            running = [job for job in self._jobs if job.state.alive]
            job = (running or self._jobs)[0]
            self._show(job.job_id, job.kind, job_title(job.kind, job.payload), str(job.state))
            self._watch(bool(running))
        elif shown is not None and shown.state.alive and self.state in ENDED and self.story.end != "finished":
            self.show_job(shown.job_id, str(shown.state))  # somebody resumed it
        elif shown is not None and not self.story.seen:
            self.state = str(shown.state)
        self._show_list()
        if shown is not None and shown.job_id not in before:
            self.query_one(JobList).mark(self.job_id)
        self.job_moved([], begun=False)

    def _show_list(self) -> None:
        state = JobState(self.state) if self.state else None
        self._jobs = [replace(job, state=state) if state and job.job_id == self.job_id else job for job in self._jobs]
        self.query_one(JobList).show(
            [JobLine(job.job_id, job_title(job.kind, job.payload), str(job.state), job.created) for job in self._jobs]
        )

    # --- one job ----------------------------------------------------------------------------------------------

    def _show(self, job_id: str, kind: str, title: str, state: str) -> None:
        self.kind, self.job_title = kind, title
        self.show_job(job_id, state)
        self.query_one(JobList).mark(job_id)

    def job_moved(self, points: Sequence[Event], *, begun: bool) -> None:
        """Show the job as it is now."""
        plot, story, has_job = self.query_one(LossPlot), self.story, bool(self.job_id)
        for kind in AIMS:
            self.set_class(has_job and kind == self.kind, f"-{kind}")
        if begun:
            plot.begin_with(story.curve)
        elif points:
            plot.add_points(points)
        if story.epoch is not None and story.epoch.get("best_epoch") is not None:
            plot.mark_best(float(story.epoch["best_epoch"]))
        if self.kind == "compare":
            self.query_one(Leaderboard).show(leaderboard_rows(story))
        elif self.kind == "tune":
            trials = story.rows.get("trials", {})
            self.query_one(TrialTable).show(trials)
            tried = trial_points(trials)
            if begun or len(tried) != plot.point_count:
                plot.set_points(tried)
        plot.hint = t("train.never_learned" if self.state in ENDED else "train.no_curve")
        if has_job:
            self.query_one(JobStatus).show(self.job_id, self.job_title, self.state, story)
        else:
            self.query_one(JobStatus).clear()
        is_running = has_job and self.state not in ENDED
        if self.has_class("-running") and not is_running:
            self.in_background(self._list_jobs, "train-jobs")
            self.in_background(self._read_form, "train-form")  # there may be one more model to start from
        self.set_class(is_running, "-running")
        self._show_list()
        self.refresh_bindings()

    @on(Leaderboard.RowHighlighted)
    def _row_highlighted(self, message: Leaderboard.RowHighlighted) -> None:
        if message.row_list.id == {"compare": "board", "tune": "trial-table"}.get(self.kind):
            self.query_one("#row-detail", Paragraphs).update(row_text(message.row))

    def _watch(self, watching: bool) -> None:
        """Show the job, or the form, where there is no room for both."""
        self.set_class(watching, "-watching")
        if watching:
            focus = {"compare": "#board", "tune": "#trial-table"}.get(self.kind, "#curve")
            self.query_one(focus).focus()
        elif self.is_mounted:
            self.query_one(TrainForm).focus_start()
        self.refresh_bindings()

    # --- what the person does ---------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show only the keys that make sense now."""
        if not self.is_mounted:
            return super().check_action(action, parameters)
        has_job, is_wide = bool(self.job_id), self.app.size.width >= _WIDE
        sees_job = has_job and (is_wide or self.has_class("-watching"))
        is_typing = isinstance(self.focused, Input)
        if action == "start":
            return is_wide or not self.has_class("-watching")
        if action in {"form", "watch"}:
            return has_job and not is_wide and (action == "form") == self.has_class("-watching")
        if action == "stop":
            return has_job and self.state not in ENDED
        if action in {"metric", "log_axis", "smooth"}:
            plot = self.query_one(LossPlot)
            is_drawn = sees_job and not is_typing and self.kind != "compare" and plot.point_count > 0
            fits = {"metric": len(plot.curve.metrics) > 1, "log_axis": True, "smooth": self.kind != "tune"}
            return is_drawn and fits[action]
        if action in {"log", "detach", "resume", "remove"}:
            fits = {
                "log": True,
                "detach": self.state not in ENDED,
                "resume": self.state in RESUMABLE,
                "remove": self.state in ENDED,
            }
            return sees_job and not is_typing and fits[action]
        return super().check_action(action, parameters)

    def action_start(self) -> None:
        """Start with what the form says."""
        self.query_one(TrainForm).submit()

    def action_aim(self) -> None:
        """Go on from one model to a comparison, to a search, and back."""
        self.query_one("#aims", Tabs).action_next_tab()

    @on(TrainForm.Started)
    def _started(self, message: TrainForm.Started) -> None:
        async def begin() -> None:
            job_id = await asyncio.to_thread(client.start, self.workspace, message.kind, message.payload)
            self.post_message(JobBegun(job_id, message.kind, message.payload))

        self.in_background(begin, "train-start")

    @on(JobBegun)
    def _begun(self, message: JobBegun) -> None:
        self._show(message.job_id, message.kind, job_title(message.kind, message.payload), "queued")
        self._watch(True)
        self.in_background(self._list_jobs, "train-jobs")

    @on(JobList.Picked)
    def _picked(self, message: JobList.Picked) -> None:
        job = next(job for job in self._jobs if job.job_id == message.job_id)
        self._show(job.job_id, job.kind, job_title(job.kind, job.payload), str(job.state))
        self._watch(True)

    def action_form(self) -> None:
        """Show the form."""
        self._watch(False)

    def action_watch(self) -> None:
        """Show the job."""
        self._watch(True)

    def action_metric(self) -> None:
        """Draw the next metric."""
        self.query_one(LossPlot).next_metric()

    def action_log_axis(self) -> None:
        """Draw values on a logarithmic axis, or not."""
        self.query_one(LossPlot).toggle_log()

    def action_smooth(self) -> None:
        """Draw a smoothed curve over the raw one, or the raw one alone."""
        self.query_one(LossPlot).toggle_smooth()

    def action_log(self) -> None:
        """Show what the job said, and what its worker printed."""
        self.open_log(self.job_id, self.job_title)

    def action_stop(self) -> None:
        """Ask whether the shown job is to end, and how."""
        self.ask_to_end(self.job_id, self.kind)

    def action_detach(self) -> None:
        """Leave the job running, and show the form for the next one."""
        self.notify(t("train.detached"), markup=False)
        self._watch(False)

    def action_resume(self) -> None:
        """Go on with the shown job from where it was."""
        self.resume_job(self.job_id)

    def action_remove(self) -> None:
        """Ask, then move the shown job to the trash."""
        self.ask_to_remove(self.job_id, self.job_title)

    @on(JobChanged)
    def _changed(self, message: JobChanged) -> None:
        if message.change == "resumed" and message.job_id == self.job_id:
            self.show_job(message.job_id, "queued")
            self._watch(True)
        elif message.change == "removed" and message.job_id == self.job_id:
            self.forget_job()
            self._watch(False)
        self.in_background(self._list_jobs, "train-jobs")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
