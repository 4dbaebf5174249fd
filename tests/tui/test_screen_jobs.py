"""Jobs: all work of the workspace, living, ended or damaged, and what the keys do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import RichLog

from engine.errors import Message
from engine.events import Notice
from engine.jobs import client
from engine.workspace import Workspace
from tests.tui.piloting import screen_text, wait_for
from tests.tui.written_jobs import STARTED, comparison, frozen_training, held, search, tell, write_job
from tui.app import BeholderApp
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.end_job import EndJobDialog
from tui.dialogs.job_log import JobLogDialog
from tui.screens.jobs import JobsScreen, JobTable
from tui.screens.predict import PredictScreen
from tui.screens.train import TrainScreen

MakeWorkspace = Callable[..., Workspace]


async def open_jobs(app: BeholderApp, pilot: Pilot[Any], count: int) -> JobsScreen:
    await pilot.press("f8")
    await wait_for(pilot, lambda: isinstance(app.screen, JobsScreen), "the Jobs screen")
    screen = app.screen
    assert isinstance(screen, JobsScreen)
    await wait_for(pilot, lambda: len(screen.query_one(JobTable).rows) == count, "all jobs")
    return screen


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_header_fits_a_narrow_terminal(make_workspace: MakeWorkspace, language: str) -> None:
    app = BeholderApp(make_workspace(3), language)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(app, pilot, 0)
        await wait_for(pilot, lambda: "F4" in "".join(screen_text(app).splitlines()[1:]), "a word about what to do")
        header = screen_text(app).splitlines()[0]
        assert all(key in header for key in ("F2", "F3", "F4", "F5", "F6", "F8"))
        assert ("Jobs" if language == "en" else "任务") in header


async def test_all_jobs_are_listed_and_a_damaged_one_hurts_nothing(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    frozen_training(workspace, finished=True)
    search(workspace)
    write_job(workspace, "20261120-101500-predict-a1b0", "predict", {"paths": ["/photos/a b"]}, [STARTED])
    (workspace.jobs / "20261124-000000-train-bad1").mkdir()
    app = BeholderApp(workspace, "en")
    with held(comparison(workspace)):
        async with app.run_test(size=(120, 40)) as pilot:
            await open_jobs(app, pilot, 5)
            await wait_for(pilot, lambda: "comparing · 3/5" in screen_text(app), "how far the comparison is")
            text = screen_text(app)
            for word in ("damaged", "dusk (frozen)", "svr · efficientnet_lite0 · 40 trials", "a b", "frozen-20261121"):
                assert word in text
            await pilot.press("enter")
            await wait_for(pilot, lambda: isinstance(app.screen, JobLogDialog), "the damaged job's log")
            await wait_for(pilot, lambda: "The worker printed nothing" in screen_text(app), "what it says")
            await pilot.press("escape")


@pytest.mark.slow
async def test_enter_opens_the_room_on_that_job(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    frozen_training(workspace, finished=True)
    comparison(workspace)
    write_job(workspace, "20261120-101500-predict-a1b0", "predict", {"paths": ["/photos/a b"]}, [STARTED])
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(app, pilot, 3)
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, TrainScreen), "the Train room")
        await wait_for(pilot, lambda: "best at epoch" in screen_text(app), "the finished training's curve")
        await pilot.press("f8", "up", "enter")
        await wait_for(pilot, lambda: "random-forest" in screen_text(app), "the comparison's leaderboard")
        await pilot.press("f8", "end", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the Predict room")
        await wait_for(pilot, lambda: "crashed  a b" in screen_text(app), "that prediction")


async def test_a_job_ends_only_when_told_how(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    folder = frozen_training(workspace, finished=False)
    app = BeholderApp(workspace, "en")
    with held(folder):
        async with app.run_test(size=(80, 24)) as pilot:
            await open_jobs(app, pilot, 1)
            await wait_for(pilot, lambda: "running" in screen_text(app), "the job")
            await pilot.press("ctrl+k")
            await wait_for(pilot, lambda: isinstance(app.screen, EndJobDialog), "the question")
            await pilot.press("escape")
            await wait_for(pilot, lambda: isinstance(app.screen, JobsScreen), "the list")
            assert not (folder / "finish").exists()
            await pilot.press("ctrl+k")
            await wait_for(pilot, lambda: isinstance(app.screen, EndJobDialog), "the question, again")
            await pilot.press("k")
            await wait_for(pilot, (folder / "finish").exists, "the wish to end early")
            assert not (folder / "cancel").exists()


async def test_the_log_shows_what_was_said_and_printed(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    folder = frozen_training(workspace, finished=True)
    (folder / "worker.log").write_text("line one\n\x1b[31mline [b]two\n", "utf-8")
    tell(folder, [Notice(Message("There are no jobs yet."))])
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(app, pilot, 1)
        await pilot.press("l")
        await wait_for(pilot, lambda: isinstance(app.screen, JobLogDialog), "the log")
        await wait_for(pilot, lambda: "\\x1b[31mline [b]two" in screen_text(app), "what was printed")
        assert "There are no jobs yet." in screen_text(app)
        (folder / "worker.log").write_text("".join(f"line {number}\n" for number in range(300)), "utf-8")
        await wait_for(pilot, lambda: "line 299" in screen_text(app), "what came later")
        await pilot.press("home")
        await wait_for(pilot, lambda: app.screen.query_one(RichLog).scroll_y == 0, "its beginning")


async def test_an_ended_job_goes_to_the_trash_after_a_yes(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    folder = frozen_training(workspace, finished=True)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(app, pilot, 1)
        await pilot.press("delete")
        await wait_for(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        await pilot.press("y")
        await wait_for(pilot, lambda: not folder.exists(), "the folder to go")
        await wait_for(pilot, lambda: "Nothing has run yet" in screen_text(app), "the empty list")
    assert client.list_jobs(workspace) == []
