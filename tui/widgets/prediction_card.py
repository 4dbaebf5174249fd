"""One predicted photo with its score in words, a field to correct it, and, where it is asked for, why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from engine.errors import display_name
from engine.prediction.explanation import Explanation
from engine.workspace import Scale
from tui.i18n import t
from tui.prediction.heat_paint import HeatPaint
from tui.prediction.rows import PredictedRow
from tui.widgets.correct_field import CorrectField
from tui.widgets.photo import Photo
from tui.widgets.photo_facts import PhotoFacts


class PredictionCard(Vertical):
    """Shows a `PredictedRow`: beside a table the photo and its score, alone (class ``-whole``) all that is known.

    Args:
        folder: where the scored photos lie.
    """

    DEFAULT_CSS = """
    PredictionCard { height: 1fr; }
    PredictionCard > #card-look { height: 1fr; width: 1fr; }
    PredictionCard #card-name { height: auto; max-height: 2; }
    PredictionCard > #card-side { height: auto; }
    PredictionCard PhotoFacts { height: auto; max-height: 6; }
    PredictionCard.-empty CorrectField { display: none; }
    PredictionCard.-whole { layout: horizontal; }
    PredictionCard.-whole > #card-side { height: 1fr; width: 41; padding-left: 1; }
    PredictionCard.-whole PhotoFacts { height: 1fr; max-height: 100%; }
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

    def __init__(self, folder: Path, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="-empty")
        self._folder = folder
        self._row: PredictedRow | None = None
        self._path: Path | None = None
        self._heat = False

    def compose(self) -> ComposeResult:
        """Yield the photo with its name, and what is said of it."""
        with Vertical(id="card-look"):
            yield Photo(id="card-photo")
            yield Static("", id="card-name", markup=False)
        with Vertical(id="card-side"):
            yield PhotoFacts(self._folder, id="card-facts")
            yield CorrectField()

    @property
    def facts(self) -> PhotoFacts:
        """What is said of the photo."""
        return self.query_one(PhotoFacts)

    @property
    def path(self) -> Path | None:
        """The photo that is shown."""
        return self._path

    @property
    def row(self) -> PredictedRow | None:
        """Its prediction, once there is one."""
        return self._row

    @property
    def shows_heat(self) -> bool:
        """Whether the heat map is wanted over the photo."""
        return self._heat

    def set_scale(self, scale: Scale) -> None:
        """Say on which scale the person scores."""
        self.query_one(CorrectField).scale = self.facts.scale = scale

    def set_whole(self, whole: bool) -> None:
        """Show all that is known of the photo, or only the photo and its score."""
        self.set_class(whole, "-whole")
        self.facts.can_focus = whole
        self._paint()

    def begin(self, path: Path) -> None:
        """Show a photo whose score is not known yet."""
        self._put(path, None)

    def show(self, row: PredictedRow | None, reason: str = "", model: str = "") -> None:
        """Show a predicted photo.

        Args:
            row: its prediction; None empties the card.
            reason: why it has no score, in the present language.
            model: what the person calls the model that predicted.
        """
        self._put(row.path if row is not None else None, row, reason, model)

    def _put(self, path: Path | None, row: PredictedRow | None, reason: str = "", model: str = "") -> None:
        another = path is None or path != self._path
        self._path, self._row = path, row
        self.set_class(row is None or row.score is None, "-empty")
        self.facts.show(row, reason, model)
        if another:
            self.facts.wait("")
            self.explain(None)
            self.query_one(Photo).show(path)
            self.query_one(CorrectField).clear()

    def explain(self, explanation: Explanation | None) -> None:
        """Show why the photo has its score, or nothing of it."""
        self.facts.explain(explanation)
        self._paint()

    def toggle_heat(self) -> None:
        """Show where the model looked over the photo, or the photo alone; the wish stays for the next photos."""
        self._heat = not self._heat
        self._paint()

    def _paint(self) -> None:
        known = self.facts.explanation
        heat = known.heat if known is not None and self._heat and self.has_class("-whole") else None
        self.query_one("#card-photo", Photo).paint(HeatPaint(heat) if heat is not None else None)
        name = Text(display_name(self._path.name) if self._path is not None else "", "bold", no_wrap=True)
        name.overflow = "ellipsis"
        if heat is not None:
            name.append(f"\n{t('predict_room.legend')}", "not bold dim")
        self.query_one("#card-name", Static).update(name)

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a line below the field; an empty text hides it."""
        self.query_one(CorrectField).say(text, bad=bad)

    def focus_field(self) -> None:
        """Put the focus into the field."""
        if not self.has_class("-empty"):
            self.query_one("#correct", Input).focus()

    @on(CorrectField.Entered)
    def _entered(self, event: CorrectField.Entered) -> None:
        event.stop()
        if self._path is not None:
            self.post_message(self.Corrected(self._path, event.score))
