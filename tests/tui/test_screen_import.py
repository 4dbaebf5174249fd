"""Import: a folder is previewed, mended and copied, and its scores stand in scores.txt."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.widgets import DirectoryTree, Input

from tests.tui.piloting import make_app, make_photos, screen_text, wait_for
from tui.dialogs.error import ErrorDialog
from tui.dialogs.import_report import ImportReportDialog
from tui.dialogs.path_picker import PathPicker
from tui.screens.data import DataScreen
from tui.screens.importing import ImportScreen
from tui.widgets.path_input import PathSuggester
from tui.widgets.score_table import ScoreTable


async def test_a_folder_comes_in_end_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "my photos"
    make_photos(folder, ["85.jpg", "62_1.jpg", "IMG_2041.jpg", "x[b]y.jpg", "日出.jpg"])
    (folder / "broken.jpg").write_text("no picture", "utf-8")
    app = make_app(tmp_path / "work")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f2")
        await wait_for(pilot, lambda: isinstance(app.screen, ImportScreen), "the Import screen")
        screen = app.screen
        app.screen.query_one("#folder", Input).value = f"'{folder}'"
        await pilot.press("enter")
        await wait_for(pilot, lambda: "all 6" in screen_text(app), "the preview")
        assert not app.workspace.scores_file.exists()
        table = screen.query_one("#items", ScoreTable)
        place = next(n for n, item in enumerate(table.rows) if item.source.name == "IMG_2041.jpg")
        table.go_to(place)
        await wait_for(pilot, lambda: table.cursor == place, "the row of the photo without a score")
        await pilot.press("7", "1", "enter")
        await wait_for(pilot, lambda: table.rows[place].score == 71, "the typed score")
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: isinstance(app.screen, ImportReportDialog), "the report")
        await pilot.pause()
        assert "broken.jpg" in screen_text(app)
        lines = set(app.workspace.scores_file.read_text("utf-8").splitlines())
        assert lines == {"62_1.jpg\t62", "85.jpg\t85", "IMG_2041.jpg\t71"}
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, DataScreen), "the Data screen")
        await wait_for(pilot, lambda: "scored 3 of 5" in screen_text(app), "the imported photos")


async def test_a_missing_folder_is_told_and_the_form_stays(tmp_path: Path) -> None:
    app = make_app(tmp_path / "work")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f2")
        await wait_for(pilot, lambda: isinstance(app.screen, ImportScreen), "the Import screen")
        screen = app.screen
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "a word about the empty field")
        await pilot.press("enter")
        await wait_for(pilot, lambda: app.screen is screen, "the form")
        screen.query_one("#folder", Input).value = "/no/such/folder"
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "a word about the folder")
        await wait_for(pilot, lambda: "/no/such/folder" in screen_text(app), "the folder's name")
        await pilot.press("enter")
        await wait_for(pilot, lambda: app.screen is screen and screen.stop is None, "the form again")
        assert screen.query_one("#folder", Input).value == "/no/such/folder"


async def test_the_picker_chooses_a_folder(tmp_path: Path) -> None:
    make_photos(tmp_path / "album" / "inner", ["40.jpg"])
    app = make_app(tmp_path / "work")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f2")
        await wait_for(pilot, lambda: isinstance(app.screen, ImportScreen), "the Import screen")
        app.screen.query_one("#folder", Input).value = str(tmp_path / "album")
        await pilot.press("ctrl+o")
        await wait_for(pilot, lambda: isinstance(app.screen, PathPicker), "the picker")
        await wait_for(pilot, lambda: "inner" in screen_text(app), "the folder in the tree")
        await pilot.press("down")
        tree = app.screen.query_one(DirectoryTree)
        await wait_for(
            pilot,
            lambda: bool(tree.cursor_node and tree.cursor_node.data and tree.cursor_node.data.path.name == "inner"),
            "the cursor on the folder",
        )
        await pilot.press("space")
        await wait_for(pilot, lambda: "all 1" in screen_text(app), "the preview of the chosen folder")


async def test_what_was_typed_survives_a_change_of_language(tmp_path: Path) -> None:
    app = make_app(tmp_path / "work")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f2", *"abc")
        await wait_for(pilot, lambda: app.screen.query_one("#folder", Input).value == "abc", "the typed text")
        await app.use_language("zh")
        await wait_for(pilot, lambda: "文件夹" in screen_text(app), "Chinese")
        assert app.screen.query_one("#folder", Input).value == "abc"


def test_paths_are_completed_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "Pictures").mkdir()
    (tmp_path / "Plan.txt").touch()
    typed = str(tmp_path / "Pi")
    assert asyncio.run(PathSuggester().get_suggestion(typed)) == str(tmp_path / "Pictures") + "/"
    assert asyncio.run(PathSuggester().get_suggestion(str(tmp_path / "Pl"))) is None
