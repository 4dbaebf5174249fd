"""A list in which any number of lines can be ticked; what is not ticked has no sign, whatever the colours."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import SelectionList


class TickList(SelectionList[str]):
    """A `SelectionList` that tells ticked lines by a sign; Textual's own tells them by colour alone."""

    def render_line(self, y: int) -> Strip:
        """Return the line, with an empty box where it is not ticked."""
        line = super().render_line(y)
        place = self.scroll_offset.y + y
        if not 0 <= place < self.option_count or self.get_option_at_index(place).value in self.selected:
            return line
        first, box, *rest = line
        return Strip([first, Segment(" " * len(box.text), box.style), *rest], line.cell_length)
