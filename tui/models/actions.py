"""What can be done with the highlighted model: each action asks what it has to, and works in a thread."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.console import RenderableType
from textual import on
from textual.binding import BindingType
from textual.message import Message

from engine.errors import display_name
from engine.models.bundle import BundleInfo, note_bundle, remove_bundle, rename_bundle, set_default
from tui.dialogs.ask_folder import AskFolderDialog
from tui.dialogs.ask_text import AskTextDialog
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.export_model import Carried, ExportModelDialog
from tui.dialogs.save_as import SaveAsDialog
from tui.dialogs.show_text import ShowTextDialog
from tui.i18n import t
from tui.keymap import bind
from tui.models.checks import checks_text
from tui.models.comparison import compare_table
from tui.screens.base import BaseScreen
from tui.widgets.model_select import model_title

_LONGEST_NAME, _LONGEST_NOTE = 100, 2000
_NEED_A_MODEL = frozenset({"delete", "mark", "compare", "rename", "note", "default", "verify", "export", "report"})


class Done(Message):
    """Something was done with a model: the list is read again and the person is told.

    Args:
        text: what to say, in the present language; may be empty.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text


class ToRead(Message):
    """Something about a model is ready to be read.

    Args:
        title: in the present language. content: what to read.
    """

    def __init__(self, title: str, content: RenderableType) -> None:
        super().__init__()
        self.title, self.content = title, content


