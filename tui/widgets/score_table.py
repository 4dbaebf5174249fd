"""A table of any length, drawn line by line, so that 100,000 photos are as quick as ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.strip import Strip

from tui.widgets.row_list import RowList


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Args:
        title: its heading, in the present language.
        width: in cells; 0 shares the room that is left.
        justify: where its text stands.
        from_width: leave it out where the table is narrower than this, in cells.
    """

    title: str
    width: int = 0
    justify: Literal["left", "right"] = "left"
    from_width: int = 0


class ScoreTable(RowList[Any]):
    """Rows and columns with a cursor.

    Args:
        key: gives a row its name.
        cells: gives a row's texts, one a column; strings are never read as markup.
        columns: the columns.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"score-table--header", "score-table--cursor", "score-table--odd"}
    DEFAULT_CSS = """
    ScoreTable {
        height: 1fr; width: 1fr; background: $surface; color: $foreground;
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .score-table--header { color: $text-muted; background: $panel; text-style: bold; }
        & > .score-table--cursor { background: $block-cursor-blurred-background; color: $foreground; }
        & > .score-table--odd { background: $surface; }
        &:focus > .score-table--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
    }
    """

    def __init__(
        self,
        key: Callable[[Any], str],
        cells: Callable[[Any], Sequence[str | Text]],
        columns: Sequence[Column],
        *,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(key, id=id, classes=classes)
        self._cells = cells
        self._columns = tuple(columns)

    def measure(self) -> None:
        """Set the virtual size: the header and one line a row."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.rows) + 1)

    def page_step(self) -> int:
        """Return how many rows are seen at once."""
        return max(self.scrollable_content_region.height - 1, 1)

    def reveal(self) -> None:
        """Scroll so that the cursor's row is seen."""
        top, page = self.scroll_offset.y, self.page_step()
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False, force=True)

    def on_resize(self, event: events.Resize) -> None:
        """Measure again and keep the cursor in sight."""
        self.measure()
        self.reveal()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Highlight the clicked row; a second click chooses it."""
        index = event.y - 1 + self.scroll_offset.y
        if event.y < 1 or index >= len(self.rows):
            return
        if index == self.cursor and event.chain > 1:
            self.action_select()
        else:
            self.go_to(index)

    def render_line(self, y: int) -> Strip:
        """Return one line: the header, a row, or nothing below the last."""
        width = self.scrollable_content_region.width
        if y == 0:
            style = self.get_component_rich_style("score-table--header")
            return self._line([column.title for column in self._columns], width, style)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        name = "score-table--cursor" if index == self.cursor else "score-table--odd"
        return self._line(self._cells(self.rows[index]), width, self.get_component_rich_style(name))

    def _line(self, cells: Sequence[str | Text], width: int, style: Style) -> Strip:
        shown = [
            (column, cell) for column, cell in zip(self._columns, cells, strict=True) if width >= column.from_width
        ]
        fixed = sum(column.width for column, _ in shown) + len(shown) + 1
        flexible = sum(column.width == 0 for column, _ in shown)
        share = max((width - fixed) // max(flexible, 1), 4)
        segments = [Segment(" ", style)]
        for column, cell in shown:
            text = cell.copy() if isinstance(cell, Text) else Text(cell)
            room = column.width or share
            text.truncate(room, overflow="ellipsis")
            text.align(column.justify, room)
            segments += Segment.apply_style(text.render(self.app.console, end=""), style)
            segments.append(Segment(" ", style))
        return Strip(segments).adjust_cell_length(width, style)
