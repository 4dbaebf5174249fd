"""The dialog that asks for a folder: typed with completion, pasted, dropped, or chosen from a tree."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static

from engine.errors import UsageError
from tui.dialogs.path_picker import PathPicker
from tui.i18n import say
from tui.keymap import bind
from tui.paths import parse_typed_path, typed_form
from tui.screens.base import BaseDialog
from tui.widgets.path_input import PathField


class AskFolderDialog(BaseDialog[Path | None]):
    """Returns an absolute path, or None.

    Args:
        title: what is asked, in the present language.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+o", "browse", "app.import.browse", id="ask_folder.browse"),
        bind("escape", "cancel", "app.key.cancel", id="ask_folder.cancel"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        """Yield the question and the path."""
        with Vertical(classes="dialog -folder"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield PathField("", id="folder")
            yield Static("", id="folder-problem", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Put the focus into the path."""
        self.query_one("#folder", Input).focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            self.dismiss(parse_typed_path(event.value))
        except UsageError as error:
            self.query_one("#folder-problem", Static).update(f"{say(error.message)} {say(error.remedy)}")

    def action_browse(self) -> None:
        """Choose the folder from a tree."""

        def chosen(path: Path | None) -> None:
            if path is not None:
                self.query_one("#folder", Input).value = typed_form(path)

        self.app.push_screen(PathPicker(Path.home(), self._title), chosen)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
