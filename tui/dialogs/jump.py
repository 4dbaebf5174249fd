"""The dialog that asks where to go: a row's number, or a part of a name."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static

from tui.i18n import t
from tui.keymap import bind
from tui.screens.base import BaseDialog


class JumpDialog(BaseDialog[str | None]):
    """Returns what was typed, or None.

    Args:
        rows: how many rows there are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "cancel", "app.key.cancel", id="jump.cancel")]

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        """Yield the question and an input."""
        with Vertical(classes="dialog"):
            yield Static(t("data.jump.title"), classes="dialog-title")
            yield Input(placeholder=t("data.jump.hint", rows=f"{self._rows:,}"), id="jump", compact=True)
        yield Footer(show_command_palette=False, compact=True)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)

    def action_cancel(self) -> None:
        """Stay."""
        self.dismiss(None)
