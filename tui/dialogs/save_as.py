"""The dialog that asks under which name to save a file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static

from engine.errors import UsageError
from tui.i18n import say, t
from tui.keymap import bind
from tui.paths import parse_typed_path
from tui.screens.base import BaseDialog


class SaveAsDialog(BaseDialog[Path | None]):
    """Returns the absolute path to write, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "cancel", "app.key.cancel", id="save_as.cancel")]

    def __init__(self, title: str, suggestion: Path) -> None:
        super().__init__()
        self._title = title
        self._suggestion = suggestion
        self._sure_of: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(str(self._suggestion), id="save-path", select_on_focus=False)
            yield Static(t("predict.export_hint"), id="save-hint", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        hint = self.query_one("#save-hint", Static)
        try:
            path = parse_typed_path(event.value)
        except UsageError as error:
            hint.update(f"{say(error.message)} {say(error.remedy)}")
            return
        if not path.parent.is_dir():
            hint.update(t("predict.export_no_folder"))
        elif path.exists() and path != self._sure_of:
            self._sure_of = path
            hint.update(t("predict.export_replace"))
        else:
            self.dismiss(path)

    def action_cancel(self) -> None:
        """Close without a name."""
        self.dismiss(None)
