"""Drive the Import screen in tests: open it, preview a folder, read what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from engine.labels.importing import ImportItem
from engine.labels.recent import remember_folder
from engine.workspace import Workspace
from tests.tui.piloting import screen_text, wait_for
from tui.app import BeholderApp
from tui.screens.importing import ImportScreen


@asynccontextmanager
async def import_screen(
    root: Path,
    *,
    recent: Path | None = None,
    size: tuple[int, int] = (80, 24),
    language: str = "en",
    fresh: bool = False,
) -> AsyncIterator[tuple[Pilot[Any], ImportScreen]]:
    """Open the app on the Import screen.

    Args:
        root: where the workspace is.
        recent: a folder of an earlier import.
        size: columns and rows.
        language: ``en`` or ``zh``.
        fresh: whether there is no workspace yet.
    """
    workspace = Workspace(root)
    if not fresh:
        workspace.create()
    if recent is not None:
        remember_folder(workspace, recent)
    app = BeholderApp(workspace, language)
    async with app.run_test(size=size) as pilot:
        await pilot.press("f2")
        await wait_for(pilot, lambda: isinstance(app.screen, ImportScreen), "the Import screen")
        assert isinstance(app.screen, ImportScreen)
        await wait_for(pilot, lambda: isinstance(app.screen.focused, Input), "the focus in the form")
        yield pilot, app.screen


async def show(pilot: Pilot[Any], screen: ImportScreen, folder: Path, count: int) -> None:
    """Preview a folder of so many files."""
    screen.query_one("#folder", Input).value = str(folder)
    screen.action_preview()
    await wait_for(pilot, lambda: len(screen.rows.rows) == count and screen.rows.has_focus, "the preview")


async def go_to(pilot: Pilot[Any], screen: ImportScreen, name: str) -> None:
    """Move the cursor to a file."""
    place = next(n for n, item in enumerate(screen.rows.rows) if item.source.name == name)
    screen.rows.go_to(place)
    await wait_for(pilot, lambda: screen._looking == str(here(screen).source), f"the cursor on {name}")
    assert here(screen).source.name == name


def here(screen: ImportScreen) -> ImportItem:
    """Return the item of the cursor."""
    item = screen.rows.row
    assert isinstance(item, ImportItem)
    return item


def shown(screen: ImportScreen) -> str:
    """Return all that the terminal shows."""
    return screen_text(screen.beholder)


def told(screen: ImportScreen) -> str:
    """Return what the toasts say."""
    return " ".join(toast.message for toast in screen.app._notifications)


async def paste(pilot: Pilot[Any], text: str) -> None:
    """Paste as a terminal does: what has the focus gets it first."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


def press_now(screen: ImportScreen, *keys: str) -> None:
    """Press keys without waiting for a quiet moment after each, as `Pilot.press` does: work leaves none."""
    for key in keys:
        screen.app.post_message(events.Key(key, key if len(key) == 1 else None))
