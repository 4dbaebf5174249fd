"""Models: what was trained is listed with its figures, can be used, and goes to the trash when deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.models.bundle import list_bundles
from engine.workspace import Workspace
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.confirm import ConfirmDialog
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
        assert "average" in text
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
