"""The scored photos that a predicted one resembles most, side by side, with their scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from engine.prediction.explanation import Neighbour
from tui.prediction.words import neighbour_text
from tui.widgets.photo import Photo

COUNT = 3


class NeighbourPhotos(Horizontal):
    """Up to `COUNT` small photos, each with score, similarity and name below it."""

    DEFAULT_CSS = """
    NeighbourPhotos { height: auto; }
    NeighbourPhotos > .neighbour { width: 1fr; height: auto; padding-right: 1; }
    NeighbourPhotos > .neighbour.-none { display: none; }
    NeighbourPhotos .neighbour Photo { height: 5; }
    NeighbourPhotos .neighbour Static { height: 2; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def compose(self) -> ComposeResult:
        """Yield the places, empty for now."""
        for _ in range(COUNT):
            with Vertical(classes="neighbour -none"):
                yield Photo()
                yield Static("", markup=False)

    def show(self, nearest: Sequence[Neighbour], folder: Path) -> None:
        """Show these photos.

        Args:
            nearest: the nearest first.
            folder: where they lie.
        """
        for place, box in enumerate(self.query(".neighbour")):
            known = nearest[place] if place < len(nearest) else None
            box.set_class(known is None, "-none")
            box.query_one(Photo).show(None if known is None else folder / known.name)
            text = "" if known is None else neighbour_text(known.name, known.score, known.similarity)
            box.query_one(Static).update(text)
