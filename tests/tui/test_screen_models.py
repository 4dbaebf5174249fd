"""Models: what was trained is listed with its figures, can be used, and goes to the trash when deleted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static

from engine.models.bundle import default_model, find_bundle, list_bundles
from engine.workspace import Workspace
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.ask_folder import AskFolderDialog
from tui.dialogs.ask_text import AskTextDialog
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.export_model import ExportModelDialog
from tui.dialogs.save_as import SaveAsDialog
from tui.dialogs.show_text import ShowTextDialog
from tui.screens.models import ModelsScreen
from tui.screens.predict import PredictScreen
from tui.widgets.model_select import ModelSelect

pytestmark = pytest.mark.usefixtures("patience")


async def open_models(app: BeholderApp, pilot: Pilot[Any]) -> ModelsScreen:
    await pilot.press("f6")
    await wait_for(pilot, lambda: isinstance(app.screen, ModelsScreen), "the Models screen")
    assert isinstance(app.screen, ModelsScreen)
    return app.screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_model_is_listed_with_its_figures_and_details(trained: Workspace, size: tuple[int, int]) -> None:
    info = list_bundles(trained)[0]
    app = BeholderApp(trained, "en")
    async with app.run_test(size=size) as pilot:
        await open_models(app, pilot)
        await wait_for(pilot, lambda: info.model_id in screen_text(app), "the details")
        text = screen_text(app)
        assert "my taste" in text
        assert "efficientnet_lite0" in text
        assert " mean" in text
        assert f"{info.metrics['test']['srcc']:.2f}" in text


async def test_deleting_asks_and_moves_the_model_to_the_trash(trained: Workspace) -> None:
    info = list_bundles(trained)[0]
    files = sorted(file.name for file in info.path.iterdir())
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_models(app, pilot)
        await wait_for(pilot, lambda: "my taste" in screen_text(app), "the model")
        await pilot.press("delete")
        await wait_for(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, ModelsScreen), "the careful answer")
        assert info.path.is_dir()
        await pilot.press("delete")
        await wait_for(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question again")
        await pilot.press("y")
        await wait_for(pilot, lambda: "There is no model yet" in screen_text(app), "the empty list")
        assert list_bundles(trained) == []
        trashed = [file for file in trained.trash.rglob("*") if file.is_file()]
        assert sorted(file.name for file in trashed) == files


async def test_enter_goes_to_predict_with_that_model(trained: Workspace) -> None:
    info = list_bundles(trained)[0]
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_models(app, pilot)
        await wait_for(pilot, lambda: "my taste" in screen_text(app), "the model")
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the Predict screen")
        await wait_for(
            pilot, lambda: app.screen.query_one(ModelSelect).chosen == info.model_id, "the model to be chosen"
        )


async def test_no_model_yet(tmp_path: Path) -> None:
    app = make_app(tmp_path / "work")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_models(app, pilot)
        await wait_for(pilot, lambda: "Press F4 and train one" in screen_text(app), "the hint")
        await pilot.press("delete", "enter")
        assert isinstance(app.screen, ModelsScreen)


def a_second_model(workspace: Workspace) -> str:
    """Put a twin of the one model beside it, named ``other``, a day younger; return its id."""
    first = list_bundles(workspace)[0]
    place = shutil.copytree(first.path, workspace.models / "ridge-20991231-000000-abcd")
    manifest = json.loads((place / "manifest.json").read_text("utf-8"))
    manifest |= {"model_id": place.name, "name": "other", "created": "2099-12-31T00:00:00+00:00"}
    (place / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return place.name


async def opened(app: BeholderApp, pilot: Pilot[Any], *names: str) -> ModelsScreen:
    screen = await open_models(app, pilot)
    await wait_for(pilot, lambda: all(name in screen_text(app) for name in names), "the models")
    return screen


async def test_a_model_is_renamed_and_gets_a_note(trained: Workspace) -> None:
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "my taste")
        await pilot.press("e")
        await wait_for(pilot, lambda: isinstance(app.screen, AskTextDialog), "the question")
        assert app.screen.query_one(Input).value == "my taste"
        app.screen.query_one(Input).value = "lakes [b]only[/b]"
        await pilot.press("enter")
        await wait_for(pilot, lambda: "lakes [b]only[/b]" in screen_text(app), "the new name")
        assert list_bundles(trained)[0].name == "lakes [b]only[/b]"
        await pilot.press("o")
        await wait_for(pilot, lambda: isinstance(app.screen, AskTextDialog), "the question for a note")
        app.screen.query_one(Input).value = "before the summer"
        await pilot.press("enter")
        await wait_for(pilot, lambda: "before the summer" in screen_text(app), "the note")
        assert list_bundles(trained)[0].note == "before the summer"


async def test_one_model_is_the_default_until_the_key_is_pressed_again(trained: Workspace) -> None:
    model_id = list_bundles(trained)[0].model_id
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "my taste")
        await pilot.press("d")
        await wait_for(pilot, lambda: "★ default" in screen_text(app), "the star")
        assert default_model(trained) == model_id
        await pilot.press("f5")
        await wait_for(pilot, lambda: "default: my taste" in screen_text(app), "the choice in Predict")
        await pilot.press("f6")
        await pilot.press("d")
        await wait_for(pilot, lambda: "★ default" not in screen_text(app), "no star")
        assert default_model(trained) == ""


async def test_models_are_sorted_and_filtered(trained: Workspace) -> None:
    a_second_model(trained)
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, "my taste", "other")
        shown = lambda: [info.name for info in screen.query_one("#bundles").rows]  # type: ignore[attr-defined]  # noqa: E731
        assert shown() == ["other", "my taste"], "the newest first"
        await pilot.press("s")
        assert shown() == ["my taste", "other"], "by name"
        await pilot.press("S")
        assert shown() == ["other", "my taste"]
        await pilot.press("slash", *"my")
        await wait_for(pilot, lambda: shown() == ["my taste"], "the filter's finding")
        await pilot.press("escape")
        await wait_for(pilot, lambda: len(shown()) == 2, "all of them")
        assert isinstance(app.screen, ModelsScreen), "Escape left the filter, not the room"


async def test_two_models_are_compared(trained: Workspace) -> None:
    a_second_model(trained)
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "my taste", "other")
        await pilot.press("c")
        await wait_for(pilot, lambda: any("Mark one model" in note.message for note in app._notifications), "the hint")
        await pilot.press("space", "down", "c")
        await wait_for(pilot, lambda: isinstance(app.screen, ShowTextDialog), "the comparison")
        text = screen_text(app)
        assert "SRCC" in text
        assert "24 photos" in text
        await pilot.press("escape")
        assert isinstance(app.screen, ModelsScreen)


async def test_a_damaged_file_is_found_by_the_check(trained: Workspace) -> None:
    info = list_bundles(trained)[0]
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(app, pilot, "my taste")
        await pilot.press("v")
        await wait_for(pilot, lambda: "Everything is in order." in screen_text(app), "the good outcome")
        await pilot.press("escape")
        file = info.path / "taste.safetensors"
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        await pilot.press("v")
        await wait_for(pilot, lambda: "Not everything is in order." in screen_text(app), "the bad outcome")
        assert "taste.safetensors" in screen_text(app)


@pytest.mark.slow
async def test_a_model_is_carried_to_another_workspace(trained: Workspace, tmp_path: Path) -> None:
    model_id = list_bundles(trained)[0].model_id
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "my taste")
        await pilot.press("x")
        await wait_for(pilot, lambda: isinstance(app.screen, ExportModelDialog), "the question where to")
        app.screen.query_one("#export-folder", Input).value = str(tmp_path / "stick")
        app.screen.query_one("#export-folder", Input).focus()
        await pilot.press("enter")
        saved = lambda: list(tmp_path.glob("stick/**/manifest.json"))  # noqa: E731
        await wait_for(pilot, lambda: bool(saved()), "the folder")
    place = Workspace(tmp_path / "elsewhere")
    place.create()
    app = BeholderApp(place, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_models(app, pilot)
        await pilot.press("i")
        await wait_for(pilot, lambda: isinstance(app.screen, AskFolderDialog), "the question where from")
        app.screen.query_one("#folder", Input).value = str(saved()[0].parent)
        await pilot.press("enter")
        await wait_for(pilot, lambda: "my taste" in screen_text(app), "the model")
    assert find_bundle(place, "best").model_id == model_id


async def test_choosing_joblib_warns_of_pickles(trained: Workspace) -> None:
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "my taste")
        await pilot.press("x")
        await wait_for(pilot, lambda: isinstance(app.screen, ExportModelDialog), "the question where to")
        app.screen.query_one("#export-form", Select).value = "joblib"
        hint = app.screen.query_one("#export-hint", Static)
        await wait_for(pilot, lambda: "is a pickle" in str(hint.render()), "the warning")


async def test_a_report_is_written(trained: Workspace, tmp_path: Path) -> None:
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "my taste")
        await pilot.press("p")
        await wait_for(pilot, lambda: isinstance(app.screen, SaveAsDialog), "the question where to")
        app.screen.query_one(Input).value = str(tmp_path / "report.html")
        await pilot.press("enter")
        await wait_for(pilot, lambda: (tmp_path / "report.html").exists(), "the report")
    assert "my taste" in (tmp_path / "report.html").read_text("utf-8")


async def test_damaged_models_are_named(trained: Workspace) -> None:
    (trained.models / "taste-broken").mkdir()
    (trained.models / "taste-broken" / "manifest.json").write_text("{", "utf-8")
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, "my taste")
        assert "Damaged, and left out: taste-broken" in screen_text(app)
