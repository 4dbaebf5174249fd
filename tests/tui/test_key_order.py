"""Keys that arrive together take effect in their order, also where one of them moves the focus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Input

from engine.labels.scorebook import ScoreBook
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.error import ErrorDialog
from tui.key_order import KeyOrder
from tui.screens.data import DataScreen

NAMES = [f"{number}.jpg" for number in range(10, 20)]


def burst(app: KeyOrder, keys: Iterable[str]) -> None:
    """Send keys, named or as characters, faster than any of them can take effect."""
    for key in keys:
        app.post_message(
            events.Key({"/": "slash", ">": "greater_than_sign"}.get(key, key), key if len(key) == 1 else None)
        )


async def opened(pilot: Pilot[Any], app: BeholderApp) -> DataScreen:
    ScoreBook(app.workspace).set_many({name: float(name[:2]) for name in NAMES})
    await pilot.press("f3")
    await wait_for(pilot, lambda: "scored 10 of 10" in screen_text(app), "the photos")
    assert isinstance(app.screen, DataScreen)
    return app.screen


async def test_a_filter_can_be_typed_at_once(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, app)
        burst(app, [*"/score>17", "enter", "down", "5", "enter"])
        await wait_for(pilot, lambda: ScoreBook(app.workspace).scores()["19.jpg"] == 5, "the score of the second row")
        assert app.screen is screen
        before = {name: float(name[:2]) for name in NAMES}
        assert ScoreBook(app.workspace).scores() == {**before, "19.jpg": 5}


async def test_scores_typed_before_the_photos_are_read_wait_for_them(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    before = {name: float(name[:2]) for name in NAMES}
    ScoreBook(app.workspace).set_many(before)
    async with app.run_test(size=(100, 30)) as pilot:
        burst(app, ["f3", "8", "0", "enter", "7", "5", "enter", "s", "up", "3", "enter"])
        expected = {**before, "10.jpg": 80, "11.jpg": 75, "13.jpg": 3}
        await wait_for(pilot, lambda: ScoreBook(app.workspace).scores() == expected, "all three scores")


async def test_a_workspace_that_cannot_be_read_still_takes_keys(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    app.workspace.scores_file.write_text("no tab here\n", "utf-8")
    async with app.run_test(size=(100, 30)) as pilot:
        burst(app, ["f3", "8", "0", "enter"])
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "the error")
        burst(app, ["escape", "f2"])
        await wait_for(pilot, lambda: "Preview" in screen_text(app), "the Import screen")


async def test_a_dialog_can_be_answered_at_once(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, app)
        burst(app, ["f", "4", "enter", "delete", "y", "f", "2", "enter"])
        await wait_for(pilot, lambda: "13.jpg" not in ScoreBook(app.workspace).scores(), "the deletion")
        await wait_for(pilot, lambda: app.screen is screen and screen.rows.cursor == 1, "the second row")
        burst(app, ["u", "r", "u"])
        await wait_for(pilot, lambda: (app.workspace.data / "13.jpg").exists(), "the photo to come back")


class _Asking(ModalScreen[str]):
    def compose(self) -> ComposeResult:
        yield Input()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class _Plain(KeyOrder):
    """Collects what a dialog is told; x takes away the button that has the focus."""

    BINDINGS = [Binding("a", "ask"), Binding("x", "take", priority=True)]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def compose(self) -> ComposeResult:
        yield Button("one")
        yield Button("two")

    async def action_ask(self) -> None:
        self.push_screen(_Asking(), lambda text: self.told.append(str(text)))

    async def action_take(self) -> None:
        if isinstance(self.focused, Button):
            await self.focused.remove()


async def test_texts_and_pastes_keep_their_order_through_many_dialogs() -> None:
    app = _Plain()
    async with app.run_test() as pilot:
        for number in range(10):
            burst(app, ["a", *str(number)])
            app.post_message(events.Paste(" pasted "))
            burst(app, [*"end", "enter"])
        await wait_for(pilot, lambda: len(app.told) == 10, "ten answers")
        assert app.told == [f"{number} pasted end" for number in range(10)]


async def test_a_widget_that_goes_away_takes_no_later_key_along() -> None:
    app = _Plain()
    async with app.run_test() as pilot:
        assert isinstance(app.focused, Button)
        burst(app, ["b", "x", "x", "a", "1", "enter"])
        await wait_for(pilot, lambda: app.told == ["1"], "the answer")
        assert not app.query(Button)


async def test_keys_come_through_where_nothing_has_the_focus() -> None:
    app = _Plain()
    async with app.run_test() as pilot:
        app.set_focus(None)
        assert isinstance(app.screen, Screen)
        burst(app, ["z", "a", "2", "enter"])
        await wait_for(pilot, lambda: app.told == ["2"], "the answer")


async def test_a_held_key_moves_as_often_as_it_was_sent(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        burst(app, ["down"] * 7 + ["up"] * 2)
        await wait_for(pilot, lambda: screen.rows.cursor == 5, "the sixth row")
