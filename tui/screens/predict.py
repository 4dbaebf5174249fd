"""Predict: let a model score one photo or a whole folder, see why, correct it, and carry the result away."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Label, Select, Static

from engine.errors import BeholderError, NotFound, UsageError
from engine.images import SUFFIXES
from engine.jobs import client
from engine.jobs.client import JobInfo
from engine.labels.recent import recent_paths, remember_path
from engine.models.bundle import BundleInfo, default_model, list_bundles
from tui.dialogs.path_picker import PathPicker
from tui.i18n import say, t
from tui.job_story import ENDED, Event, JobStory
from tui.keymap import bind
from tui.paths import parse_pasted_paths, parse_typed_path, typed_form
from tui.prediction.saving_room import SavingRoom
from tui.widgets.filter_bar import FilterBar
from tui.widgets.job_status import JobStatus
from tui.widgets.model_select import ModelSelect
from tui.widgets.path_input import PathField
from tui.widgets.prediction_card import PredictionCard
from tui.widgets.row_list import RowList


@dataclass
class ModelsListed(Message):
    """What the screen needs from disk."""

    bundles: Sequence[BundleInfo]
    default: str = ""
    recent: Sequence[Path] = ()


@dataclass
class PathFound(Message):
    """What was typed is there."""

    path: Path
    is_folder: bool
    model: str


@dataclass
class PredictionBegun(Message):
    """A prediction job was started, or found running when the app came up."""

    job_id: str
    path: Path
    is_batch: bool
    state: str


@dataclass
class PathRefused(Message):
    """The typed path can't be predicted."""

    error: BeholderError


