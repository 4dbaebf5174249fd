"""Predict: one photo, a folder with a broken photo, a corrected score, an export."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.labels.recent import recent_folders
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.conftest import draw_photo
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.save_as import SaveAsDialog
from tui.screens.predict import PredictScreen
from tui.widgets.photo import Photo
from tui.widgets.prediction_table import PredictedRow, PredictionTable

pytestmark = pytest.mark.usefixtures("patience")


async def open_predict(app: BeholderApp, pilot: Pilot[Any]) -> PredictScreen:
    await pilot.press("f5")
    await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the Predict screen")
    assert isinstance(app.screen, PredictScreen)
    return app.screen


async def predict(app: BeholderApp, pilot: Pilot[Any], typed: str) -> PredictScreen:
    screen = await open_predict(app, pilot)
    await wait_for(pilot, lambda: "my taste" in screen_text(app), "the model's name")
    screen.query_one("#path", Input).value = typed
    screen.query_one("#path", Input).focus()
    await pilot.press("enter")
    await wait_for(pilot, lambda: screen.state == "finished", "the end of the prediction")
    return screen


async def test_one_photo_gets_a_score_and_a_correction_joins_the_data(trained: Workspace, tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "my [b]photo.jpg", 77, 0.5)
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await predict(app, pilot, f"'{photo}'")
        await wait_for(pilot, lambda: "90 % between" in screen_text(app), "the score and its interval")
        assert "my [b]photo.jpg" in screen_text(app)
        assert not screen.query_one(PredictionTable).display
        await wait_for(pilot, lambda: screen.query_one(Photo).is_loaded, "the picture")
        await pilot.press("ctrl+r", *"101")
        await wait_for(pilot, lambda: "a number from 0 to 100" in screen_text(app), "a word about the scale")
        await pilot.press("enter", "backspace", "enter")
        await wait_for(pilot, lambda: "kept in the training data" in screen_text(app), "the correction")
        assert ScoreBook(trained).scores()["my [b]photo.jpg"] == 10.0
        assert (trained.data / "my [b]photo.jpg").read_bytes() == photo.read_bytes()
        await pilot.press("5", "enter")
        await wait_for(pilot, lambda: "a number from 0 to 100" in screen_text(app), "105 to be refused")
        assert ScoreBook(trained).scores()["my [b]photo.jpg"] == 10.0
        await pilot.press("home", "delete", "enter")
        await wait_for(pilot, lambda: ScoreBook(trained).scores()["my [b]photo.jpg"] == 5.0, "the second correction")
        assert sum("photo" in file.name for file in trained.data.iterdir()) == 1
        assert recent_folders(trained) == []  # no folder was imported


async def test_a_photo_of_the_training_data_is_rescored_in_place(trained: Workspace) -> None:
    name = next(iter(ScoreBook(trained).scores()))
    before = sorted(trained.data.iterdir())
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await predict(app, pilot, str(trained.data / name))
        await wait_for(pilot, lambda: "90 % between" in screen_text(app), "the score")
        await pilot.press("ctrl+r", *"99.5", "enter")
        await wait_for(pilot, lambda: ScoreBook(trained).scores()[name] == 99.5, "the correction")
        assert sorted(trained.data.iterdir()) == before


async def test_a_folder_is_sorted_and_a_broken_photo_is_named_and_all_is_saved(
    trained: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "new photos"
    folder.mkdir()
    for number in range(6):
        draw_photo(folder / f"new-{'abcdef'[number]}.jpg", 200 + number, 0.1 + 0.15 * number)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await predict(app, pilot, str(folder).replace(" ", "\\ "))
        table = screen.query_one(PredictionTable)
        await wait_for(pilot, lambda: len(table.rows) == 7, "all rows")
        scores = [row.score for row in table.rows]
        assert scores[:-1] == sorted(scores[:-1], reverse=True)
        assert table.rows[-1].path.name == "broken.jpg"
        assert table.rows[-1].score is None
        await wait_for(pilot, lambda: "1 could not be read" in screen_text(app), "how many failed")
        assert app.focused is table
        await pilot.press("down")
        await wait_for(pilot, lambda: screen.query_one(Photo).path == table.rows[1].path, "the highlighted photo")
        await pilot.press("end")
        await wait_for(
            pilot, lambda: screen_text(app).count("broken.jpg") >= 3, "the broken photo, with its reason in the card"
        )
        await pilot.press("f9")
        await wait_for(pilot, lambda: isinstance(app.screen, SaveAsDialog), "the question for a name")
        out = tmp_path / "out.csv"
        app.screen.query_one(Input).value = str(out)
        await pilot.press("enter")
        await wait_for(pilot, out.exists, "the file")
        rows = list(csv.DictReader(out.open(encoding="utf-8")))
        assert [row["path"] for row in rows] == [str(row.path) for row in table.rows]
        assert rows[-1]["error"] and not rows[-1]["score"]


async def test_without_a_model_the_way_to_train_is_shown(tmp_path: Path) -> None:
    app = make_app(tmp_path / "work", ["a.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        await open_predict(app, pilot)
        await wait_for(pilot, lambda: "Press F4 and train one" in screen_text(app), "the hint")
        await pilot.press("enter")
        await pilot.pause()
        assert not app.workspace.jobs.exists()


async def test_a_path_with_nothing_there_is_told_and_can_be_mended(trained: Workspace) -> None:
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_predict(app, pilot)
        await wait_for(pilot, lambda: "my taste" in screen_text(app), "the model")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "No path was given" in screen_text(app), "a word about the empty field")
        await pilot.press(*"/no/where")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "There is nothing at /no/where" in screen_text(app), "a word about the path")
        assert screen.query_one("#path", Input).value == "/no/where"


def test_rows_sort_best_first_and_failures_last() -> None:
    rows = [
        PredictedRow.from_dict({"path": path, "score": score, "error": None if score is not None else "broken"})
        for path, score in (("a", 10.0), ("b", None), ("c", 90.0), ("d", 0.0))
    ]
    assert [str(row.path) for row in sorted(rows, key=lambda row: row.rank)] == ["c", "a", "d", "b"]
