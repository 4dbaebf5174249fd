"""What is asked for in the Predict room: a model, and the path of a photo or folder: typed, browsed or recent."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
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
from tui.job_story import ENDED
from tui.keymap import bind
from tui.paths import parse_pasted_paths, parse_typed_path, typed_form
from tui.prediction.saving_room import SavingRoom
from tui.widgets.model_select import ModelSelect
from tui.widgets.path_input import PathField


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


class AskingRoom(SavingRoom):
    """A room with a model and a path on top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+o", "browse", "predict.key.browse", id="predict.browse", priority=True),
        bind("n", "another", "predict_room.key.another", id="predict.another"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._wanted_model = ""
        self._typed = ""
        self._looked_for_running = False
        self._wanted_job: JobInfo | None = None

    def ask_body(self) -> ComposeResult:
        """Yield the two lines on top."""
        with Vertical(id="predict-ask"):
            with Horizontal(classes="row"):
                yield Label(t("predict.model"))
                yield ModelSelect(id="model")
            with Horizontal(classes="row"):
                yield Label(t("predict.path"))
                yield PathField(t("predict.path_hint"), suffixes=SUFFIXES, id="path")
                yield Button(t("predict.go"), id="go", compact=True, variant="primary")

    def on_mount(self) -> None:
        """Let the path be typed first."""
        self.query_one("#path", Input).focus()

    def came_back(self) -> None:
        """Look again at the models: one may have been trained or deleted."""
        self.look_again()

    def choose_model(self, model_id: str) -> None:
        """Choose a model, now or as soon as the list was read."""
        self._wanted_model = model_id
        if self.is_mounted:
            self.look_again()

    def open_job(self, job: JobInfo) -> None:
        """Show this prediction, now or as soon as the room is there."""
        self._wanted_job = job
        if self.is_mounted:
            self.look_again()

    # --- models -----------------------------------------------------------------------------------------------

    def look_again(self) -> None:
        """Read the list of models, and show the prediction that is wanted or runs."""

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
        return PathFound(path, path.is_dir(), model)

    def remember(self, path: Path) -> None:
        """Offer a path again the next time."""

        def save() -> None:
            with contextlib.suppress(BeholderError):  # it only saves typing
                remember_path(self.workspace, "predict", path)

        async def work() -> None:
            await asyncio.to_thread(save)

        self.in_background(work, "predict-recent")

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


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists fails where a folder may not be looked into
