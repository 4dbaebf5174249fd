"""The dialog that shows something to read: it scrolls, and any of the usual keys closes it."""

from __future__ import annotations

from typing import ClassVar

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Footer, Static

from tui.keymap import bind
from tui.screens.base import BaseDialog


class ShowTextDialog(BaseDialog[None]):
    """Shows a title and a text or table.

    Args:
        title: in the present language.
        content: what to read; strings are never read as markup.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("escape,q,enter", "close", "app.key.close", id="show_text.close", priority=True)
    ]

    def __init__(self, title: str, content: RenderableType) -> None:
        super().__init__()
        self._title, self._content = title, content

    def compose(self) -> ComposeResult:
        """Yield the title and what there is to read."""
        with Vertical(classes="dialog -reading"):
            yield Static(self._title, classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-body"):
                yield Static(self._content, markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)
