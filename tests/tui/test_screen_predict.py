"""Predict: one photo and why, a folder with a broken photo, its gallery and filter, a corrected score."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.jobs import client
from engine.labels.recent import recent_folders, recent_paths
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.conftest import draw_photo
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.app import BeholderApp
from tui.companion import Companion
from tui.screens.predict import PredictScreen
from tui.widgets.gallery import Gallery
from tui.widgets.photo import Photo
from tui.widgets.prediction_table import PredictionTable

pytestmark = pytest.mark.usefixtures("patience")


async def open_predict(app: BeholderApp, pilot: Pilot[Any]) -> PredictScreen:
    await pilot.press("f5")
    await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the Predict screen")
    assert isinstance(app.screen, PredictScreen)
    return app.screen


async def ask(app: BeholderApp, pilot: Pilot[Any], typed: str) -> PredictScreen:
    screen = await open_predict(app, pilot)
    await wait_for(pilot, lambda: "my taste" in screen_text(app), "the model's name")
    screen.query_one("#path", Input).value = typed
    screen.query_one("#path", Input).focus()
    await pilot.press("enter")
    return screen


async def ask_folder(app: BeholderApp, pilot: Pilot[Any], typed: str, count: int) -> PredictScreen:
    screen = await ask(app, pilot, typed)
    await wait_for(pilot, lambda: screen.state == "finished", "the end of the prediction")
    await wait_for(pilot, lambda: len(screen.found.rows) == count, "all rows")
    return screen


def prediction_jobs(workspace: Workspace) -> int:
    return sum(job.kind == "predict" for job in client.list_jobs(workspace))


def facts(screen: PredictScreen, part: str) -> str:
    return str(screen.query_one(f"#facts-{part}", Static).render())


def folder_of_six(folder: Path) -> Path:
    folder.mkdir()
    for number in range(6):
        draw_photo(folder / f"new-{'abcdef'[number]}.jpg", 200 + number, 0.1 + 0.15 * number)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return folder


async def test_one_photo_gets_a_score_and_a_correction_joins_the_data(trained: Workspace, tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "my [b]photo.jpg", 77, 0.5)
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ask(app, pilot, f"'{photo}'")
        await wait_for(pilot, lambda: "90 % between" in screen_text(app), "the score and its interval")
        assert "my [b]photo.jpg" in screen_text(app)
        assert prediction_jobs(trained) == 0, "a warm process answers: no job is needed"
        assert not screen.query_one("#rows-pane").display
        await wait_for(pilot, lambda: screen.query_one("#card-photo", Photo).is_loaded, "the picture")
        await pilot.press("ctrl+r", *"101")
        await wait_for(pilot, lambda: "a number from 0 to 100" in screen_text(app), "a word about the scale")
        await pilot.press("enter", "backspace", "enter")
        await wait_for(pilot, lambda: "kept in the training data" in screen_text(app), "the correction")
        assert ScoreBook(trained).scores()["my [b]photo.jpg"] == 10.0
        assert (trained.data / "my [b]photo.jpg").read_bytes() == photo.read_bytes()
        await pilot.press("ctrl+r", *"105", "enter")
        await wait_for(pilot, lambda: "a number from 0 to 100" in screen_text(app), "105 to be refused")
        assert ScoreBook(trained).scores()["my [b]photo.jpg"] == 10.0
        await pilot.press("home", "delete", "enter")
        await wait_for(pilot, lambda: ScoreBook(trained).scores()["my [b]photo.jpg"] == 5.0, "the second correction")
        assert sum("photo" in file.name for file in trained.data.iterdir()) == 1
        assert recent_folders(trained) == []  # no folder was imported
        await wait_for(pilot, lambda: recent_paths(trained, "predict") == [photo], "the path to be remembered")


async def test_a_photo_of_the_training_data_is_rescored_in_place(trained: Workspace) -> None:
    name = next(iter(ScoreBook(trained).scores()))
    before = sorted(trained.data.iterdir())
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await ask(app, pilot, str(trained.data / name))
        await wait_for(pilot, lambda: "90 % between" in screen_text(app), "the score")
        await pilot.press("ctrl+r", *"99.5", "enter")
        await wait_for(pilot, lambda: ScoreBook(trained).scores()[name] == 99.5, "the correction")
        assert sorted(trained.data.iterdir()) == before


async def test_a_folder_is_sorted_filtered_and_seen_as_a_gallery(trained: Workspace, tmp_path: Path) -> None:
    folder = folder_of_six(tmp_path / "new photos")
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ask_folder(app, pilot, str(folder).replace(" ", "\\ "), 7)
        table = screen.query_one(PredictionTable)
        scores = [row.score for row in table.rows]
        assert scores[:-1] == sorted(scores[:-1], reverse=True)
        assert table.rows[-1].name == "broken.jpg"
        assert table.rows[-1].score is None
        await wait_for(pilot, lambda: "1 could not be read" in screen_text(app), "how many failed")
        assert app.focused is table
        await pilot.press("down")
        photo = screen.query_one("#card-photo", Photo)
        await wait_for(pilot, lambda: photo.path == table.rows[1].path, "the highlighted photo")
        await pilot.press("end")
        await wait_for(
            pilot, lambda: screen_text(app).count("broken.jpg") >= 3, "the broken photo, with its reason in the card"
        )
        await pilot.press("slash", *"error")
        await wait_for(pilot, lambda: [row.name for row in table.rows] == ["broken.jpg"], "the broken one alone")
        assert "1 of 7" in screen_text(app)
        await pilot.press("escape", "slash", *"-new-a score>0", "enter")
        await wait_for(pilot, lambda: len(table.rows) == 5, "all but one of the good ones")
        assert app.focused is table
        await pilot.press("g", "right")
        gallery = screen.query_one(Gallery)
        assert app.focused is gallery
        assert gallery.rows == table.rows
        await wait_for(pilot, lambda: len(gallery.loaded) == 5, "the pictures")
        second = table.rows[1]
        await pilot.press("g")
        assert table.row == second


@pytest.mark.slow
async def test_the_process_that_holds_the_model_may_die(trained: Workspace, tmp_path: Path) -> None:
    one, other = (draw_photo(tmp_path / f"{name}.jpg", seed, 0.5) for seed, name in ((5, "one"), (6, "other")))
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ask(app, pilot, str(one))
        await wait_for(pilot, lambda: "90 % between" in screen_text(app), "the score")
        assert app.companion.pid is not None
        os.kill(app.companion.pid, signal.SIGKILL)
        await pilot.press("n")
        assert app.focused is screen.query_one("#path", Input)
        await pilot.press(*str(other), "enter")
        await wait_for(
            pilot, lambda: screen.card.path == other and "90 % between" in facts(screen, "score"), "the other score"
        )


async def test_without_the_process_a_photo_is_scored_as_a_job(trained: Workspace, tmp_path: Path) -> None:
    photo = draw_photo(tmp_path / "one.jpg", 5, 0.5)
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        app._companion = Companion(trained, app.post_message, command=("false",))  # a process that always dies
        screen = await ask(app, pilot, str(photo))
        await wait_for(pilot, lambda: "90 % between" in facts(screen, "score"), "the score")
        assert prediction_jobs(trained) == 1


async def test_a_broken_photo_is_told_with_its_reason(trained: Workspace, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    app = BeholderApp(trained, "zh")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_predict(app, pilot)
        await wait_for(pilot, lambda: "my taste" in screen_text(app), "the model's name")
        screen.query_one("#go").focus()
        app.post_message(events.Paste(f"{tmp_path / 'broken.jpg'}"))  # dropped onto the window
        await wait_for(pilot, lambda: "broken.jpg" in screen_text(app) and bool(facts(screen, "score")), "the reason")
        assert any(ord(char) > 0x4E00 for char in facts(screen, "score")), "it is told in Chinese"
        assert screen.card.has_class("-empty"), "there is no score to correct"


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
