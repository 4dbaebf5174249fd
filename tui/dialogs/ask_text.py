"""The dialog that asks for one line of text, such as a name or a note."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static

from tui.keymap import bind
from tui.screens.base import BaseDialog


class AskTextDialog(BaseDialog[str | None]):
    """Returns what was typed, without blanks around it; None when it was left.

    Args:
        title: what is asked, in the present language.
        value: what stands in the field at first.
        hint: what an empty field means.
        most: characters at most.
    """

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "cancel", "app.key.cancel", id="ask_text.cancel")]

    def __init__(self, title: str, value: str = "", *, hint: str = "", most: int = 100) -> None:
        super().__init__()
        self._title, self._value, self._hint, self._most = title, value, hint, most

    def compose(self) -> ComposeResult:
        """Yield the question and the field."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(self._value, placeholder=self._hint, max_length=self._most, id="answer")
        yield Footer(show_command_palette=False, compact=True)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip())

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
