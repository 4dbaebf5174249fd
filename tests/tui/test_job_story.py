"""A job's story: what its events tell, over several runs."""

from __future__ import annotations

from engine.errors import Message
from engine.events import Notice, Phase, Progress, Row
from tests.tui.written_jobs import STARTED, Told, epochs, figures
from tui.job_story import JobStory
from tui.training.figures import metrics_table
from tui.widgets.job_status import epoch_text
from tui.widgets.result_tables import leaderboard_rows, ranked, trial_points


def story_of(*events: Told) -> JobStory:
    story = JobStory()
    story.add(event if isinstance(event, dict) else event.to_dict() for event in events)  # type: ignore[union-attr]
    return story


def test_a_new_run_begins_anew_but_keeps_the_notices() -> None:
    notice = Notice(Message("There are no jobs yet."))
    first = [dict(STARTED), Phase("fitting"), notice, *epochs(4, 10), Row("trials", "0", {"trial": 0})]
    story = story_of(*first, {"type": "cancelled"})
    assert (story.end, len(story.curve), story.run) == ("cancelled", 12, 1)
    points = story.add([{"type": "started"}, notice.to_dict(), *(event.to_dict() for event in epochs(1, 10))])  # type: ignore[union-attr]
    assert story.state == "running"
    assert len(points) == len(story.curve) == 3
    assert story.rows == {}
    assert len(story.notices) == 1
    assert story.run == 2


def test_a_job_that_waits_is_queued_and_says_behind_what() -> None:
    story = story_of(dict(STARTED), {"type": "waiting", "behind": "20261123-train"})
    assert story.state == "queued"
    assert story.behind == "20261123-train"
    story.add([Phase("features").to_dict()])
    assert story.state == "running"


def test_epochs_tell_how_far_the_work_is() -> None:
    story = story_of(dict(STARTED), Phase("fitting"), *epochs(5, 10))
    assert story.fraction() == 0.4
    text = epoch_text(story, is_running=True).plain
    assert text.startswith("epoch 4/10 (whole network) · loss ")
    assert "best: epoch" in text
    assert "left" in text
    story.add([Progress("evaluating", 1, 4).to_dict()])
    assert story.fraction() == 0.25


def test_figures_show_intervals_baselines_and_what_leaked() -> None:
    result = {
        "metrics": {"test": figures(0.52), "cv": figures(0.4)},
        "baselines": {"mean": figures(0.0), "nearest": figures(0.2)},
        "intervals": {"test": {"srcc": [0.3, 0.7]}},
        "leaked": {"test": figures(0.8)},
    }
    story = story_of(dict(STARTED), {"type": "finished", "result": result})
    table = metrics_table(story)
    assert table is not None
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    assert cells[0] == ["", "test", "folds", "average", "most alike", "if leaked"]
    assert cells[1][1:] == ["0.52", "0.40", "0.00", "0.20", "0.80"]
    assert cells[2][1] == "0.30–0.70"
    assert metrics_table(JobStory()) is None


def test_a_leaderboard_is_best_first_and_takes_the_verdicts_of_the_end() -> None:
    def row(model: str, srcc: float | None) -> Row:
        metrics = {} if srcc is None else {"cv": figures(srcc)}
        return Row("leaderboard", f"{model}/b", {"model": model, "backbone": "b", "state": "done", "metrics": metrics})

    story = story_of(dict(STARTED), row("svr", None), row("ridge", 0.3), row("gp", 0.5))
    assert [key for key, _ in ranked(leaderboard_rows(story))] == ["gp/b", "ridge/b", "svr/b"]
    verdict = Message("No better than {other}.", {"other": "ridge"}).to_dict()
    line = {"model": "gp", "backbone": "b", "metrics": {"cv": figures(0.5)}, "verdict": verdict}
    story.add([{"type": "finished", "result": {"rows": [line]}}])
    assert leaderboard_rows(story)["gp/b"]["verdict"] == verdict
    assert leaderboard_rows(story)["gp/b"]["state"] == "done"


def test_trials_that_were_broken_off_are_no_points() -> None:
    values = [(0, "complete", 0.2), (1, "pruned", None), (2, "complete", 0.1), (3, "running", None)]
    rows = {str(trial): {"trial": trial, "state": state, "value": value} for trial, state, value in values}
    points = trial_points(rows)
    assert [(point["x"], point["train"], point["validation"]) for point in points] == [(0.0, 0.2, 0.2), (2.0, 0.1, 0.2)]
