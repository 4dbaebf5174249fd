"""The table: as wide as its room whatever the names, its headings to click, and only what changes is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui.piloting import wait_for
from tui.widgets.score_table import Column, ScoreTable, fitted

NAMES = ["a.jpg", "日出 海边.jpg", "é" * 100, "👍🏽 emoji.jpg", "", *(f"p{n}.jpg" for n in range(200))]
COLUMNS = (
    Column("Name", key="name"),
    Column("Score", 6, "right", key="score"),
    Column("Wide", 8, from_width=50, key="wide"),
    Column("Not sortable", 12, from_width=70),
)


class TableApp(App[None]):
    """A table alone on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.clicked: list[str] = []

    def compose(self) -> ComposeResult:
        yield ScoreTable(str, lambda row: (row, "50", "wide", "last"), COLUMNS, id="table")

    def on_mount(self) -> None:
        self.table.set_rows(NAMES)

    @property
    def table(self) -> ScoreTable:
        return self.query_one(ScoreTable)

    def on_score_table_header_clicked(self, event: ScoreTable.HeaderClicked) -> None:
        self.clicked.append(event.key)


@contextmanager
def drawn_again(table: ScoreTable) -> Iterator[list[Region]]:
    """Collect the regions that are to be repainted; all of the table as one region if it is."""
    found: list[Region] = []
    refresh = table.refresh

    def noted(*regions: Region, **options: Any) -> Any:
        found.extend(regions or [table.size.region])
        return refresh(*regions, **options)

    table.refresh = noted  # type: ignore[method-assign]
    yield found
    del table.refresh  # type: ignore[method-assign]


def lines(app: TableApp) -> list[str]:
    return ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]


@pytest.mark.parametrize("size", [(80, 24), (52, 10), (20, 5)])
async def test_every_line_is_as_wide_as_the_table(size: tuple[int, int]) -> None:
    app = TableApp()
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, lambda: "a.jpg" in lines(app)[1], "the rows")
        assert {cell_len(line) for line in lines(app)} == {size[0]}


@pytest.mark.parametrize(
    ("width", "titles"),
    [(80, ["Name", "Score", "Wide", "Not"]), (60, ["Name", "Score", "Wide"]), (40, ["Name", "Score"])],
)
async def test_columns_without_room_are_left_out(width: int, titles: list[str]) -> None:
    app = TableApp()
    async with app.run_test(size=(width, 10)) as pilot:
        await wait_for(pilot, lambda: "Name" in lines(app)[0], "the headings")
        assert lines(app)[0].split()[: len(titles)] == titles
        assert len(app.table.columns) == len(titles)


async def test_headings_tell_which_column_was_clicked_and_which_one_sorts() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await wait_for(pilot, lambda: "Name" in lines(app)[0], "the headings")
        for title in ("Name", "Score", "Wide", "Not"):
            await pilot.click("#table", offset=(lines(app)[0].index(title) + 1, 0))
        await wait_for(pilot, lambda: app.clicked == ["name", "score", "wide"], "the columns that can sort")
        app.table.show_order("score", reverse=True)
        await wait_for(pilot, lambda: "Score▼" in lines(app)[0], "the arrow")
        app.table.show_order("name", reverse=False)
        await wait_for(pilot, lambda: "Name▲" in lines(app)[0] and "▼" not in lines(app)[0], "the other arrow")


async def press(pilot: Pilot[Any], app: TableApp, key: str) -> list[Region]:
    cursor = app.table.cursor
    with drawn_again(app.table) as found:
        await pilot.press(key)
        await wait_for(pilot, lambda: app.table.cursor != cursor, "the cursor to move")
    return found


async def test_an_arrow_key_draws_the_two_rows_that_change() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await wait_for(pilot, lambda: "a.jpg" in lines(app)[1], "the rows")
        assert sorted(await press(pilot, app, "down")) == [Region(0, 1, 80, 1), Region(0, 2, 80, 1)]
        assert app.table.size.region not in await press(pilot, app, "down")
        assert app.table.size.region in await press(pilot, app, "pagedown")


async def test_one_row_can_be_drawn_alone_and_one_out_of_sight_not_at_all() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 10)) as pilot:
        await wait_for(pilot, lambda: "a.jpg" in lines(app)[1], "the rows")
        assert app.table.row_region(8) == Region(0, 9, 80, 1)
        assert app.table.row_region(9) is None
        await pilot.press("end")
        await wait_for(pilot, lambda: "p199.jpg" in lines(app)[-1], "the last row")
        assert app.table.row_region(0) is None
        with drawn_again(app.table) as found:
            app.table.repaint_rows(0, len(NAMES) - 1)
        assert found == [Region(0, 9, 80, 1)]


async def test_the_right_edge_shows_where_one_is_and_a_click_goes_there() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 12)) as pilot:
        await wait_for(pilot, lambda: "a.jpg" in lines(app)[1], "the rows")
        assert [line[-1] for line in lines(app)[1:]] == ["▐", *" " * 10]
        await pilot.click("#table", offset=(39, 11))
        await wait_for(pilot, lambda: app.table.cursor == len(NAMES) - 1, "the last row")
        await wait_for(pilot, lambda: [line[-1] for line in lines(app)[1:]] == [*" " * 10, "▐"], "the mark below")
        app.table.set_rows(NAMES[:5])
        await wait_for(pilot, lambda: "▐" not in "".join(lines(app)), "no mark where everything is seen")


def test_a_text_fills_its_room_exactly() -> None:
    for text in NAMES[:5]:
        for room in range(1, 12):
            assert cell_len(fitted(text, room)) == room, (text, room)
            assert cell_len(fitted(text, room, "right")) == room, (text, room)
