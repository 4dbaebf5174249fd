"""A table of any length, drawn line by line, so that 100,000 photos are as quick as ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from tui.terminal_scroll import can_move, move_lines
from tui.widgets.row_list import RowList

Justify = Literal["left", "right"]


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Args:
        title: its heading, in the present language.
        width: in cells; 0 shares the room that is left.
        justify: where its text stands.
        from_width: leave it out where the table is narrower than this, in cells.
        key: by which the screen knows it when its heading is clicked; empty where there is nothing to sort by.
        most: cells that it takes at most where it shares the room; 0 for all.
    """

    title: str
    width: int = 0
    justify: Justify = "left"
    from_width: int = 0
    key: str = ""
    most: int = 0


class ScoreTable(RowList[Any]):
    """Rows and columns with a cursor.

    Args:
        key: gives a row its name.
        cells: gives a row's texts, one a column; strings are never read as markup.
        columns: the columns.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "score-table--header",
        "score-table--cursor",
        "score-table--row",
        "score-table--thumb",
    }
    DEFAULT_CSS = """
    ScoreTable {
        height: 1fr; width: 1fr; background: $surface; color: $foreground;
        overflow-x: hidden; overflow-y: scroll; scrollbar-size: 0 0;
        & > .score-table--header { color: $text-muted; background: $panel; text-style: bold; }
        & > .score-table--cursor { background: $block-cursor-blurred-background; color: $foreground; }
        & > .score-table--row { background: $surface; }
        & > .score-table--thumb { background: $surface; color: $secondary; }
        &:focus > .score-table--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
    }
    """

    PLAIN_CURSOR: ClassVar[bool] = False
    """Whether the highlighted row leaves out the colours of its cells, which may not be readable on it."""

    @dataclass
    class HeaderClicked(Message):
        """A click on the heading of a column that has a key."""

        table: ScoreTable
        key: str

        @property
        def control(self) -> ScoreTable:
            """The table, for `@on` selectors."""
            return self.table

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
        self._sorted_by, self._reverse = "", False

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns for which there is room, in their order."""
        width = self.scrollable_content_region.width
        return tuple(column for column in self._columns if width >= column.from_width)

    def set_columns(self, columns: Sequence[Column], cells: Callable[[Any], Sequence[str | Text]]) -> None:
        """Show other columns, and the texts that belong into them."""
        self._columns, self._cells = tuple(columns), cells
        self.refresh()

    def show_order(self, key: str, *, reverse: bool) -> None:
        """Mark the column by which the rows are sorted.

        Args:
            key: the column's key; empty for none.
            reverse: whether the largest stands first.
        """
        if (key, reverse) != (self._sorted_by, self._reverse):
            self._sorted_by, self._reverse = key, reverse
            self.refresh(Region(0, 0, self.size.width, 1))

    def measure(self) -> None:
        """Set the virtual size: the header and one line a row."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.rows) + 1)

    def page_step(self) -> int:
        """Return how many rows are seen at once."""
        return max(self.scrollable_content_region.height - 1, 1)

    def row_region(self, index: int) -> Region | None:
        """Return the line of a row; None if it is out of sight."""
        line = index - self.scroll_offset.y
        return Region(0, line + 1, self.size.width, 1) if 0 <= line < self.page_step() else None

    def reveal(self) -> None:
        """Scroll so that the cursor's row is seen."""
        top, page = self.scroll_offset.y, self.page_step()
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw what came into sight; let the terminal move the rest where it can."""
        before, after = round(old_value), round(new_value)
        by = after - before
        lines = Region(self.region.x, self.region.y + 1, self.region.width, self.region.height - 1)
        if not by:
            return
        if abs(by) > lines.height // 2 or not can_move(self, lines):
            self.refresh()
            return
        origin = self.region.offset
        regions = [region.translate(-origin) for region in move_lines(self, lines, by)]
        old, new = self._thumb(before), self._thumb(after)
        right = self.size.width - 1
        regions += [Region(right, 1 + y, 1, 1) for y in range(lines.height) if (y + by in old) != (y in new)]
        self.refresh()  # no line that was kept is right any more …
        self._repaint_regions.clear()  # … but only these are to be sent
        self._set_dirty(*regions)

    def on_resize(self, event: events.Resize) -> None:
        """Measure again and keep the cursor in sight."""
        self.measure()
        self.reveal()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Highlight the clicked row; a second click chooses it. A heading sorts, the right edge leafs through."""
        page = self.page_step()
        if event.x == self.size.width - 1 and len(self.rows) > page and event.y:
            self.go_to((event.y - 1) * (len(self.rows) - 1) // max(page - 1, 1))
            return
        if event.y == 0:
            key = self._key_at(event.x)
            if key:
                self.post_message(self.HeaderClicked(self, key))
            return
        index = event.y - 1 + self.scroll_offset.y
        if index >= len(self.rows):
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
            return self._line([self._heading(column) for column in self._columns], width, style)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        name = "score-table--cursor" if index == self.cursor else "score-table--row"
        cells = self._cells(self.rows[index])
        if self.PLAIN_CURSOR and index == self.cursor:
            cells = [cell.plain if isinstance(cell, Text) else cell for cell in cells]
        line = self._line(cells, width - 1, self.get_component_rich_style(name))
        mark = "▐" if y - 1 in self._thumb(self.scroll_offset.y) else " "
        return Strip([*line, Segment(mark, self.get_component_rich_style("score-table--thumb"))], width)

    def _thumb(self, top: int) -> range:
        """Return the lines, from 0, that the right edge marks as what is seen of the whole; none if all is seen."""
        page, total = self.page_step(), len(self.rows)
        if total <= page:
            return range(0)
        size = max(page * page // total, 1)
        first = round(top * (page - size) / (total - page))
        return range(first, first + size)

    def _heading(self, column: Column) -> str:
        if not column.key or column.key != self._sorted_by:
            return column.title
        arrow = "▼" if self._reverse else "▲"
        room = column.width or cell_len(column.title) + 1
        return set_cell_size(column.title, min(room - 1, cell_len(column.title))) + arrow

    def _widths(self, width: int) -> list[tuple[int, Column, int]]:
        """Return place, column and cells of each column for which there is room."""
        shown = [(place, column) for place, column in enumerate(self._columns) if width >= column.from_width]
        fixed = sum(column.width for _, column in shown) + len(shown) + 1
        flexible = sum(column.width == 0 for _, column in shown)
        share = max((width - fixed) // max(flexible, 1), 4)
        return [(place, column, column.width or min(share, column.most or share)) for place, column in shown]

    def _key_at(self, x: int) -> str:
        left = 1
        for _, column, room in self._widths(self.scrollable_content_region.width - 1):
            if left <= x <= left + room:
                return column.key
            left += room + 1
        return ""

    def _line(self, cells: Sequence[str | Text], width: int, style: Style) -> Strip:
        # One piece wherever it can be: each piece costs the terminal another 40 bytes of colours.
        segments, plain = [], " "
        for place, column, room in self._widths(min(width, self.scrollable_content_region.width - 1)):
            cell = cells[place]
            if isinstance(cell, str):
                plain += fitted(cell, room, column.justify) + " "
                continue
            segments.append(Segment(plain, style))
            text, plain = cell.copy(), " "
            text.truncate(room, overflow="ellipsis")
            text.align(column.justify, room)
            segments += Segment.apply_style(text.render(self.app.console, end=""), style)
        segments.append(Segment(plain, style))
        return Strip(segments).adjust_cell_length(width, style).simplify()


def fitted(text: str, room: int, justify: Justify = "left") -> str:
    """Return a text that fills its room exactly, cut with an ellipsis where it is too long.

    >>> fitted("IMG_2041.jpg", 6), fitted("日出", 6, "right")
    ('IMG_2…', '  日出')
    """
    width = len(text) if text.isascii() else cell_len(text)
    if width > room:
        return set_cell_size(text, room - 1) + "…" if room else ""
    gap = " " * (room - width)
    return gap + text if justify == "right" else text + gap
