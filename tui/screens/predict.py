"""Predict: let a model score one photo or a whole folder, and correct what it got wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, Input, Label, Static

from engine.errors import BeholderError, NotFound, UsageError
from engine.images import SUFFIXES
from engine.jobs import client
from engine.jobs.client import JobInfo
from engine.models.bundle import BundleInfo, default_model, list_bundles
from engine.outputs.tables import format_of, write_rows
from tui.corrections import keep_correction
from tui.dialogs.path_picker import PathPicker
from tui.dialogs.save_as import SaveAsDialog
from tui.i18n import say, t
from tui.job_following import JobRoom
from tui.job_story import ENDED, Event, JobStory
from tui.keymap import bind
from tui.paths import parse_typed_path
from tui.widgets.job_status import JobStatus
from tui.widgets.model_select import ModelSelect
from tui.widgets.path_input import PathInput
from tui.widgets.prediction_card import PredictionCard
from tui.widgets.prediction_table import PredictedRow, PredictionTable

COLUMNS = ("path", "score", "low", "high", "model_id", "error")


@dataclass
class ModelsListed(Message):
    """What the screen needs from disk."""

    bundles: Sequence[BundleInfo]
    default: str = ""


@dataclass
class PredictionBegun(Message):
    """A prediction was started, or found running when the app came up."""

    job_id: str
    path: Path
    is_folder: bool
    state: str


@dataclass
class RowsRead(Message):
    """Further rows of a job, read from one byte offset to another."""

    job_id: str
    start: int
    end: int
    rows: Sequence[dict[str, Any]]


@dataclass
class CorrectionKept(Message):
    """A corrected score reached the training data."""

    path: Path
    text: str


@dataclass
class PathRefused(Message):
    """The typed path can't be predicted."""

    error: BeholderError


