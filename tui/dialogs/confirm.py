"""The confirm dialog: one question, yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Footer, Static

from tui.i18n import t
from tui.keymap import bind
from tui.screens.base import BaseDialog


class ConfirmDialog(BaseDialog[bool]):
    """Asks before something that can't be taken back easily; returns True for yes.

    Args:
        question: the question, in the present language.
        detail: what will happen; may be empty.
        yes: text of the button that goes on; empty means a plain yes.
        dangerous: colours that button as a warning, and puts the focus on the other one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("escape,n", "answer(False)", "app.confirm.no", id="confirm.no"),
        bind("y", "answer(True)", "app.confirm.yes", id="confirm.yes"),
        bind("left,right", "app.focus_next", "app.key.other", id="confirm.other", show=False),
    ]

    def __init__(self, question: str, detail: str = "", *, yes: str = "", dangerous: bool = False) -> None:
        super().__init__()
        self._question, self._detail, self._yes, self._dangerous = question, detail, yes, dangerous

    def compose(self) -> ComposeResult:
        """Yield the question and two buttons."""
        with Vertical(classes="dialog -confirm"):
            yield Static(self._question, classes="dialog-title", markup=False)
            if self._detail:
                yield Static(self._detail, markup=False, classes="dialog-body")
            with Horizontal(classes="buttons"):
                variant = "error" if self._dangerous else "primary"
                yield Button(self._yes or t("app.confirm.yes"), variant=variant, id="yes")  # type: ignore[arg-type]
                yield Button(t("app.confirm.no"), id="no")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Put the focus on the answer that does no harm, or on yes where there is none."""
        self.query_one("#no" if self._dangerous else "#yes", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Answer."""
        self.dismiss(answer)
