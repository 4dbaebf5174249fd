"""The error dialog: what was wrong and what to do, in the person's language."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Button, Footer, Static

from engine.errors import BeholderError
from tui.i18n import say, t
from tui.keymap import bind
from tui.screens.base import BaseDialog


class ErrorDialog(BaseDialog[None]):
    """Shows one of our errors; any of Enter, Escape or the button closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape,enter", "close", "app.key.close", id="error.close")]

    def __init__(self, error: BeholderError) -> None:
        super().__init__()
        self.error = error

    def compose(self) -> ComposeResult:
        """Yield the message, the remedy and a button."""
        with Vertical(classes="dialog -error"):
            yield Static(t("app.error.title"), classes="dialog-title")
            with VerticalScroll(classes="dialog-body"):
                yield Static(say(self.error.message), markup=False, id="error-message")
                yield Static(say(self.error.remedy), markup=False, id="error-remedy")
            yield Button(t("app.key.close"), variant="primary", id="close")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Put the focus on the button."""
        self.query_one("#close", Button).focus()

    def on_button_pressed(self) -> None:
        """Close."""
        self.dismiss(None)

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)
