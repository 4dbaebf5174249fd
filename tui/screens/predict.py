"""Predict: let a model score one photo or a whole folder, see why, correct it, and carry the result away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from engine.errors import BeholderError, NotFound, UsageError
from engine.jobs import client
from tui.job_actions import RESUMABLE
from tui.job_story import ENDED, Event, JobStory
from tui.keymap import bind
from tui.prediction.asking_room import AskingRoom, PathFound, PathRefused, PredictionBegun
from tui.widgets.filter_bar import FilterBar
from tui.widgets.job_status import JobStatus
from tui.widgets.prediction_card import PredictionCard
from tui.widgets.row_list import RowList


@dataclass
class Resumed(Message):
    """A prediction that had been broken off goes on."""

    job_id: str


class PredictScreen(AskingRoom):
    """The room where a model scores photos."""

    area = "predict"
    help_key = "predict_room.help"
    CSS_PATH = "predict.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+k", "stop", "predict.key.stop", id="predict.stop", priority=True),
        bind("ctrl+r", "correct", "predict.key.correct", id="predict.correct", priority=True),
        bind("r", "resume", "predict_room.key.resume", id="predict.resume"),
        bind("h", "heat", "predict_room.key.heat", id="predict.heat"),
        bind("m", "measurements", "predict_room.key.measurements", id="predict.measurements"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._title = ""

    def body(self) -> ComposeResult:
        yield from self.ask_body()
        yield JobStatus()
        yield Static("", id="predict-hint", markup=False)
        with Horizontal(id="predict-body"):
            yield from self.rows_body()
            yield PredictionCard(self.workspace.data, id="card")

    def fill(self) -> None:
        self.query_one("#path", Input).value = self._typed
        try:
            self.card.set_scale(self.workspace.scale)
        except BeholderError as error:
            self.beholder.show_error(error)
        for rows in self.query(RowList):
            rows.on_choose = self.action_correct
        self.query_one(FilterBar).restore(self._filter)
        self._restore()
        self.look_again()

    def _restore(self) -> None:
        """Show what was shown before the language changed."""
        self.remove_class("-why", "-gallery")
        self._shape()
        self._show_status()
        if self.has_class("-many"):
            self.show_rows()
            self.rows.focus()
        elif self.has_class("-one"):
            self.show_single_again()

    # --- one prediction ---------------------------------------------------------------------------------------

    @on(PathFound)
    def _found(self, message: PathFound) -> None:
        self.remove_class("-refused")
        if message.is_folder or not self.has_companion:
            self.predict_as_job(message.path, message.model)
            self.remember(message.path)
            return
        if self.job_id:
            self.forget_job()  # the job itself goes on
        self._title = message.path.name
        self.close_why()  # now: it drops the question that was open
        self.ask_photo(message.path, message.model, self._make_room)
        self.remember(message.path)

    def _make_room(self) -> None:
        """Show one photo in the place of what was there."""
        self.forget_rows()
        self._shape(one=True)
        self.card.facts.focus()
        self._show_status()

    def predict_as_job(self, path: Path, model: str) -> None:
        """Start a job for a folder, or for a photo where there is no warm process."""

        def start() -> PredictionBegun:
            payload = {"model": model, "paths": [str(path)], "recursive": True}
            return PredictionBegun(client.start(self.workspace, "predict", payload), path, path.is_dir(), "queued")

        async def begin() -> None:
            try:
                self.post_message(await asyncio.to_thread(start))
            except (UsageError, NotFound) as error:
                self.post_message(PathRefused(error))

        self.in_background(begin(), "predict-start")

    @on(PredictionBegun)
    def _begun(self, message: PredictionBegun) -> None:
        self.drop_question()
        self.job_id, self.story = message.job_id, JobStory()
        self._title = message.path.name
        self.remove_class("-refused")
        self.forget_rows()
        self._shape(one=not message.is_batch, many=message.is_batch)
        self.single = None
        if not message.is_batch:
            self.card.begin(message.path)
        if self.focused in (self.query_one("#path"), self.query_one("#go")):
            self.leave_field()
        self.show_job(message.job_id, message.state)

    def _shape(self, *, one: bool | None = None, many: bool | None = None) -> None:
        """Show one photo, many, or as before."""
        if one is not None or many is not None:
            self.set_class(bool(one), "-one")
            self.set_class(bool(many), "-many")
        self.card.set_whole(self.has_class("-one"))

    def job_moved(self, points: Sequence[Event], *, begun: bool) -> None:
        """Show how far the prediction is, and read its further rows."""
        super().job_moved(points, begun=begun)
        self._show_status()

    def _show_status(self) -> None:
        status = self.query_one(JobStatus)
        if self.job_id:
            status.show(self.job_id, self._title, self.state, self.story)
        else:
            status.clear()
        self.refresh_bindings()

    def rows_came(self) -> None:
        """Show the one photo of a job that has only one; a folder that is gone by now had more."""
        if self.has_class("-one") and len(self.found.rows) > 1:
            self._shape(many=True)
            self.show_row(self.rows.row)
            self.leave_field()
            return
        if self.has_class("-one") and self.found.rows:
            row = self.single = self.found.rows[0]
            self.show_row(row)
            if self.has_companion and self.card.facts.explanation is None:
                self.ask_why(row)

    # --- keys -------------------------------------------------------------------------------------------------

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that work now; a narrow footer leaves out those that everybody finds without it."""
        active = super().active_bindings
        left_out = set(_NOT_BESIDE_ROWS) if self.found.rows and not self.has_class("-wide") else set()
        if self.shows_why:
            left_out.add("predict.why")  # escape says the same
        for key, found in active.items():
            if found.binding.id in left_out:
                active[key] = found._replace(binding=replace(found.binding, show=False))
        return active

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show only the keys that make sense now: no letters while something is typed."""
        if not self.is_mounted or not self.query(PredictionCard):
            return action not in _NEEDS
        if action == "stop":
            return bool(self.job_id) and self.state not in ENDED
        needs = _NEEDS.get(action)
        if needs is None:
            return super().check_action(action, parameters)
        if action not in {"correct", "leave_why", "export"} and isinstance(self.focused, Input):
            return False
        return bool(needs(self))

    def has_reasons(self, kind: str) -> bool:
        """Say whether a part of the explanation is there to be shown."""
        is_seen = self.has_class("-one") or self.shows_why
        return is_seen and getattr(self.card.facts.explanation, kind, None) is not None

    def action_correct(self) -> None:
        """Type one's own score of the photo."""
        self.card.focus_field()

    def action_heat(self) -> None:
        """Show where the model looked, or the photo alone."""
        self.card.toggle_heat()

    def action_measurements(self) -> None:
        """Show what was measured in the photo, or hide it."""
        self.card.facts.show_measurements(not self.card.facts.shows_measurements)

    def action_stop(self) -> None:
        """Stop the prediction; the rows so far are kept."""

        async def stop(job_id: str) -> None:
            await asyncio.to_thread(client.cancel, self.workspace, job_id)

        self.in_background(stop(self.job_id), "predict-cancel")

    def action_resume(self) -> None:
        """Go on with a prediction that was stopped or died: the photos whose rows are there are left out."""

        async def resume(job_id: str) -> None:
            await asyncio.to_thread(client.resume, self.workspace, job_id)
            self.post_message(Resumed(job_id))

        self.in_background(resume(self.job_id), "predict-resume")

    @on(Resumed)
    def _resumed(self, message: Resumed) -> None:
        if message.job_id == self.job_id:
            self.show_job(message.job_id, "queued")


_NOT_BESIDE_ROWS = frozenset({"predict.browse", "predict.another"})


def _has_rows(screen: PredictScreen) -> bool:
    return screen.has_class("-many") and bool(screen.found.rows)


_NEEDS: Mapping[str, Callable[[PredictScreen], object]] = {
    "correct": lambda screen: screen.card.row is not None and screen.card.row.score is not None,
    "why": lambda screen: _has_rows(screen) and screen.rows.row is not None,
    "gallery": lambda screen: _has_rows(screen) and not screen.shows_why,
    "filter": lambda screen: _has_rows(screen) and not screen.shows_why,
    "leave_why": lambda screen: screen.shows_why,
    "step": lambda screen: screen.shows_why,
    "heat": lambda screen: screen.has_reasons("heat"),
    "measurements": lambda screen: screen.has_reasons("measurements"),
    "resume": lambda screen: screen.has_class("-many") and screen.state in RESUMABLE,
    "export": lambda screen: screen.has_class("-many") and bool(screen.found.shown),
    "another": lambda screen: screen.has_class("-one") or screen.has_class("-many"),
}
"""What an action needs to make sense; most are letters, which belong to a field where one is typed into."""
