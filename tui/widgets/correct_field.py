"""The field in which a person corrects a predicted score, and the line below it that says what came of it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

from engine.workspace import Scale, format_score
from tui.i18n import t


class CorrectField(Vertical):
    """Posts the person's own score once it is a number of the scale."""

    DEFAULT_CSS = """
    CorrectField { height: auto; }
    CorrectField > Horizontal { height: 1; }
    CorrectField Label { width: auto; padding-right: 1; color: $text-muted; }
    CorrectField Input { width: 10; background: $boost; }
    CorrectField Input:focus { background-tint: $primary 20%; }
    CorrectField > #card-said { height: auto; max-height: 2; color: $text-muted; display: none; }
    CorrectField > #card-said.-bad { color: $text-error; }
    CorrectField > #card-said.-said { display: block; }
    """

    @dataclass
    class Entered(Message):
        """The person's own score, on the workspace's scale."""

        score: float

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.scale = Scale()

    def compose(self) -> ComposeResult:
        """Yield the field and the line below it."""
        with Horizontal():
            yield Label(t("predict.your_score"))
            yield Input(id="correct", compact=True, max_length=10)
        yield Static("", id="card-said", markup=False)

    def clear(self) -> None:
        """Forget what was typed and said."""
        self.query_one(Input).value = ""
        self.say("")

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a line below the field; an empty text hides it."""
        said = self.query_one("#card-said", Static)
        said.update(text)
        said.set_class(bad, "-bad")
        said.set_class(bool(text), "-said")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value.strip():
            self._check(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        score = self._check(event.value)
        if score is not None:
            self.post_message(self.Entered(score))

    def _check(self, text: str) -> float | None:
        try:
            score = float(unicodedata.normalize("NFKC", text).replace(",", "."))
        except ValueError:
            score = float("nan")
        low, high = format_score(self.scale.low), format_score(self.scale.high)
        if score not in self.scale:
            self.say(t("predict.not_on_scale", low=low, high=high), bad=True)
            return None
        self.say(t("predict.enter_to_keep"))
        return score
