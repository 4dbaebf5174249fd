"""F9 in the Predict room: ask what to make of the rows that are shown, do it, and say what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.message import Message

from engine.errors import BeholderError
from engine.events import Progress, StopCheck
from engine.models.bundle import find_bundle, read_manifest
from engine.workspace import Scale
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.save_predictions import SavePredictionsDialog
from tui.dialogs.show_text import ShowTextDialog
from tui.dialogs.working import WorkingDialog, was_stopped
from tui.i18n import t
from tui.keymap import bind
from tui.paths import shown_path
from tui.prediction import saving
from tui.prediction.batch_room import BatchRoom
from tui.prediction.rows import Rows
from tui.prediction.saving import Cull, Done, SaveGallery, SaveTable, Tell, Wish

if TYPE_CHECKING:
    from engine.outputs.cull import CullPlan


@dataclass
class ScaleRead(Message):
    """On which scale the shown rows are, and which thresholds of stars the workspace remembers; empty: the usual."""

    rows: Rows
    scale: Scale
    thresholds: str


class SavingRoom(BatchRoom):
    """A room whose rows can be carried away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("f9", "export", "predict.key.export", id="predict.export", priority=True),
    ]

    def action_export(self) -> None:
        """Ask what to make of the rows that are shown."""
        rows = self.found.shown

        def read() -> Scale:
            try:
                manifest = read_manifest(find_bundle(self.workspace, rows[0].model_id))
                return Scale(*manifest["scale"])
            except (BeholderError, LookupError, TypeError, ValueError):
                return self.workspace.scale  # the model is gone

        def ask_disk() -> ScaleRead:
            try:
                thresholds = self.workspace.settings().star_thresholds
            except BeholderError:
                thresholds = ""  # a damaged file of settings is told elsewhere
            return ScaleRead(rows, read(), thresholds)

        async def ask() -> None:
            self.post_message(await asyncio.to_thread(ask_disk))

        if rows:
            self.in_background(ask(), "predict-export")

    @on(ScaleRead)
    def _scale_read(self, message: ScaleRead) -> None:
        rows, scale = message.rows, message.scale

        def chosen(wish: Wish | None) -> None:
            if isinstance(wish, Cull):
                self._plan(rows, wish)
            elif wish is not None:
                self._save(rows, wish, scale)

        shown, total = len(rows), len(self.found.rows)
        title = t("predict_room.save.title", n=shown)
        if shown < total:
            title = t("predict_room.save.title_some", n=shown, total=total)
        self.app.push_screen(SavePredictionsDialog(title, rows, scale, self.workspace.root, message.thresholds), chosen)

    def _save(self, rows: Rows, wish: Wish, scale: Scale) -> None:
        title = t("predict_room.page_title")

        def work(tell: Tell, should_stop: StopCheck) -> Done:
            if isinstance(wish, SaveTable):
                return saving.save_table(rows, wish, tell, should_stop)
            if isinstance(wish, SaveGallery):
                return saving.save_gallery(self.workspace, rows, wish, title, scale, tell, should_stop)
            assert not isinstance(wish, Cull)
            return saving.write_stars(rows, wish, scale, tell, should_stop)

        self._work(t("predict_room.saving"), work, self._done)

    def _work(
        self, title: str, work: Callable[[Callable[[Progress], object], StopCheck], object], then: Callable[..., None]
    ) -> None:
        def ended(result: object) -> None:
            if was_stopped(result):
                self.notify(t("predict_room.stopped"), markup=False)
            elif isinstance(result, BeholderError):
                self.beholder.show_error(result)
            elif result is not None:
                then(result)

        self.app.push_screen(WorkingDialog(title, work), ended)

    def _done(self, done: Done) -> None:
        """Say what came of it; at length where there is more to say."""
        if done.failures or done.notes:
            title = t("predict_room.done_title")
            self.app.push_screen(ShowTextDialog(title, saving.failures_text(done)))
        else:
            self.notify(done.line, markup=False)

    def _plan(self, rows: Rows, wish: Cull) -> None:
        """Work out which photos would go where, and ask before any does."""

        def planned(found: CullPlan) -> None:
            question = {
                "copy": t("predict_room.cull_copy", n=len(found.choices), path=shown_path(found.to)),
                "move": t("predict_room.cull_move", n=len(found.choices), path=shown_path(found.to)),
                "link": t("predict_room.cull_link", n=len(found.choices), path=shown_path(found.to)),
            }[found.how]

            def answered(sure: bool | None) -> None:
                if sure:
                    self._work(question, lambda tell, stop: saving.cull(found, tell, stop), self._done)

            dialog = ConfirmDialog(question, saving.plan_text(found), dangerous=found.how == "move")
            self.app.push_screen(dialog, answered)

        self._work(t("predict_room.cull_planning"), lambda tell, stop: saving.plan(self.workspace, rows, wish), planned)
