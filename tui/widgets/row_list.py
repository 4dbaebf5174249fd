"""What the table and the gallery share: rows that are drawn only where they are seen, and a cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView

from tui.keymap import bind

RowT = TypeVar("RowT")


class RowList(ScrollView, Generic[RowT], can_focus=True, inherit_bindings=False):
    """A list of any length with a cursor; a subclass draws it line by line.

    Args:
        key: gives a row its name, by which the cursor finds it again after a change.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("up,k", "move(-1)", "app.key.up", id="rows.up", show=False),
        bind("down,j", "move(1)", "app.key.down", id="rows.down", show=False),
        bind("pageup", "page(-1)", "app.key.page_up", id="rows.page_up", show=False),
        bind("pagedown", "page(1)", "app.key.page_down", id="rows.page_down", show=False),
        bind("home", "edge(0)", "app.key.first", id="rows.first", show=False),
        bind("end", "edge(1)", "app.key.last", id="rows.last", show=False),
        bind("enter", "select", "app.key.select", id="rows.select", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=False, init=False)
    """The highlighted row; 0 when there is none."""

    @dataclass
    class RowHighlighted(Message):
        """The cursor came to a row; `row` is None when the list is empty."""

        row_list: RowList[Any]
        index: int
        row: Any

        @property
        def control(self) -> RowList[Any]:
            """The list, for `@on` selectors."""
            return self.row_list

    @dataclass
    class RowSelected(Message):
        """Enter or a click on the highlighted row."""

        row_list: RowList[Any]
        index: int
        row: Any

        @property
        def control(self) -> RowList[Any]:
            """The list, for `@on` selectors."""
            return self.row_list

    def __init__(self, key: Callable[[RowT], str], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._key = key
        self.rows: Sequence[RowT] = ()
        self.on_choose: Callable[[], None] | None = None

    @property
    def row(self) -> RowT | None:
        """The highlighted row."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def set_rows(self, rows: Sequence[RowT], *, select: str | None = None, cursor: int | None = None) -> None:
        """Show other rows; the cursor stays on the row of the same name, or at the same place.

        Args:
            rows: the new rows; not copied.
            select: name of the row to go to; None: the one that was highlighted.
            cursor: the place to go to, where the caller knows it: nothing is searched for then.
        """
        place = self.cursor
        if cursor is not None:
            place = cursor
        else:
            wanted = select if select is not None else self._key(self.row) if self.row is not None else None
            if wanted is not None and not (place < len(rows) and self._key(rows[place]) == wanted):
                place = next((n for n, row in enumerate(rows) if self._key(row) == wanted), place)
        self.rows = rows
        place = max(min(place, len(rows) - 1), 0)
        self.measure()
        self.set_reactive(RowList.cursor, place)
        if self.scrollable_content_region.height:  # else there is no page yet on which the row could be
            self.reveal()
        self.refresh()
        self.post_message(self.RowHighlighted(self, place, self.row))

    def go_to(self, index: int) -> None:
        """Move the cursor to a row, or to the nearest there is."""
        if self.rows:
            self.cursor = max(min(index, len(self.rows) - 1), 0)

    def watch_cursor(self, before: int, after: int) -> None:
        """Show the row of the cursor, draw the two rows that look different now, and tell the screen."""
        self.reveal()
        self.repaint_rows(before, after)
        self.post_message(self.RowHighlighted(self, after, self.row))

    def row_region(self, index: int) -> Region | None:
        """Return where a row is drawn, in cells of the widget; None if it is out of sight."""
        return self.size.region

    def repaint_rows(self, *indexes: int) -> None:
        """Draw some rows again, and nothing else."""
        regions = [region for index in indexes if (region := self.row_region(index)) is not None]
        if regions:
            self.refresh(*regions)

    def measure(self) -> None:
        """Set the virtual size from the number of rows."""
        raise NotImplementedError

    def reveal(self) -> None:
        """Scroll so that the cursor's row is seen."""
        raise NotImplementedError

    def page_step(self) -> int:
        """Return how many rows a page holds."""
        raise NotImplementedError

    def action_move(self, step: int) -> None:
        """Move the cursor by some rows."""
        self.go_to(self.cursor + step)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a page."""
        self.go_to(self.cursor + direction * self.page_step())

    def action_edge(self, last: int) -> None:
        """Move the cursor to the first or the last row."""
        self.go_to(len(self.rows) - 1 if last else 0)

    def action_select(self) -> None:
        """Tell the screen that the highlighted row was chosen: through `on_choose`, at once, or by a message."""
        if self.on_choose is not None:
            self.on_choose()
        elif self.row is not None:
            self.post_message(self.RowSelected(self, self.cursor, self.row))
