"""The dialog that ends a job: keep the best so far, abandon it, or leave it running."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Button, Footer, Static

from tui.i18n import t
from tui.keymap import bind
from tui.screens.base import BaseDialog

Ending = Literal["finish", "cancel"]


class EndJobDialog(BaseDialog[Ending | None]):
    """Asks how a job is to end; returns None where it is to go on.

    Args:
        kind: the job's kind: only what learns has a best to keep.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("escape,n", "answer('')", "jobs.key.go_on", id="end_job.go_on"),
        bind("k", "answer('finish')", "jobs.key.finish", id="end_job.finish"),
        bind("a", "answer('cancel')", "jobs.key.abandon", id="end_job.abandon"),
        bind("up", "app.focus_previous", "app.key.other", id="end_job.up", show=False),
        bind("down", "app.focus_next", "app.key.other", id="end_job.down", show=False),
    ]

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._keeps = kind != "predict"

    def compose(self) -> ComposeResult:
        """Yield the question and the ways to end."""
        with Vertical(classes="dialog -end-job"):
            yield Static(t("jobs.end_title"), classes="dialog-title", markup=False)
            yield Static(t("jobs.end_text"), classes="dialog-body", markup=False)
            if self._keeps:
                yield Button(t("jobs.end_finish"), id="finish", variant="primary")
            yield Button(t("jobs.end_cancel") if self._keeps else t("jobs.end_plain"), id="cancel", variant="error")
            yield Button(t("jobs.end_go_on"), id="go_on")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Put the focus on the answer that loses nothing."""
        self.query_one("#finish" if self._keeps else "#go_on", Button).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keep the best only where there is one."""
        return self._keeps or action != "answer" or parameters != ("finish",)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.action_answer(event.button.id or "")

    def action_answer(self, answer: str) -> None:
        """Answer: ``finish``, ``cancel``, or anything else to let it go on."""
        endings: dict[str, Ending] = {"finish": "finish", "cancel": "cancel"}
        self.dismiss(endings.get(answer))
