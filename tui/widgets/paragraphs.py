"""Shows a text as paragraphs that break between any two Chinese characters, and never before a closing sign."""

from __future__ import annotations

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from tui.cell_width import wrap


class Paragraphs(Widget):
    """A text that fits itself into the width; lines that begin a paragraph are separated by line ends.

    Args:
        text: the text, in the present language.
    """

    def __init__(self, text: str, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._text = text

    @property
    def text(self) -> str:
        """What is shown, unwrapped."""
        return self._text

    def update(self, text: str) -> None:
        """Show another text."""
        if text != self._text:
            self._text = text
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines the text takes at a width."""
        return len(self._lines(width))

    def render(self) -> Text:
        """Return the wrapped lines."""
        return Text("\n".join(self._lines(self.content_size.width)))

    def _lines(self, width: int) -> list[str]:
        return [line for part in self._text.split("\n") for line in wrap(part, max(width, 1))]
