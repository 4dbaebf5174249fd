"""A stock Textual DataTable in an app of its own, to compare with: ``python -m benchmarks.stock_table ROWS``."""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.widgets import DataTable, Footer, Header

from benchmarks.labelling_album import named


class StockTable(App[None]):
    """The plain way to show a table: all rows in one DataTable, its cursor a row."""

    def compose(self) -> ComposeResult:
        """Yield header, table and footer."""
        yield Header()
        yield DataTable(cursor_type="row")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table with the names of `benchmarks.labelling_album`."""
        table = self.query_one(DataTable)
        table.add_columns("Photo", "Score", "State")
        for number in range(int(sys.argv[1])):
            table.add_row(named(number), str(number % 101), "scored")


if __name__ == "__main__":
    StockTable().run()