class ModelActions(BaseScreen):
    """A screen with a highlighted model, a marked one, and keys for what can be done with them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("space", "mark", "models.key.mark", id="models.mark"),
        bind("c", "compare", "models.key.compare", id="models.compare"),
        bind("p", "report", "models.key.report", id="models.report"),
        bind("e", "rename", "models.key.rename", id="models.rename", show=False),
        bind("o", "note", "models.key.note", id="models.note", show=False),
        bind("d", "default", "models.key.default", id="models.default", show=False),
        bind("v", "verify", "models.key.verify", id="models.verify", show=False),
        bind("x", "export", "models.key.export", id="models.export", show=False),
        bind("i", "import", "models.key.import", id="models.import", show=False),
        bind("delete", "delete", "models.key.delete", id="models.delete"),
    ]

    @property
    @abstractmethod
    def current(self) -> BundleInfo | None:
        """The highlighted model."""

    @property
    @abstractmethod
    def marked(self) -> BundleInfo | None:
        """The model that is marked for a comparison."""

    @property
    @abstractmethod
    def default(self) -> str:
        """Id of the model that predicts where none is named; empty: the best one."""

    @abstractmethod
    def mark(self, info: BundleInfo | None) -> None:
        """Mark a model, or none."""

    @abstractmethod
    def look_again(self) -> None:
        """Read the list of models from the disk."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show the keys only where there is a model."""
        if action in _NEED_A_MODEL:
            return self.current is not None
        return super().check_action(action, parameters)

    @on(Done)
    def _done(self, message: Done) -> None:
        self.look_again()
        if message.text:
            self.notify(message.text, markup=False)

    @on(ToRead)
    def _to_read(self, message: ToRead) -> None:
        self.app.push_screen(ShowTextDialog(message.title, message.content))

    def _work(self, job: Callable[[], str]) -> None:
        """Run a job in a thread; what it returns is said when it is done."""

        async def work() -> None:
            self.post_message(Done(await asyncio.to_thread(job)))

        self.in_background(work(), "models-work")

    # --- names, notes, the default --------------------------------------------------------------------------------

    def action_rename(self) -> None:
        """Ask for a name and give it."""
        info = self.current
        if info is None:
            return

        def named(name: str | None) -> None:
            if name is not None and name != info.name:
                self._work(lambda: (rename_bundle(self.workspace, info, name), t("models.renamed"))[1])

        hint = t("models.rename_hint")
        self.app.push_screen(AskTextDialog(t("models.rename_title"), info.name, hint=hint, most=_LONGEST_NAME), named)

    def action_note(self) -> None:
        """Ask for a note and keep it."""
        info = self.current
        if info is None:
            return

        def written(text: str | None) -> None:
            if text is not None and text != info.note:
                self._work(lambda: (note_bundle(self.workspace, info, text), t("models.noted"))[1])

        title, hint = t("models.note_title", name=model_title(info)), t("models.note_hint")
        self.app.push_screen(AskTextDialog(title, info.note, hint=hint, most=_LONGEST_NOTE), written)

    def action_default(self) -> None:
        """Let this model predict where none is named; if it does already, let the best one do so again."""
        info = self.current
        if info is None:
            return
        chosen = None if self.default == info.model_id else info

        def set_it() -> str:
            set_default(self.workspace, chosen)
            return t("models.default_off") if chosen is None else t("models.default_set", name=model_title(chosen))

        self._work(set_it)

    # --- comparing ------------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the highlighted model, or take its mark away."""
        info = self.current
        same = info is not None and self.marked is not None and self.marked.model_id == info.model_id
        self.mark(None if same else info)

    def action_compare(self) -> None:
        """Compare the marked model with the highlighted one."""
        left, right = self.marked, self.current
        if left is None or right is None or left.model_id == right.model_id:
            self.notify(t("models.mark_two"), markup=False)
            return

        async def compare() -> None:
            from engine.prediction.difference import compare_bundles

            found = await asyncio.to_thread(compare_bundles, self.workspace, left, right)
            self.post_message(ToRead(t("models.compare_title"), compare_table(found)))

        self.in_background(compare(), "models-compare")

    # --- checking, carrying, reporting ----------------------------------------------------------------------------

    def action_verify(self) -> None:
        """Check every file of the model."""
        info = self.current
        if info is None:
            return

        async def verify() -> None:
            from engine.models.verifying import verify_bundle

            checks = await asyncio.to_thread(verify_bundle, info)
            self.post_message(ToRead(t("models.verify_title", name=model_title(info)), checks_text(checks)))

        self.in_background(verify(), "models-verify")

    def action_export(self) -> None:
        """Ask where to, and save the model there."""
        info = self.current
        if info is None:
            return

        def chosen(carried: Carried | None) -> None:
            if carried is not None:
                self.notify(t("models.exporting", name=model_title(info)), markup=False)
                self._work(lambda: t("models.exported", path=display_name(self._carry(info, carried))))

        self.app.push_screen(ExportModelDialog(model_title(info), Path.home() / "beholder-models"), chosen)

    def _carry(self, info: BundleInfo, carried: Carried) -> Path:
        if carried.form == "onnx":
            from engine.outputs.onnx_model import export_onnx

            return export_onnx(self.workspace, info, carried.folder)
        if carried.form == "joblib":
            from engine.outputs.joblib_export import export_joblib

            return export_joblib(self.workspace, info, carried.folder)
        from engine.models.carrying import export_bundle

        return export_bundle(self.workspace, info, carried.folder)

    def action_import(self) -> None:
        """Choose a folder and take in the model that lies there."""

        def take_in(folder: Path) -> str:
            from engine.models.carrying import import_bundle

            return t("models.imported", name=model_title(import_bundle(self.workspace, folder)))

        def chosen(folder: Path | None) -> None:
            if folder is not None:
                self.notify(t("models.importing"), markup=False)
                self._work(lambda: take_in(folder))

        self.app.push_screen(AskFolderDialog(t("models.import_title")), chosen)

    def action_report(self) -> None:
        """Ask where to, and write a report about the model."""
        info = self.current
        if info is None:
            return

        def write(path: Path) -> str:
            from engine.outputs.report import write_report
            from tui.report_words import page_words

            return t("models.reported", path=display_name(write_report(self.workspace, info, path, page_words())))

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.notify(t("models.reporting"), markup=False)
                self._work(lambda: write(path))

        title = t("models.report_title", name=model_title(info))
        suggestion = self.workspace.root / f"{info.model_id}.html"
        self.app.push_screen(SaveAsDialog(title, suggestion), chosen)

    def action_delete(self) -> None:
        """Ask, then move the model to the trash."""
        info = self.current
        if info is None:
            return

        def answered(sure: bool | None) -> None:
            if sure:
                self._work(lambda: (remove_bundle(self.workspace, info), t("models.deleted"))[1])

        dialog = ConfirmDialog(
            t("models.delete_title", name=model_title(info)),
            t("models.delete_text"),
            yes=t("models.delete_yes"),
            dangerous=True,
        )
        self.app.push_screen(dialog, answered)