class PredictScreen(JobRoom):
    """The room where a model scores photos."""

    area = "predict"
    help_key = "predict.help"
    CSS_PATH = "predict.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+o", "browse", "predict.key.browse", id="predict.browse", priority=True),
        bind("ctrl+k", "stop", "predict.key.stop", id="predict.stop", priority=True),
        bind("ctrl+r", "correct", "predict.key.correct", id="predict.correct", priority=True),
        bind("f9", "export", "predict.key.export", id="predict.export", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._title = ""
        self._is_folder = False
        self._offset = 0
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
                yield PathInput(t("predict.path_hint"), suffixes=SUFFIXES, id="path")
                yield Button(t("predict.go"), id="go", compact=True, variant="primary")
        yield JobStatus()
        yield Static("", id="predict-hint", markup=False)
        with Horizontal(id="predict-body"):
            yield PredictionTable(id="rows")
            yield PredictionCard(id="card")

    def on_mount(self) -> None:
        self.query_one("#path", Input).focus()

    def fill(self) -> None:
        self.query_one("#path", Input).value = self._typed
        try:
            self.query_one(PredictionCard).scale = self.workspace.scale
        except BeholderError as error:
            self.beholder.show_error(error)
        self._shape()
        self._show_status()
        if self.job_id:
            self._offset = 0
            self._read_more()
        self._refresh()

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
                return ModelsListed(list_bundles(self.workspace), default_model(self.workspace))

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
        is_folder = await asyncio.to_thread(path.is_dir)
        self.post_message(PredictionBegun(job.job_id, path, is_folder, str(job.state)))

    @on(ModelsListed)
    def _models_listed(self, message: ModelsListed) -> None:
        self.query_one(ModelSelect).show(message.bundles, self._wanted_model, default=message.default)
        self._wanted_model = ""
        self.set_class(not message.bundles, "-no-model")
        self.query_one("#go", Button).disabled = not message.bundles
        if not self.job_id:
            self.query_one("#predict-hint", Static).update(
                t("predict.first") if message.bundles else t("predict.train_first")
            )

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
                self.post_message(await asyncio.to_thread(self._begin, typed, model))
            except (UsageError, NotFound) as error:
                self.post_message(PathRefused(error))

        self.in_background(begin(), "predict-start")

    def _begin(self, typed: str, model: str) -> PredictionBegun:
        path = parse_typed_path(typed)
        if not path.exists():
            raise NotFound("There is nothing at {path}.", remedy="Check the spelling.", path=path)
        payload = {"model": model, "paths": [str(path)], "recursive": True}
        return PredictionBegun(client.start(self.workspace, "predict", payload), path, path.is_dir(), "queued")

    @on(PathRefused)
    def _refused(self, message: PathRefused) -> None:
        self.add_class("-refused")
        hint = self.query_one("#predict-hint", Static)
        hint.update(f"{say(message.error.message)} {say(message.error.remedy)}")

    def action_browse(self) -> None:
        """Choose a photo or a folder from a tree."""
        try:
            start = parse_typed_path(self._typed)
        except UsageError:
            start = Path.home()
        start = start if start.is_dir() else start.parent

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.query_one("#path", Input).value = self._typed = str(path)
                self._asked()

        self.app.push_screen(PathPicker(start, t("predict.browse_title"), suffixes=None), chosen)

    # --- one prediction ---------------------------------------------------------------------------------------

    @on(PredictionBegun)
    def _begun(self, message: PredictionBegun) -> None:
        self.job_id, self.story, self._offset = message.job_id, JobStory(), 0
        self._title = message.path.name
        self._is_folder = message.is_folder
        self.remove_class("-refused")
        self.query_one(PredictionTable).clear()
        self._shape()
        if message.is_folder and self.focused in (self.query_one("#path"), self.query_one("#go")):
            self.query_one(PredictionTable).focus()
        self.show_job(message.job_id, message.state)

    def _shape(self) -> None:
        self.set_class(bool(self.job_id) and self._is_folder, "-many")
        self.set_class(bool(self.job_id) and not self._is_folder, "-one")

    def job_moved(self, points: Sequence[Event], *, begun: bool) -> None:
        """Show how far the prediction is, and read its further rows."""
        self._show_status()
        self._read_more()

    def _show_status(self) -> None:
        status = self.query_one(JobStatus)
        if self.job_id:
            status.show(self.job_id, self._title, self.state, self.story)
        else:
            status.clear()
        table = self.query_one(PredictionTable)
        table.reasons = dict(self.story.failures)
        if table.row is not None:
            self._show_row(table.row)
        self.refresh_bindings()

    def _read_more(self) -> None:
        async def read(job_id: str, start: int) -> None:
            rows, end = await asyncio.to_thread(client.read_rows, self.workspace, job_id, start)
            self.post_message(RowsRead(job_id, start, end, rows))

        self.in_background(read(self.job_id, self._offset), "predict-rows")

    @on(RowsRead)
    def _rows_read(self, message: RowsRead) -> None:
        # Two reads from the same place may both arrive; the second one's rows are known already.
        if message.job_id != self.job_id or message.start != self._offset:
            return
        self._offset = message.end
        if message.rows:
            self.query_one(PredictionTable).add_rows(PredictedRow.from_dict(row) for row in message.rows)
        self.refresh_bindings()

    @on(PredictionTable.RowHighlighted)
    def _highlighted(self, message: PredictionTable.RowHighlighted) -> None:
        self._show_row(message.row)

    def _show_row(self, row: PredictedRow | None) -> None:
        table, card = self.query_one(PredictionTable), self.query_one(PredictionCard)
        if row is None:
            card.show(None)
        else:
            card.show(row, table.reason(row), self.query_one(ModelSelect).title_of(row.model_id))

    @on(PredictionTable.RowSelected)
    def action_correct(self) -> None:
        """Type one's own score of the photo."""
        self.query_one(PredictionCard).focus_field()

    @on(PredictionCard.Corrected)
    def _corrected(self, message: PredictionCard.Corrected) -> None:
        async def keep() -> None:
            text = await asyncio.to_thread(keep_correction, self.workspace, message.path, message.score)
            self.post_message(CorrectionKept(message.path, text))

        self.in_background(keep(), f"correct-{message.path}")

    @on(CorrectionKept)
    def _kept(self, message: CorrectionKept) -> None:
        card = self.query_one(PredictionCard)
        if card.path == message.path:
            card.say(t("predict.kept", name=message.text))
        if self.has_class("-many"):
            self.query_one(PredictionTable).focus()

    # --- keys -------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show only the keys that make sense now."""
        if action == "stop":
            return bool(self.job_id) and self.state not in ENDED
        if action in {"export", "correct"}:
            return self.is_mounted and bool(self.query_one(PredictionTable).rows)
        return super().check_action(action, parameters)

    def action_stop(self) -> None:
        """Stop the prediction; the rows so far are kept."""

        async def stop(job_id: str) -> None:
            await asyncio.to_thread(client.cancel, self.workspace, job_id)

        self.in_background(stop(self.job_id), "predict-cancel")

    def action_export(self) -> None:
        """Save the rows as CSV, JSON or JSON Lines."""
        rows = [row.to_dict() for row in self.query_one(PredictionTable).rows]

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.in_background(save(path), "predict-export")

        async def save(path: Path) -> None:
            await asyncio.to_thread(lambda: write_rows(rows, COLUMNS, path, format_of(path)))
            self.notify(t("predict.exported", n=len(rows)), markup=False)

        suggestion = self.workspace.root / "predictions.csv"
        self.app.push_screen(SaveAsDialog(t("predict.export_title", n=len(rows)), suggestion), chosen)
