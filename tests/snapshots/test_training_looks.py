"""How the Train and Jobs rooms look: the form, a live training, a leaderboard, trials, and all jobs."""

import time
from contextlib import ExitStack

import pytest
from textual.widgets import Button, Collapsible, Input, Select

from engine.workspace import Workspace
from tests.tui.conftest import fill
from tests.tui.piloting import screen_text, wait_for
from tests.tui.written_jobs import comparison, frozen_training, held, search
from tui.app import BeholderApp
from tui.screens.train import TrainScreen
from tui.widgets.loss_plot import LossPlot

SIZES = ((80, 24), (120, 40))
SHOWN = {
    "form": ({"en": "Patience", "zh": "耐心"}, 0),
    "live": ({"en": "best at epoch", "zh": "轮最佳"}, 140),
    "leaderboard": ({"en": "random-forest", "zh": "random-forest"}, 0),
    "trials": ({"en": "best trial", "zh": "最佳试验"}, 20),
    "jobs": ({"en": "damaged", "zh": "已损坏"}, 0),
}


@pytest.fixture
def workspace(monkeypatch, tmp_path):
    """A workspace with 24 scored photos, shown as ~/taste, in a place where it is always noon in Greenwich."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    place = Workspace(tmp_path / "taste")
    yield fill(place, 24)
    monkeypatch.undo()
    time.tzset()


def is_ready(app):
    """Say whether the form knows all that it needs."""
    return isinstance(app.screen, TrainScreen) and not app.screen.query_one("#start", Button).disabled


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("look", SHOWN)
def test_the_rooms_of_training_look_as_they_did(snap_compare, workspace, look, size, language):
    texts, points = SHOWN[look]
    with ExitStack() as locks:
        if look != "form":
            frozen = frozen_training(workspace, finished=look != "live")
            if look == "live":
                locks.enter_context(held(frozen))
        if look in {"leaderboard", "jobs"}:
            locks.enter_context(held(comparison(workspace)))
        if look in {"trials", "jobs"}:
            search(workspace)
        if look == "jobs":
            (workspace.jobs / "20261124-000000-train-bad1").mkdir()

        async def go(pilot):
            app = pilot.app
            await pilot.press("f8" if look == "jobs" else "f4")
            if look == "form":
                await wait_for(pilot, lambda: is_ready(app), "the form")
                app.screen.query_one("#model", Select).value = "frozen"
                app.screen.query_one("#advanced", Collapsible).collapsed = False
                await wait_for(pilot, lambda: bool(app.screen.query("#param-frozen-hidden")), "its own setting")
                if size[1] < 40:
                    app.screen.query_one("#fields").scroll_end(animate=False)
            if look in {"leaderboard", "trials"}:
                await wait_for(pilot, lambda: is_ready(app), "the room")
                app.screen.action_watch()
            await wait_for(pilot, lambda: texts[language] in screen_text(app), texts[language])
            if points:
                await wait_for(pilot, lambda: app.screen.query_one(LossPlot).point_count >= points, "the curve")
            await wait_for(pilot, lambda: all(not worker.group.startswith("train-") for worker in app.workers), "rest")
            for field in app.screen.query(Input):
                field.cursor_blink = False
            await pilot.pause()
            for plot in app.screen.query(LossPlot):
                await wait_for(pilot, lambda plot=plot: plot.is_drawn, "the last picture")

        assert snap_compare(BeholderApp(workspace, language), terminal_size=size, run_before=go)
