"""Shows a text as paragraphs that break between any two Chinese characters, and never before a closing sign."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from tui.cell_width import wrap


class Paragraphs(Widget):
    """A text that fits itself into the width; lines that begin a paragraph are separated by line ends.

    Args:
        text: the text, in the present language.
    """

    def __init__(self, text: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = text

    def render(self) -> Text:
        """Return the wrapped lines."""
        width = max(self.content_size.width, 1)
        return Text("\n".join(line for part in self._text.split("\n") for line in wrap(part, width)))
