"""Damaged files while the app runs: said once and clearly, every room can be left, mending is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.workspace import Workspace
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.error import ErrorDialog
from tui.screens.data import DataScreen
from tui.screens.home import HomeScreen

NAMES = [f"{n}.jpg" for n in range(10, 22)]


@pytest.fixture
def app(tmp_path: Path) -> BeholderApp:
    return make_app(tmp_path, NAMES)


def spoil_scores(workspace: Workspace) -> None:
    workspace.scores_file.write_text("10.jpg\t10\nthis is broken\n", encoding="utf-8")


async def settle(app: BeholderApp, pilot: Pilot[Any]) -> None:
    await app.workers.wait_for_complete()
    await pilot.pause()


async def close_dialogs(app: BeholderApp, pilot: Pilot[Any]) -> int:
    """Close what lies over the room, and return how many dialogs there were; one that comes again is a trap."""
    closed = 0
    await settle(app, pilot)
    while isinstance(app.screen, ErrorDialog):
        closed += 1
        assert closed < 4, "the dialog comes again each time it is closed"
        await pilot.press("escape")
        await settle(app, pilot)
    return closed


async def test_train_says_in_its_form_that_the_scores_are_damaged(app: BeholderApp) -> None:
    spoil_scores(app.workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f4")
        assert await close_dialogs(app, pilot) == 0
        await wait_for(pilot, lambda: "line 2" in screen_text(app), "the line")
        await pilot.press("f3", "f4")
        await close_dialogs(app, pilot)


@pytest.mark.parametrize("key", ["f2", "f3", "f4", "f5", "f6"])
async def test_no_room_is_a_trap_when_the_settings_are_damaged(app: BeholderApp, key: str) -> None:
    app.workspace.settings_file.parent.mkdir(exist_ok=True)
    app.workspace.settings_file.write_text("{{{", encoding="utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        assert await close_dialogs(app, pilot) == 1
        await pilot.press(key)
        await close_dialogs(app, pilot)
        await pilot.press("escape")
        await close_dialogs(app, pilot)
        assert isinstance(app.screen, HomeScreen)
        assert "Next step" not in screen_text(app)


async def test_data_counts_the_photos_that_vanished(app: BeholderApp) -> None:
    app.workspace.scores_file.write_text("10.jpg\t10\n11.jpg\t11\n", encoding="utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await wait_for(pilot, lambda: "scored 2 of 12" in screen_text(app), "the photos")
        (app.workspace.data / "10.jpg").unlink()
        await wait_for(pilot, lambda: "scored 1 of 11 · 1 missing" in screen_text(app), "the photo that is gone")


async def test_data_names_the_damage_and_notices_that_it_was_mended(app: BeholderApp) -> None:
    spoil_scores(app.workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "the dialog")
        await pilot.press("escape")
        screen = app.screen
        assert isinstance(screen, DataScreen)
        await wait_for(pilot, lambda: "line 2" in screen_text(app), "the damaged line in place of the photos")
        app.workspace.scores_file.write_text("10.jpg\t10\n", encoding="utf-8")
        await wait_for(pilot, lambda: len(screen.rows.rows) == len(NAMES), "the photos")
        assert not screen.query_one("#empty").display


async def test_a_fault_of_the_program_is_told_and_recorded_and_the_app_goes_on(app: BeholderApp) -> None:
    async def stumble() -> None:
        raise ZeroDivisionError("by nought")

    async with app.run_test() as pilot:
        app.in_background(stumble, "stumble")
        await wait_for(pilot, lambda: "nought" in screen_text(app), "the dialog")
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, HomeScreen), "Home again")
    assert "in stumble" in (app.workspace.internal / "faults.log").read_text("utf-8")
