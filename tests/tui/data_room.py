"""The Data screen in tests: open it, and see what reached the disk."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from engine.labels.scorebook import ScoreBook
from tests.tui.piloting import wait_for
from tui.app import BeholderApp
from tui.screens.data import DataScreen


async def opened(pilot: Pilot[Any], app: BeholderApp, rows: int) -> DataScreen:
    """Press F3 and wait until so many rows are there, with their details."""
    await pilot.press("f3")
    await wait_for(
        pilot,
        lambda: (
            isinstance(app.screen, DataScreen)
            and app.screen.album.is_read
            and app.screen.album.reading.detailed
            and len(app.screen.rows.rows) == rows
        ),
        f"{rows} rows",
    )
    assert isinstance(app.screen, DataScreen)
    return app.screen


def names(screen: DataScreen) -> list[str]:
    """Return the names of the rows that are shown."""
    return [row.name for row in screen.rows.rows]


def scores(app: BeholderApp) -> dict[str, float]:
    """Return the scores as another program would find them."""
    return ScoreBook(app.workspace).scores()


def told(app: BeholderApp) -> list[str]:
    """Return what the toasts say."""
    return [notification.message for notification in app._notifications]
