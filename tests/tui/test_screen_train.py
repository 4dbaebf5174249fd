"""Train: a real training with a live curve, which outlives the app; and every way in which one can end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from engine.jobs import client
from engine.models.bundle import list_bundles
from engine.workspace import Workspace
from tests.tui.piloting import screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.end_job import EndJobDialog
from tui.i18n import t
from tui.job_story import ENDED
from tui.screens.train import TrainScreen
from tui.widgets.job_list import JobList
from tui.widgets.loss_plot import LossPlot

MakeWorkspace = Callable[..., Workspace]
SIZES = [(80, 24), (120, 40)]


async def open_train(app: BeholderApp, pilot: Pilot[Any]) -> TrainScreen:
    await pilot.press("f4")
    await wait_for(pilot, lambda: isinstance(app.screen, TrainScreen), "the Train screen")
    assert isinstance(app.screen, TrainScreen)
    return app.screen


async def start_training(app: BeholderApp, pilot: Pilot[Any]) -> TrainScreen:
    screen = await open_train(app, pilot)
    await wait_for(pilot, lambda: not screen.query_one("#start", Button).disabled, "a form that may start")
    await pilot.press("ctrl+s")
    await wait_for(pilot, lambda: screen.story.seen > 0, "the first event")
    return screen


def curve_points(workspace: Workspace, job_id: str) -> int:
    events, _ = client.read_events(workspace, job_id)
    return sum(event["type"] == "curve" for event in events)


def wait_until_ended(workspace: Workspace, job_id: str) -> str:
    return str(list(client.follow(workspace, job_id))[-1]["type"])


@pytest.mark.usefixtures("patience")
async def test_a_training_shows_its_curve_and_leaves_a_model(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(24)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await start_training(app, pilot)
        await wait_for(pilot, lambda: screen.state == "finished", "the end of the training")
        await wait_for(pilot, lambda: "average" in screen_text(app), "the metrics beside the baseline")
        plot = screen.query_one(LossPlot)
        assert plot.point_count > 3
        assert plot.point_count == curve_points(workspace, screen.job_id)
        assert "━━ train" in screen_text(app)
        assert "finished" in screen_text(app)
        assert len(list_bundles(workspace)) == 1


@pytest.mark.usefixtures("patience")
async def test_a_training_outlives_the_app_and_the_next_one_shows_the_whole_curve(
    make_workspace: MakeWorkspace,
) -> None:
    workspace = make_workspace(24)
    first = BeholderApp(workspace, "en")
    async with first.run_test(size=(80, 24)) as pilot:
        job_id = (await start_training(first, pilot)).job_id
    assert client.state_of(workspace, job_id).alive
    second = BeholderApp(workspace, "en")
    async with second.run_test(size=(80, 24)) as pilot:
        screen = await open_train(second, pilot)
        await wait_for(pilot, lambda: screen.job_id == job_id, "the training that is under way")
        await wait_for(pilot, lambda: screen.state == "finished", "its end")
        whole = curve_points(workspace, job_id)
        assert whole > 3
        await wait_for(pilot, lambda: screen.query_one(LossPlot).point_count == whole, "the whole curve")
    third = BeholderApp(workspace, "zh")
    async with third.run_test(size=(80, 24)) as pilot:
        screen = await open_train(third, pilot)
        await wait_for(pilot, lambda: screen.query_one(LossPlot).point_count == whole, "the curve, afterwards")
        await wait_for(pilot, lambda: "已完成" in screen_text(third), "its state in Chinese")


@pytest.mark.usefixtures("patience")
async def test_a_killed_worker_shows_as_crashed(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(24)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start_training(app, pilot)
        events, _ = client.read_events(workspace, screen.job_id)
        os.killpg(events[0]["pgid"], signal.SIGKILL)
        await wait_for(pilot, lambda: screen.state == "crashed", "the crash to be seen")
        await pilot.pause()
        assert "crashed" in screen_text(app)
        assert "beholder jobs logs" in screen_text(app)
        assert screen.job_id in screen_text(app)
        assert screen.check_action("stop", ()) is False
        assert screen.check_action("resume", ()) is True
    again = BeholderApp(workspace, "en")
    async with again.run_test(size=(120, 40)) as pilot:
        screen = await open_train(again, pilot)
        await wait_for(pilot, lambda: "beholder jobs logs" in screen_text(again), "the crash, in a new app")


@pytest.mark.usefixtures("patience")
async def test_the_list_marks_the_training_that_was_just_started(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(24)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await start_training(app, pilot)
        first = screen.job_id
        client.cancel(workspace, first)
        await wait_for(pilot, lambda: screen.state == "cancelled", "the end of the first training")
        await pilot.press("ctrl+s")
        trainings = screen.query_one(JobList)
        await wait_for(pilot, lambda: screen.job_id != first and trainings.option_count == 2, "the second training")
        client.cancel(workspace, screen.job_id)
        await wait_for(pilot, lambda: screen.state == "cancelled", "its end")
        assert trainings.highlighted_option is not None
        assert trainings.highlighted_option.id == screen.job_id


@pytest.mark.usefixtures("patience")
async def test_a_training_is_abandoned_only_when_told_so(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(24)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await start_training(app, pilot)
        await pilot.press("ctrl+k")
        await wait_for(pilot, lambda: isinstance(app.screen, EndJobDialog), "the question")
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is screen, "the room again")
        assert screen.state not in ENDED
        await pilot.press("ctrl+k")
        await wait_for(pilot, lambda: isinstance(app.screen, EndJobDialog), "the question, again")
        await pilot.press("a")
        await wait_for(pilot, lambda: screen.state == "cancelled", "the stop")
        assert list_bundles(workspace) == []
        await wait_for(pilot, lambda: "stopped" in screen_text(app), "its state")


@pytest.mark.parametrize("size", SIZES)
async def test_too_few_scores_are_told_before_anything_starts(
    make_workspace: MakeWorkspace, size: tuple[int, int]
) -> None:
    workspace = make_workspace(12, scored=5)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=size) as pilot:
        await open_train(app, pilot)
        await wait_for(pilot, lambda: "Only 5 photos are scored" in screen_text(app), "the reason")
        assert "F3" in screen_text(app)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert client.list_jobs(workspace) == []
        await pilot.press("f3")
        await wait_for(pilot, lambda: getattr(app.screen, "area", "") == "data", "the Data screen")


async def test_equal_scores_are_told_before_anything_starts(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    lines = workspace.scores_file.read_text("utf-8").splitlines()
    workspace.scores_file.write_text("".join(f"{line.split(chr(9))[0]}\t50\n" for line in lines), "utf-8")
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_train(app, pilot)
        await wait_for(pilot, lambda: "All 12 scores are the same" in screen_text(app), "the reason")
        assert screen.query_one("#start", Button).disabled


async def test_a_wrong_split_or_seed_is_told_while_typing(make_workspace: MakeWorkspace) -> None:
    app = BeholderApp(make_workspace(12), "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_train(app, pilot)
        await wait_for(pilot, lambda: "12 scored photos" in screen_text(app), "what will happen")
        screen.query_one("#split", Input).value = "70/thirty"
        await wait_for(pilot, lambda: "is not a split" in screen_text(app), "a word about the split")
        assert screen.query_one("#start", Button).disabled
        screen.query_one("#split", Input).value = "50/25/25"
        await wait_for(pilot, lambda: "about 6 to learn" in screen_text(app), "the other split")
        screen.query_one("#seed", Input).value = "-1"
        await wait_for(pilot, lambda: "is not a seed" in screen_text(app), "a word about the seed")


@pytest.mark.usefixtures("patience")
async def test_a_failed_training_says_why_and_an_older_one_can_be_looked_at(trained: Workspace) -> None:
    trained.scores_file.write_text("".join(trained.scores_file.read_text("utf-8").splitlines(True)[:5]), "utf-8")
    failed = client.start(trained, "train", {"model": "taste"})
    assert wait_until_ended(trained, failed) == "failed"
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_train(app, pilot)
        await wait_for(pilot, lambda: "Scored photos: 5" in screen_text(app), "the error")
        assert "Score some more" in str(screen.query_one("#status-error", Static).content)
        assert screen.query_one(LossPlot).point_count == 0
        screen.query_one(JobList).focus()
        await pilot.press("end", "enter")
        await wait_for(pilot, lambda: screen.query_one(LossPlot).point_count > 3, "the older one's curve")
        await wait_for(pilot, lambda: "my taste" in screen_text(app), "the older one's name")
        assert not screen.query_one("#status-error", Static).display


async def test_the_language_changes_with_everything_kept(trained: Workspace) -> None:
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_train(app, pilot)
        await wait_for(pilot, lambda: screen.query_one(LossPlot).point_count > 3, "the curve")
        points = screen.query_one(LossPlot).point_count
        screen.query_one("#name", Input).value = "Anna's eye"
        await app.use_language("zh")
        await wait_for(pilot, lambda: t("train.start") in screen_text(app), "the Chinese form")
        await wait_for(pilot, lambda: screen.query_one(LossPlot).point_count == points, "the curve again")
        assert screen.query_one("#name", Input).value == "Anna's eye"
