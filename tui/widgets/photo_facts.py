"""All that is said of one predicted photo, from the score to what was measured, in a column that scrolls."""

from __future__ import annotations

from pathlib import Path

from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from engine.errors import Message
from engine.outputs.heat_words import where_it_looked
from engine.prediction.explanation import Explanation, Standing
from engine.workspace import Scale
from tui.i18n import say, t
from tui.prediction.rows import PredictedRow
from tui.prediction.score_plot import plot_lines
from tui.prediction.words import measurements_table, score_text, standing_text
from tui.widgets.neighbour_photos import NeighbourPhotos

_PLOT_WIDTH = 60
_PARTS = ("score", "far", "waiting", "standing", "plot", "looked", "resembles", "measured-title", "measured", "notes")


class PhotoFacts(VerticalScroll):
    """Shows a score at once and the explanation when it comes.

    Args:
        folder: where the scored photos lie.
    """

    DEFAULT_CSS = """
    PhotoFacts { height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    PhotoFacts > Static { height: auto; width: 1fr; }
    PhotoFacts > .-none { display: none; }
    PhotoFacts > .title { color: $primary; margin-top: 1; }
    PhotoFacts > #facts-far { color: $text-warning; }
    PhotoFacts > #facts-waiting, PhotoFacts > #facts-notes { color: $text-muted; }
    PhotoFacts > #facts-plot { color: $secondary; height: auto; text-wrap: nowrap; }
    """

    def __init__(self, folder: Path, *, id: str | None = None) -> None:
        super().__init__(id=id, can_focus=False)
        self._folder = folder
        self.scale = Scale()
        self._explanation: Explanation | None = None
        self._score: float | None = None
        self._measured = False

    def compose(self) -> ComposeResult:
        """Yield a place for each thing that may be said."""
        for part in _PARTS:
            classes = "-none title" if part in {"resembles", "measured-title"} else "-none"
            yield Static("", id=f"facts-{part}", classes=classes, markup=False)
            if part == "resembles":
                yield NeighbourPhotos(classes="-none")

    @property
    def explanation(self) -> Explanation | None:
        """What is shown beside the score."""
        return self._explanation

    def show(self, row: PredictedRow | None, reason: str = "", model: str = "") -> None:
        """Show a photo's score, and no explanation yet.

        Args:
            row: its prediction; None empties everything.
            reason: why it has no score, in the present language.
            model: what the person calls the model.
        """
        self._score = row.score if row is not None else None
        self._put("score", None if row is None else score_text(row, reason, model))
        self._put("far", Text(t("predict_room.far")) if row is not None and row.far else None)

    def wait(self, text: str) -> None:
        """Say what is being waited for; an empty text: nothing."""
        self._put("waiting", Text(text) if text else None)

    def explain(self, explanation: Explanation | None) -> None:
        """Show an explanation, or none."""
        if explanation is None and self._explanation is not None:
            self.scroll_home(animate=False)
        self._explanation = known = explanation
        standing = known.standing if known is not None else None
        self._put("standing", Text(standing_text(standing)) if standing else None)
        self._draw_plot()
        heat = known.heat if known is not None else None
        self._put("looked", Text(" ".join(map(say, where_it_looked(heat)))) if heat is not None else None)
        nearest = known.nearest if known is not None else ()
        self._put("resembles", Text(t("predict_room.resembles")) if nearest else None)
        photos = self.query_one(NeighbourPhotos)
        photos.set_class(not nearest, "-none")
        photos.show(nearest, self._folder)
        notes = known.notes if known is not None else ()
        self._put("notes", Text("\n".join(map(_note, notes))) if notes else None)
        self.show_measurements(self._measured)

    def show_measurements(self, wanted: bool) -> None:
        """Show what was measured in the photo, or hide it; the wish stays for the next photos."""
        was_shown, self._measured = self._measured, wanted
        measured = self._explanation.measurements if self._explanation is not None else None
        shown = measured if wanted else None
        self._put("measured-title", Text(t("predict_room.measured")) if shown else None)
        self._put("measured", measurements_table(shown) if shown else None)
        if shown and not was_shown:
            self.call_after_refresh(self.scroll_end, animate=False)

    @property
    def shows_measurements(self) -> bool:
        """Whether they are wanted."""
        return self._measured

    def on_resize(self) -> None:
        """Draw the plot as wide as there is room."""
        self._draw_plot()

    def _draw_plot(self) -> None:
        standing: Standing | None = self._explanation.standing if self._explanation is not None else None
        width = min(self.scrollable_content_region.width, _PLOT_WIDTH)
        if standing is None or self._score is None or width < 8 or not standing.counts:
            self._put("plot", None)
            return
        height = 2 if self.size.height < 24 else 4
        lines = plot_lines(standing.counts, self._score, self.scale, width, height)
        self._put("plot", "\n".join(lines))

    def _put(self, part: str, content: RenderableType | None) -> None:
        static = self.query_one(f"#facts-{part}", Static)
        static.set_class(content is None, "-none")
        static.update(content if content is not None else "")


def _note(note: Message) -> str:
    return f"! {say(note)}"
