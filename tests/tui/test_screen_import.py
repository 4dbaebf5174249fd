"""Import: a folder is previewed, mended and copied, and its scores stand in scores.txt."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from pathlib import Path

import pytest
from textual.widgets import DirectoryTree, Input

from engine.labels.scorebook import ScoreBook
from tests.tui.import_piloting import go_to, here, import_screen, press_now, show, shown, told
from tests.tui.piloting import make_app, make_photos, screen_text, wait_for
from tui.dialogs.error import ErrorDialog
from tui.dialogs.import_report import ImportReportDialog
from tui.dialogs.path_picker import PathPicker
from tui.screens.data import DataScreen
from tui.screens.importing import ImportScreen
from tui.widgets.path_input import PathField, PathSuggester
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
        await pilot.press("right", "enter")
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


def make_many(folder: Path, names: Iterable[str]) -> None:
    """Write many photos quickly: the same picture, with other bytes at the end, so that each has its own content."""
    content = make_photos(folder, ["first.jpg"])[0].read_bytes()
    (folder / "first.jpg").unlink()
    for name in names:
        (folder / name).write_bytes(content + name.encode())


async def test_a_stopped_import_says_so_and_goes_on(tmp_path: Path) -> None:
    names = [f"{number % 100}_{number}.jpg" for number in range(1200)]
    make_many(tmp_path / "album", names)
    async with import_screen(tmp_path / "work") as (pilot, screen):
        workspace = screen.workspace
        await show(pilot, screen, tmp_path / "album", 1200)
        await go_to(pilot, screen, names[3])
        await pilot.press("5", "0", "enter")
        press_now(screen, "ctrl+s")
        await wait_for(pilot, lambda: any(workspace.data.glob("*.jpg")) and "/s" in shown(screen), "the first copies")
        press_now(screen, "8", "escape")  # the digit counts for nothing now
        await wait_for(pilot, lambda: screen.stop is None, "the import has stopped")
        copied = {path.name: path.stat().st_ino for path in workspace.data.glob("*.jpg")}
        assert 0 < len(copied) < 1200
        assert f"Stopped after {len(copied)} of 1200" in shown(screen)
        scores = ScoreBook(workspace).scores()
        assert scores.keys() == copied.keys()  # what is in has its score
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ImportReportDialog), "the report")
        found = {path.name: path.stat().st_ino for path in workspace.data.glob("*.jpg")}
        assert found.keys() == set(names) and found.items() >= copied.items()  # nothing was copied twice
        assert ScoreBook(workspace).scores() == {name: float(name.split("_")[0]) for name in names} | {names[3]: 50}
        await wait_for(pilot, lambda: f"{1200 - len(copied)} photos were copied" in shown(screen), "what was new")


async def test_an_import_that_the_app_did_not_survive_goes_on_in_a_new_preview(tmp_path: Path) -> None:
    names = [f"{number % 100}_{number}.jpg" for number in range(300)]
    make_many(tmp_path / "album", names)
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, tmp_path / "album", 300)
        press_now(screen, "ctrl+s")
        await wait_for(pilot, lambda: any(screen.workspace.data.glob("*.jpg")), "the first copies")
    # the app is closed in the middle
    async with import_screen(tmp_path / "work") as (pilot, screen):
        there = len(list(screen.workspace.data.glob("*.jpg")))
        await wait_for(pilot, lambda: screen.query(PathField).first().offered != [], "the folder is offered again")
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: len(screen.rows.rows) == 300 and screen.rows.has_focus, "the preview")
        assert screen.draft is not None and screen.draft.count("same") == there
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ImportReportDialog), "the report")
        assert {path.name for path in screen.workspace.data.glob("*.jpg")} == set(names)
        assert len(ScoreBook(screen.workspace).scores()) == 300


async def test_the_report_tells_what_became_of_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "x["
    (folder / "deep").mkdir(parents=True)
    make_photos(folder, ["pad.jpg", "b]y.jpg", "\x1b[31m50.jpg", "60.jpg", "out.jpg", "twin.jpg", "deep/60.jpg"])
    (folder / "deep" / "same.jpg").write_bytes((folder / "twin.jpg").read_bytes())
    (folder / "deep" / "‮gpj.jpg").write_text("no picture", "utf-8")
    async with import_screen(tmp_path / "work", size=(120, 40)) as (pilot, screen):
        make_photos(screen.workspace.data, ["60.jpg"])  # another photo has the name already
        await show(pilot, screen, folder, 9)
        await go_to(pilot, screen, "out.jpg")
        await pilot.press("x")
        await go_to(pilot, screen, "b]y.jpg")
        await pilot.press("9", "9", "ctrl+s")  # typed, not entered: it counts
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ImportReportDialog), "the report")
        await wait_for(pilot, lambda: "Left out by you: 1" in shown(screen), "the counts")
        text = shown(screen)
        assert "deep/\\u202egpj.jpg" in text and "not a picture" in text
        assert "\\x1b[31m50.jpg → _[31m50.jpg" in text
        assert "deep/60.jpg → 60_" in text
        assert ScoreBook(screen.workspace).scores()["b]y.jpg"] == 99
        assert not (screen.workspace.data / "out.jpg").exists()
        await pilot.press("escape")
        await wait_for(pilot, lambda: screen.is_current and screen.draft is None, "the form for the next folder")
        assert screen.query_one("#folder").has_focus and screen.query_one("#folder", Input).value == ""
        await wait_for(pilot, lambda: screen.query(PathField).first().offered == [str(folder)], "the folder")


async def test_a_typed_score_replaces_one_that_the_photo_has(tmp_path: Path) -> None:
    make_photos(tmp_path / "album", ["a.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        make_photos(screen.workspace.data, ["a.jpg"])
        ScoreBook(screen.workspace).set("a.jpg", 10.0)
        await show(pilot, screen, tmp_path / "album", 1)
        assert here(screen).score == 10 and "have it" in shown(screen)
        await pilot.press("3", "3", "enter", "ctrl+s")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ImportReportDialog), "the report")
        assert ScoreBook(screen.workspace).scores() == {"a.jpg": 33}
        await wait_for(pilot, lambda: "No photo was copied" in shown(screen), "a word about it")


async def test_the_report_waits_for_somebody_who_works_in_another_room(tmp_path: Path) -> None:
    make_many(tmp_path / "album", [f"{number % 100}_{number}.jpg" for number in range(700)])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, tmp_path / "album", 700)
        press_now(screen, "ctrl+s")
        await wait_for(pilot, lambda: screen.stop is not None, "the copying")
        press_now(screen, "f3")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, DataScreen), "the Data screen")
        await wait_for(pilot, lambda: "700 photos were copied" in told(screen), "a word about the end")
        assert isinstance(screen.app.screen, DataScreen)
        await pilot.press("f2")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ImportReportDialog), "the report")


async def test_a_full_disk_is_told_and_the_draft_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_photos(tmp_path / "album", ["a.jpg", "b.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, tmp_path / "album", 2)
        await pilot.press("7", "0", "enter")

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as disk:
            disk.setattr("engine.storage.shutil.copyfileobj", full)
            await pilot.press("ctrl+s")
            await wait_for(pilot, lambda: isinstance(screen.app.screen, ErrorDialog), "the error")
            await wait_for(pilot, lambda: "disk is full" in shown(screen), "the reason")
        await pilot.press("enter")
        await wait_for(pilot, lambda: screen.is_current and screen.stop is None, "the draft")
        assert here(screen).source.name == "b.jpg" and screen.rows.rows[0].score == 70
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ImportReportDialog), "it goes on")
