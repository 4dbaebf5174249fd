"""The shell: rooms, keys, help, errors, language, theme, and jobs that go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.widgets import Static

from engine.errors import DamagedFile
from engine.workspace import Workspace
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.error import ErrorDialog
from tui.i18n import texts
from tui.keymap import APP_BINDINGS
from tui.screens.base import BaseScreen
from tui.screens.data import DataScreen
from tui.screens.help import HelpDialog
from tui.screens.home import HomeScreen
from tui.screens.importing import ImportScreen
from tui.screens.scoring import ScoringScreen
from tui.widgets.gallery import Gallery
from tui.widgets.row_list import RowList


def area(app: BeholderApp) -> str:
    return app.screen.area if isinstance(app.screen, BaseScreen) else type(app.screen).__name__


async def test_function_keys_and_escape_walk_through_the_rooms(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        for key, expected in [("f2", "import"), ("f3", "data"), ("escape", "home"), ("d", "data"), ("f2", "import")]:
            await pilot.press(key)
            await wait_for(pilot, lambda expected=expected: area(app) == expected, f"{key} to open {expected}")


async def test_letters_go_into_an_input_and_open_nothing(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f2", "d", "t", "m", "1")
        await wait_for(pilot, lambda: app.screen.query_one("#folder").value == "dtm1", "the typed letters")  # type: ignore[attr-defined]
        assert area(app) == "import"
        await pilot.press("f3")
        await wait_for(pilot, lambda: area(app) == "data", "F3 to work inside an input")


async def test_help_lists_the_keys_of_the_screen(tmp_path: Path) -> None:
    app = make_app(tmp_path, ["a.jpg"])
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f3", "f1")
        await wait_for(pilot, lambda: isinstance(app.screen, HelpDialog), "the help dialog")
        await pilot.pause()
        assert "Take the last change back" in screen_text(app)
        await pilot.press("escape")
        await wait_for(pilot, lambda: area(app) == "data", "the dialog to close")


async def test_an_error_is_shown_with_its_remedy_and_the_app_lives(tmp_path: Path) -> None:
    app = make_app(tmp_path, language="zh")
    async with app.run_test(size=(80, 24)) as pilot:
        app.show_error(DamagedFile("{path} is odd[/b].", remedy="Mend it.", path=Path("x\x1b[31m[/b]y.jpg")))
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "the error dialog")
        await pilot.pause()
        assert r"x\x1b[31m[/b]y.jpg is odd[/b]." in screen_text(app)
        assert "Mend it." in screen_text(app)
        await pilot.press("enter")
        await wait_for(pilot, lambda: area(app) == "home", "the dialog to close")


async def test_language_switches_live_and_is_remembered(tmp_path: Path) -> None:
    app = make_app(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await wait_for(pilot, lambda: "c.jpg" in screen_text(app), "the Data screen")
        await pilot.press("down")
        await app.use_language("zh")
        await wait_for(pilot, lambda: "撤销" in screen_text(app) and "照片" in screen_text(app), "Chinese texts")
        assert isinstance(app.screen, DataScreen)
        assert app.screen.rows.row.name == "b.jpg"
        await wait_for(pilot, lambda: app.workspace.settings().language == "zh", "the saved language")
        app.use_theme("beholder-light")
        await wait_for(pilot, lambda: app.workspace.settings().theme == "beholder-light", "the saved theme")
    again = BeholderApp(Workspace(tmp_path))
    async with again.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: "首页" in screen_text(again) or "照片" in screen_text(again), "Chinese at start")
        assert again.theme == "beholder-light"


async def test_the_palette_offers_the_rooms(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p", *"data")
        await wait_for(pilot, lambda: "Data" in screen_text(app), "the palette's answer")
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: area(app) == "data", "the palette to open the Data screen")


async def test_damaged_settings_are_told_at_the_start(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    app.workspace.settings_file.write_text("scale = [", "utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "the error dialog")
        message = app.screen.query_one("#error-message", Static)
        assert "settings.toml is damaged" in str(message.render())


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (200, 60)])
async def test_every_size_of_terminal_is_survived(tmp_path: Path, size: tuple[int, int]) -> None:
    app = make_app(tmp_path, ["a.jpg", "b.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await wait_for(pilot, lambda: "a.jpg" in screen_text(app), "the photos")
        await pilot.resize_terminal(*size)
        await pilot.press("g", "down", "g", "f2", "f1", "escape", "escape")
        await wait_for(pilot, lambda: area(app) == "home", "Home")


def test_every_binding_has_a_unique_id_and_texts_in_both_languages() -> None:
    owners = [HomeScreen, ImportScreen, DataScreen, ScoringScreen, RowList, Gallery, ErrorDialog, HelpDialog]
    groups = [APP_BINDINGS, *(owner.BINDINGS for owner in owners)]
    bindings = [
        binding for group in groups for binding in group if isinstance(binding, Binding) and binding.description
    ]
    assert len(bindings) > 25
    identities = [binding.id for binding in bindings]
    assert len(set(identities)) == len(identities)
    for language in ("en", "zh"):
        known = texts(language)
        missing = {key for binding in bindings for key in (binding.description, binding.tooltip) if key not in known}
        assert not missing, language


def test_the_app_imports_nothing_heavy() -> None:
    code = (
        "import sys, tui.app, tui.screens.home, tui.screens.data, tui.screens.importing;"
        "print([m for m in ('torch','torchvision','timm','sklearn','pandas','openvino') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