class PredictScreen(SavingRoom):
    """The room where a model scores photos."""

    area = "predict"
    help_key = "predict_room.help"
    CSS_PATH = "predict.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+o", "browse", "predict.key.browse", id="predict.browse", priority=True),
        bind("ctrl+k", "stop", "predict.key.stop", id="predict.stop", priority=True),
        bind("ctrl+r", "correct", "predict.key.correct", id="predict.correct", priority=True),
        bind("h", "heat", "predict_room.key.heat", id="predict.heat"),
        bind("m", "measurements", "predict_room.key.measurements", id="predict.measurements"),
        bind("n", "another", "predict_room.key.another", id="predict.another"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._title = ""
        self._wanted_model = ""
        self._typed = ""
        self._looked_for_running = False
        self._wanted_job: JobInfo | None = None

    def body(self) -> ComposeResult:
        with Vertical(id="predict-ask"):
            with Horizontal(classes="row"):
                yield Label(t("predict.model"))
                yield ModelSelect(id="model")
            with Horizontal(classes="row"):
                yield Label(t("predict.path"))
                yield PathField(t("predict.path_hint"), suffixes=SUFFIXES, id="path")
                yield Button(t("predict.go"), id="go", compact=True, variant="primary")
        yield JobStatus()
        yield Static("", id="predict-hint", markup=False)
        with Horizontal(id="predict-body"):
            yield from self.rows_body()
            yield PredictionCard(self.workspace.data, id="card")

    def on_mount(self) -> None:
        self.query_one("#path", Input).focus()

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
        self._refresh()

    def _restore(self) -> None:
        """Show what was shown before the language changed."""
        why, path, row = self.shows_why, self.card.path, self.card.row
        self.remove_class("-why", "-gallery")
        self._shape()
        self._show_status()
        if self.has_class("-many"):
            self.show_rows()
        elif self.has_class("-one") and path is not None:
            self.card.begin(path)
            if row is not None:
                self.card.show(row, row.error or "")
        if why:
            self.action_why()

    def came_back(self) -> None:
        """Look again at the models: one may have been trained or deleted."""
        self._refresh()

    def choose_model(self, model_id: str) -> None:
        """Choose a model, now or as soon as the list was read."""
        self._wanted_model = model_id
        if self.is_mounted:
            self._refresh()

    def open_job(self, job: JobInfo) -> None:
        """Show this prediction, now or as soon as the room is there."""
        self._wanted_job = job
        if self.is_mounted:
            self._refresh()

    # --- models -----------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        async def read() -> None:
            def listed() -> ModelsListed:
                recent = [path for path in recent_paths(self.workspace, "predict") if _is_there(path)]
                return ModelsListed(list_bundles(self.workspace), default_model(self.workspace), recent)

            self.post_message(await asyncio.to_thread(listed))
            wanted, self._wanted_job = self._wanted_job, None
            if wanted is not None:
                await self._tell_of(wanted)
            elif not self._looked_for_running:
                await self._find_running()
            self._looked_for_running = True

        self.in_background(read(), "predict-models")

    async def _find_running(self) -> None:
        for job in await asyncio.to_thread(client.list_jobs, self.workspace):
            if job.kind == "predict" and str(job.state) not in ENDED:
                await self._tell_of(job)
                return

    async def _tell_of(self, job: JobInfo) -> None:
        paths = job.payload.get("paths")
        if not isinstance(paths, list) or not paths:
            return  # its spec is damaged
        path = Path(str(paths[0]))
        is_batch = len(paths) > 1 or await asyncio.to_thread(path.is_dir)
        self.post_message(PredictionBegun(job.job_id, path, is_batch, str(job.state)))

    @on(ModelsListed)
    def _models_listed(self, message: ModelsListed) -> None:
        self.query_one(ModelSelect).show(message.bundles, self._wanted_model, default=message.default)
        self._wanted_model = ""
        self.set_class(not message.bundles, "-no-model")
        self.query_one("#go", Button).disabled = not message.bundles
        self.query_one(PathField).offer_recent(message.recent)
        first = t("predict.first") if message.bundles else t("predict.train_first")
        self.query_one("#predict-hint", Static).update(first)

    @on(Select.Changed, "#model")
    def _model_chosen(self) -> None:
        """Let the model be loaded while the path is typed."""
        model = self.query_one(ModelSelect).chosen
        if model is not None:
            self.warm(model)

    # --- asking -----------------------------------------------------------------------------------------------

    @on(Input.Changed, "#path")
    def _path_typed(self, event: Input.Changed) -> None:
        self._typed = event.value

    @on(Input.Submitted, "#path")
    @on(Button.Pressed, "#go")
    def _asked(self) -> None:
        model = self.query_one(ModelSelect).chosen
        typed = self._typed
        if model is None:
            self.query_one("#predict-hint", Static).update(t("predict.train_first"))
            return

        async def begin() -> None:
            try:
                self.post_message(await asyncio.to_thread(self._find, typed, model))
            except (UsageError, NotFound) as error:
                self.post_message(PathRefused(error))

        self.in_background(begin(), "predict-start")

    def _find(self, typed: str, model: str) -> PathFound:
        path = parse_typed_path(typed)
        if not _is_there(path):
            raise NotFound("There is nothing at {path}.", remedy="Check the spelling.", path=path)
        with contextlib.suppress(BeholderError):  # it only saves typing
            remember_path(self.workspace, "predict", path)
        return PathFound(path, path.is_dir(), model)

    @on(PathRefused)
    def _refused(self, message: PathRefused) -> None:
        self.add_class("-refused")
        hint = self.query_one("#predict-hint", Static)
        hint.update(f"{say(message.error.message)} {say(message.error.remedy)}")

    def on_paste(self, event: events.Paste) -> None:
        """Take a path that is dropped onto the room wherever the keyboard is."""
        try:
            pasted = parse_pasted_paths(event.text)
        except UsageError as error:
            self.post_message(PathRefused(error))
            return
        if pasted is not None:
            event.stop()
            self._take_path(pasted.path)

    def action_browse(self) -> None:
        """Choose a photo or a folder from a tree."""
        try:
            start = parse_typed_path(self._typed)
        except UsageError:
            start = Path.home()
        start = start if start.is_dir() else start.parent

        def chosen(path: Path | None) -> None:
            if path is not None:
                self._take_path(path)

        self.app.push_screen(PathPicker(start, t("predict.browse_title"), suffixes=SUFFIXES), chosen)

    def _take_path(self, path: Path) -> None:
        self._typed = typed_form(path)
        self.query_one("#path", Input).value = self._typed
        self._asked()

    def action_another(self) -> None:
        """Type another path in the place of this one."""
        field = self.query_one("#path", Input)
        field.value = ""
        field.focus()

    # --- one prediction ---------------------------------------------------------------------------------------

    @on(PathFound)
    def _found(self, message: PathFound) -> None:
        self.remove_class("-refused")
        if message.is_folder or not self.has_companion:
            self.predict_as_job(message.path, message.model)
            return
        if self.job_id:
            self.forget_job()  # the job itself goes on
        self._title = message.path.name
        self.forget_rows()
        self._shape(one=True)
        self.card.facts.focus()
        self.ask_photo(message.path, message.model)
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
        """Show the one photo of a job that has only one."""
        if self.has_class("-one") and self.found.rows:
            row = self.found.rows[0]
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


_NOT_BESIDE_ROWS = frozenset({"predict.browse", "predict.another"})


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists fails where a folder may not be looked into


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
    "export": lambda screen: screen.has_class("-many") and bool(screen.found.shown),
    "another": lambda screen: screen.has_class("-one") or screen.has_class("-many"),
}
"""What an action needs to make sense; most are letters, which belong to a field where one is typed into."""
