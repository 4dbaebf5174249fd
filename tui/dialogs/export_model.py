"""The dialog that asks where a model shall be carried, and in which form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Footer, Input, Label, Select, Static

from engine.errors import UsageError
from tui.i18n import say, t
from tui.keymap import bind
from tui.paths import parse_typed_path, typed_form
from tui.screens.base import BaseDialog
from tui.widgets.path_input import PathField

FORMATS = ("bundle", "onnx", "joblib")


@dataclass(frozen=True)
class Carried:
    """Where to, and as what: one of `FORMATS`."""

    folder: Path
    form: str


class ExportModelDialog(BaseDialog[Carried | None]):
    """Returns the folder and the form, or None.

    Args:
        title: what the model is called.
        folder: the folder that is suggested.
    """

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "cancel", "app.key.cancel", id="export_model.cancel")]

    def __init__(self, title: str, folder: Path) -> None:
        super().__init__()
        self._title, self._folder = title, folder

    def compose(self) -> ComposeResult:
        """Yield form, folder and the button."""
        with Vertical(classes="dialog -export"):
            yield Static(t("models.export_title", name=self._title), classes="dialog-title", markup=False)
            with Horizontal(classes="line"):
                yield Label(t("models.export_format"))
                forms = [(t(f"models.export_{form}"), form) for form in FORMATS]
                yield Select(forms, value="bundle", allow_blank=False, id="export-form", compact=True)
            with Horizontal(classes="line"):
                yield Label(t("models.export_to"))
                yield PathField("", id="export-folder")
            yield Static("", id="export-hint", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(t("models.export_yes"), variant="primary", id="yes")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Suggest the folder, and let the form be chosen first."""
        self.query_one("#export-folder", Input).value = typed_form(self._folder)
        self.query_one("#export-form", Select).focus()

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        self.query_one("#export-hint", Static).update(t("models.export_joblib_hint") if event.value == "joblib" else "")

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _entered(self, event: Input.Submitted | Button.Pressed) -> None:
        event.stop()
        try:
            folder = parse_typed_path(self.query_one("#export-folder", Input).value)
        except UsageError as error:
            self.query_one("#export-hint", Static).update(f"{say(error.message)} {say(error.remedy)}")
            return
        self.dismiss(Carried(folder, str(self.query_one("#export-form", Select).value)))

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
