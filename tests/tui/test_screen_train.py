"""Train: a real training with a live curve, which outlives the app; and every way in which one can end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Collapsible, Input, Select, SelectionList, Static, Tabs

from engine.events import Phase, Row
from engine.features.weights import cache_folder
from engine.jobs import client
from engine.jobs.queue import device_of
from engine.models.bundle import list_bundles
from engine.models.catalog import FAMILIES
from engine.workspace import Workspace
from tests.tui.piloting import screen_text, wait_for
from tests.tui.written_jobs import STARTED, Told, comparison, epochs, frozen_training, held, search, tell, write_job
from tui.app import BeholderApp
from tui.dialogs.end_job import EndJobDialog
from tui.dialogs.job_log import JobLogDialog
from tui.i18n import t
from tui.job_story import ENDED
from tui.screens.train import TrainScreen
from tui.widgets.job_list import JobList
from tui.widgets.loss_plot import LossPlot
from tui.widgets.result_tables import Leaderboard, TrialTable
from tui.widgets.train_form import TrainForm

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


@contextlib.contextmanager
def device_taken() -> Iterator[None]:
    """Let every training wait in the queue: on a quick machine it would be over before a key reaches it."""
    place = cache_folder() / "devices" / device_of("train", {"model": "taste"})
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # waits while the worker of an earlier test is leaving
        yield


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
        await wait_for(pilot, lambda: "━━ train" in screen_text(app), "the drawn curve")
        assert "finished" in screen_text(app)
        assert len(list_bundles(workspace)) == 1


@pytest.mark.usefixtures("patience")
@pytest.mark.slow
async def test_a_training_outlives_the_app_and_the_next_one_shows_the_whole_curve(
    make_workspace: MakeWorkspace,
) -> None:
    workspace = make_workspace(24)
    first = BeholderApp(workspace, "en")
    with device_taken():
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
    with device_taken():
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
@pytest.mark.slow
async def test_the_list_marks_the_training_that_was_just_started(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(24)
    app = BeholderApp(workspace, "en")
    with device_taken():
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
    with device_taken():
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
        await wait_for(pilot, lambda: t("train.start.train") in screen_text(app), "the Chinese form")
        await wait_for(pilot, lambda: screen.query_one(LossPlot).point_count == points, "the curve again")
        assert screen.query_one("#name", Input).value == "Anna's eye"


# --- rooms on jobs that were written in a moment ------------------------------------------------------------------


async def watch(app: BeholderApp, pilot: Pilot[Any]) -> TrainScreen:
    screen = await open_train(app, pilot)
    await wait_for(pilot, lambda: bool(screen.job_id), "the job")
    if screen.check_action("watch", ()):
        await pilot.press("ctrl+n")
    return screen


@pytest.mark.slow
async def test_a_second_app_tells_a_run_that_began_anew_from_its_beginning(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    folder = frozen_training(workspace, finished=False)
    app = BeholderApp(workspace, "en")
    with held(folder):
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await watch(app, pilot)
            plot = screen.query_one(LossPlot)
            await wait_for(pilot, lambda: plot.point_count == 140, "the whole curve")
            tell(folder, [STARTED, Phase("fitting"), *epochs(3, 200)])
            await wait_for(pilot, lambda: plot.point_count == 3, "the new run's curve alone")
            await wait_for(pilot, lambda: "epoch 2/200" in screen_text(app), "its epoch")
            tell(folder, epochs(5, 200)[12:])
            await wait_for(pilot, lambda: plot.point_count == 5, "what comes to it")


async def test_a_queued_job_says_what_it_waits_for(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    told: list[Told] = [STARTED, {"type": "waiting", "behind": "20261121-101500-train-a1b1"}]
    folder = write_job(workspace, "20261122-101500-train-a1b2", "train", {"model": "taste"}, told)
    app = BeholderApp(workspace, "en")
    with held(folder):
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await watch(app, pilot)
            await wait_for(pilot, lambda: "behind 20261121-101500-train-a1b1" in screen_text(app), "what it waits for")
            assert screen.state == "queued"
            tell(folder, [Phase("features")])
            await wait_for(pilot, lambda: "looking at photos" in screen_text(app), "its turn")
            await wait_for(pilot, lambda: screen.state == "running", "its state")


@pytest.mark.slow
async def test_a_comparison_and_a_search_grow_live(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    folder = search(workspace, trials=5)
    app = BeholderApp(workspace, "en")
    with held(folder):
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await watch(app, pilot)
            table = screen.query_one(TrialTable)
            await wait_for(pilot, lambda: len(table.rows) == 5, "five trials")
            assert screen.query_one(LossPlot).point_count == 4
            values = {
                "trial": 5,
                "state": "complete",
                "value": 0.77,
                "best": 0.77,
                "seconds": 1.0,
                "params": {"C": 3.0},
            }
            tell(folder, [Row("trials", "5", values)])
            await wait_for(pilot, lambda: "best trial 5: 0.77" in screen_text(app), "the best one")
            assert table.rows[0][0] == "5"
    with held(comparison(workspace)):
        again = BeholderApp(workspace, "en")
        async with again.run_test(size=(120, 40)) as pilot:
            screen = await watch(again, pilot)
            board = screen.query_one(Leaderboard)
            await wait_for(pilot, lambda: len(board.rows) == 5, "five models")
            assert [key.split("/")[0] for key, _ in board.rows[:3]] == ["svr", "ridge", "random-forest"]


async def test_letters_steer_the_curve_beside_the_form_and_are_typed_in_it(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    frozen_training(workspace, finished=True)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await watch(app, pilot)
        plot = screen.query_one(LossPlot)
        await wait_for(pilot, lambda: plot.point_count == 140, "the curve")
        await wait_for(pilot, lambda: "if leaked" in screen_text(app), "the leaked figure")
        screen.query_one("#name", Input).focus()
        await pilot.press("m", "y", "s", "d")
        assert screen.query_one("#name", Input).value == "mysd"
        assert plot.metric == "loss"
        plot.focus()
        await pilot.press("m", "y", "s")
        assert (plot.metric, plot.wants_log, plot.smooth) == ("mae", True, False)
        await pilot.press("l")
        await wait_for(pilot, lambda: isinstance(app.screen, JobLogDialog), "the log")


# --- the form -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "aim", ["train", pytest.param("compare", marks=pytest.mark.slow), pytest.param("tune", marks=pytest.mark.slow)]
)
async def test_tab_reaches_every_field_and_comes_round(
    make_workspace: MakeWorkspace, size: tuple[int, int], aim: str
) -> None:
    app = BeholderApp(make_workspace(12), "en")
    async with app.run_test(size=size) as pilot:
        screen = await open_train(app, pilot)
        form = screen.query_one(TrainForm)
        await wait_for(pilot, lambda: not screen.query_one("#start", Button).disabled, "the form")
        screen.query_one("#model", Select).value = "frozen"
        screen.query_one("#aims", Tabs).active = f"aim-{aim}"
        screen.query_one("#advanced", Collapsible).collapsed = False
        await wait_for(pilot, lambda: form.draft.aim == aim and form.draft.model == "frozen", "what was chosen")
        if aim != "compare":
            await wait_for(pilot, lambda: bool(screen.query("#param-frozen-hidden")), "its own setting")
        await wait_for(pilot, lambda: not screen.query_one("#start", Button).disabled, "a form that may start")
        screen.query_one("#start", Button).focus()
        reached: set[str] = set()
        for _ in range(40):
            await pilot.press("tab")
            focused = screen.focused
            assert focused is not None
            if focused.id == "start":
                break
            reached.add(focused.id or "")
            region = focused.region
            assert screen.region.contains_region(region.crop_size((region.width, 1))), f"{focused} is out of sight"
        assert screen.focused is screen.query_one("#start", Button)
        assert {name.replace(".", "-") for name in form.draft.fields() - {"typed"}} <= reached


async def test_a_key_goes_on_to_a_comparison_and_a_search(make_workspace: MakeWorkspace) -> None:
    app = BeholderApp(make_workspace(12), "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_train(app, pilot)
        form = screen.query_one(TrainForm)
        for aim in ("compare", "tune", "train"):
            await pilot.press("ctrl+t")
            await wait_for(pilot, lambda aim=aim: form.draft.aim == aim, f"the form of {aim}")  # type: ignore[misc]


async def test_only_what_applies_is_shown_and_wrong_texts_are_told_beside_it(make_workspace: MakeWorkspace) -> None:
    app = BeholderApp(make_workspace(12), "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_train(app, pilot)
        await wait_for(pilot, lambda: not screen.query_one("#start", Button).disabled, "the form")
        assert not screen.query_one("#lr", Input).is_on_screen
        screen.query_one("#model", Select).value = "finetune"
        await wait_for(pilot, lambda: screen.query_one("#lr", Input).is_on_screen, "the learning rate")
        screen.query_one("#lr", Input).value = "fast"
        await wait_for(pilot, lambda: "A number is needed: > 0" in screen_text(app), "what is wrong")
        assert screen.query_one("#start", Button).disabled
        screen.query_one("#lr", Input).value = ""
        screen.query_one("#augment", Select).value = "strong"
        await wait_for(pilot, lambda: "alter what people rate" in screen_text(app), "the warning")
        await wait_for(pilot, lambda: not screen.query_one("#start", Button).disabled, "a form that may start")
        screen.query_one("#backbone", Select).value = "vgg16"
        await wait_for(pilot, lambda: "The weights of vgg16 are not" in screen_text(app), "no weights")
        await wait_for(pilot, lambda: "beholder backbones" in screen_text(app), "how to get them")


@pytest.mark.usefixtures("patience")
async def test_two_times_enter_trains(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(12)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: "Train your first model" in screen_text(app), "the next step")
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, TrainScreen), "the Train screen")
        await wait_for(pilot, lambda: getattr(app.focused, "id", "") == "start", "the start button")
        await pilot.press("enter")
        await wait_for(pilot, lambda: len(client.list_jobs(workspace)) == 1, "the training")
        client.cancel(workspace, client.list_jobs(workspace)[0].job_id)


@pytest.mark.slow
@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("model", [name for name, family in FAMILIES.items() if not family.trains_network])
async def test_every_quick_family_trains_from_the_form(make_workspace: MakeWorkspace, model: str) -> None:
    workspace = make_workspace(30)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_train(app, pilot)
        await wait_for(pilot, lambda: not screen.query_one("#start", Button).disabled, "the form")
        screen.query_one("#model", Select).focus()
        await pilot.press("enter", "home", *["down"] * list(FAMILIES).index(model), "enter")
        await wait_for(pilot, lambda: screen.query_one(TrainForm).draft.model == model, "the family")
        if "epochs" in FAMILIES[model].options:
            screen.query_one("#epochs", Input).value = "4"
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: screen.state in ENDED, "the end")
        assert screen.state == "finished", client.log_text(workspace, screen.job_id)
        assert [info.model for info in list_bundles(workspace)] == [model]
        assert screen.query_one(LossPlot).point_count > 0
        assert screen.query_one(LossPlot).curve.axis == FAMILIES[model].axis


@pytest.mark.slow
@pytest.mark.usefixtures("patience")
async def test_a_comparison_and_a_search_run_from_the_form(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(30)
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_train(app, pilot)
        form = screen.query_one(TrainForm)
        await wait_for(pilot, lambda: not screen.query_one("#start", Button).disabled, "the form")
        screen.query_one("#aims", Tabs).active = "aim-compare"
        await wait_for(pilot, lambda: form.draft.aim == "compare", "the comparison")
        families = screen.query_one("#compare-models", SelectionList)
        families.deselect_all()
        families.select("ridge")
        families.select("svr")
        await wait_for(pilot, lambda: form.draft.models == ["ridge", "svr"], "two families")
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: screen.state in ENDED, "its end")
        assert screen.state == "finished", client.log_text(workspace, screen.job_id)
        assert len(screen.query_one(Leaderboard).rows) == 2
        screen.query_one("#aims", Tabs).active = "aim-tune"
        await wait_for(pilot, lambda: form.draft.aim == "tune", "the search")
        screen.query_one("#model", Select).value = "svr"
        screen.query_one("#trials", Input).value = "3"
        await wait_for(pilot, lambda: form.draft.payload().get("trials") == 3, "three trials")
        compared = screen.job_id
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: screen.job_id != compared and screen.state in ENDED, "its end")
        assert screen.state == "finished", client.log_text(workspace, screen.job_id)
        assert len(screen.query_one(TrialTable).rows) == 3
