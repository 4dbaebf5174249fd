"""One predicted photo, large, with its score in words and a field to correct it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

from engine.errors import display_name
from engine.workspace import Scale, format_score
from tui.i18n import t
from tui.widgets.photo import Photo
from tui.widgets.prediction_table import PredictedRow, range_text


class PredictionCard(Vertical):
    """Shows a `PredictedRow`; the field below posts what the person thinks of it."""

    DEFAULT_CSS = """
    PredictionCard { height: 1fr; }
    PredictionCard > #card-name { height: 1; text-wrap: nowrap; text-overflow: ellipsis; text-style: bold; }
    PredictionCard > #card-score { height: auto; max-height: 3; }
    PredictionCard > #card-correct { height: 1; }
    PredictionCard > #card-correct Label { width: auto; padding-right: 1; color: $text-muted; }
    PredictionCard > #card-correct Input { width: 10; background: $boost; }
    PredictionCard > #card-correct Input:focus { background-tint: $primary 20%; }
    PredictionCard > #card-said { height: auto; max-height: 2; color: $text-muted; display: none; }
    PredictionCard > #card-said.-bad { color: $text-error; }
    PredictionCard > #card-said.-said { display: block; }
    PredictionCard.-empty > #card-correct, PredictionCard.-empty > #card-said { display: none; }
    """

    @dataclass
    class Corrected(Message):
        """The person's own score of a photo.

        Args:
            path: the photo.
            score: on the workspace's scale.
        """

        path: Path
        score: float

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="-empty")
        self.scale = Scale()
        self._row: PredictedRow | None = None

    def compose(self) -> ComposeResult:
        yield Photo()
        yield Static("", id="card-name", markup=False)
        yield Static("", id="card-score", markup=False)
        with Horizontal(id="card-correct"):
            yield Label(t("predict.your_score"))
            yield Input(id="correct", compact=True, max_length=10)
        yield Static("", id="card-said", markup=False)

    @property
    def path(self) -> Path | None:
        """The photo that is shown."""
        return self._row.path if self._row else None

    def show(self, row: PredictedRow | None, reason: str = "", model: str = "") -> None:
        """Show another photo.

        Args:
            row: its prediction; None empties the card.
            reason: why it has no score, in the present language.
            model: what the person calls the model that predicted.
        """
        another = row is None or self._row is None or row.path != self._row.path
        self._row = row
        self.set_class(row is None or row.score is None, "-empty")
        self.query_one("#card-name", Static).update(Text(display_name(row.path.name) if row else ""))
        self.query_one("#card-score", Static).update(_score_text(row, reason, model) if row else "")
        if another:
            self.query_one(Photo).show(row.path if row else None)
            self.query_one("#correct", Input).value = ""
            self.say("")

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a line below the field; an empty text hides it."""
        said = self.query_one("#card-said", Static)
        said.update(text)
        said.set_class(bad, "-bad")
        said.set_class(bool(text), "-said")

    def focus_field(self) -> None:
        """Put the focus into the field."""
        if not self.has_class("-empty"):
            self.query_one("#correct", Input).focus()

    @on(Input.Changed, "#correct")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value.strip():
            self._check(event.value)

    @on(Input.Submitted, "#correct")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        score = self._check(event.value)
        if score is not None and self._row is not None:
            self.post_message(self.Corrected(self._row.path, score))

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


def _score_text(row: PredictedRow, reason: str, model: str) -> Text:
    if row.score is None:
        return Text(reason, "red")
    text = Text(f"{row.score:.1f}", "bold")
    if span := range_text(row):
        text.append("  " + t("predict.range", range=span), "not bold dim")
    return text.append(f"  {display_name(model)}", "not bold dim")
