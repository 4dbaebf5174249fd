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
        table.add_columns("Photo", "Score", "Guess", "Difference", "Size", "Date", "Source", "State")
        for number in range(int(sys.argv[1])):
            score, guess = number % 101, number % 97
            words = (str(score), str(guess), f"{score - guess:+}", "2.4 MB", "2026-11-23 12:15", "import", "scored")
            table.add_row(named(number), *words)


if __name__ == "__main__":
    StockTable().run()
