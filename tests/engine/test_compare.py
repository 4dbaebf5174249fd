"""A comparison: the same photos and parts for every row, honest verdicts, and nothing done twice."""

import json
import shutil

import numpy as np
import pytest

from engine.errors import Interrupted, NeedMissing, NotEnoughData
from engine.events import CurvePoint, Finished, Notice, Row
from engine.labels.scorebook import ScoreBook
from engine.models.base import FitControl
from engine.models.bundle import find_bundle, list_bundles, read_manifest
from engine.models.record import Guessed, Record
from engine.training.compare import run_comparison
from engine.training.spec import CompareSpec
from engine.training.verdict import best_told, held_out, lead, verdict


@pytest.fixture
def workspace(workspace, trained_workspace):
    shutil.copy(trained_workspace.features_file, workspace.features_file)
    return workspace


def compare(workspace, control=None, **values):
    values.setdefault("split", (0.6, 0.2, 0.2))
    events = list(run_comparison(workspace, CompareSpec(**values), control=control or FitControl()))
    assert isinstance(events[-1], Finished)
    json.dumps([event.to_dict() for event in events], allow_nan=False)
    return events, events[-1].result


def rows_of(events):
    return [event for event in events if isinstance(event, Row)]


def test_the_leaderboard_is_best_first_and_every_row_is_a_model(workspace):
    events, result = compare(workspace, models=["taste", "ridge", "svr"])
    rows = result["rows"]
    assert {row["model"] for row in rows} == {"taste", "ridge", "svr"}
    honest = [row["metrics"]["cv"]["srcc"] for row in rows]
    assert honest == sorted(honest, reverse=True)
    assert result["model_id"] == rows[0]["model_id"]
    assert {row["model_id"] for row in rows} == {info.model_id for info in list_bundles(workspace)}
    for row in rows:
        assert row.keys() == {"model", "backbone", "model_id", "metrics", "seconds", "verdict", "error"}
        assert ("guessing the mean" in row["verdict"]["text"]) == (row["model"] == "ridge")
    states = [event.values["state"] for event in rows_of(events) if event.values["model"] == "svr"]
    assert states == ["waiting", "running", "done"]
    assert any("Best: " in str(event.message) for event in events if isinstance(event, Notice))
    assert not any(isinstance(event, CurvePoint) for event in events)  # three curves in one plot say nothing


def test_all_rows_see_the_same_parts(workspace):
    _, result = compare(workspace, models=["taste", "ridge"])
    manifests = [read_manifest(find_bundle(workspace, row["model_id"])) for row in result["rows"]]
    assert manifests[0]["split"] == manifests[1]["split"]
    assert manifests[0]["baselines"] == manifests[1]["baselines"]
    assert manifests[0]["data_hash"] == manifests[1]["data_hash"]


def test_backbones_share_photos_and_groups(workspace):
    names = sorted(ScoreBook(workspace).scores())
    (workspace.data / names[0]).write_bytes(b"no picture")
    _, result = compare(workspace, models=["ridge"], backbones=["efficientnet_lite0", "resnet18"], weights="none")
    assert {row["backbone"] for row in result["rows"]} == {"efficientnet_lite0", "resnet18"}
    splits = [read_manifest(find_bundle(workspace, row["model_id"]))["split"] for row in result["rows"]]
    assert splits[0] == splits[1]
    assert splits[0]["fold_of"].keys() == set(names[1:])


def test_a_row_that_fails_is_told_and_the_others_go_on(workspace):
    events, result = compare(workspace, models=["ridge"], backbones=["resnet18", "efficientnet_lite0"])
    good, bad = result["rows"]
    assert good["backbone"] == "efficientnet_lite0"
    assert good["error"] is None
    assert bad["model_id"] is None
    assert "resnet18" in bad["error"]["text"]
    assert "failed" in {event.values["state"] for event in rows_of(events)}


def test_where_all_fail_the_reason_is_an_error(workspace):
    with pytest.raises(NeedMissing, match="resnet18"):
        compare(workspace, models=["ridge", "taste"], backbones=["resnet18"])
    ScoreBook(workspace).set_many(dict.fromkeys(list(ScoreBook(workspace).scores())[5:]))
    with pytest.raises(NotEnoughData, match="Scored photos: 5"):
        compare(workspace, models=["ridge"])


def test_a_broken_off_comparison_goes_on_with_the_next_row(workspace, tmp_path):
    folder = tmp_path / "checkpoint"
    spec = CompareSpec(models=["ridge", "taste"], split=(0.6, 0.2, 0.2))
    done: list[str] = []
    control = FitControl(should_stop=lambda: bool(done), checkpoints=folder)
    work = run_comparison(workspace, spec, control=control)
    with pytest.raises(Interrupted):
        done.extend(
            event.values["model_id"] for event in work if isinstance(event, Row) and event.values["state"] == "done"
        )
    assert len(done) == 1
    control = FitControl(checkpoints=folder)
    _, result = compare(workspace, control, models=["ridge", "taste"])
    assert done[0] in {row["model_id"] for row in result["rows"]}
    assert len(list_bundles(workspace)) == 2
    # other data: what was noted holds no more
    ScoreBook(workspace).set(next(iter(ScoreBook(workspace).scores())), 99.0)
    _, result = compare(workspace, control, models=["ridge", "taste"])
    assert len(list_bundles(workspace)) == 4
    assert done[0] not in {row["model_id"] for row in result["rows"]}


def test_notes_that_are_damaged_are_no_notes(workspace, tmp_path):
    (tmp_path / "comparison.json").write_text("[1, 2")
    _, result = compare(workspace, FitControl(checkpoints=tmp_path), models=["ridge"])
    assert len(result["rows"]) == 1


def test_ending_early_keeps_the_rows_that_are_done(workspace):
    done = []
    events = []
    control = FitControl(should_finish=lambda: bool(done))
    for event in run_comparison(workspace, CompareSpec(models=["taste", "ridge", "svr"]), control=control):
        events.append(event)
        if isinstance(event, Row) and event.values["state"] == "done":
            done.append(event.values["model"])
    assert done == ["ridge"]
    assert [row["model"] for row in events[-1].result["rows"]] == ["ridge"]


def said(predicted, given=None, part="test"):
    given = np.arange(len(predicted)) if given is None else given
    return {f"{n}": Guessed(f"{n}", float(given[n]), float(predicted[n]), part, True) for n in range(len(predicted))}


def test_a_verdict_says_better_no_better_or_worse():
    random = np.random.default_rng(0)
    given = np.arange(80.0)
    good, poor = said(given + random.normal(size=80)), said(given + 60 * random.normal(size=80))
    other = said(given + random.normal(size=80))
    groups = {name: number for number, name in enumerate(good)}
    assert str(verdict(good, poor, "ridge", groups)).startswith("Better than ridge: SRCC +0.")
    assert str(verdict(poor, good, "ridge", groups)).startswith("Worse than ridge: SRCC -0.")
    assert str(verdict(good, other, "ridge", groups)) == "No better than ridge."
    assert str(verdict(good, None, "ridge", groups)).startswith("Better than always guessing the mean: SRCC +0.99")
    chance = said(random.normal(size=80))
    assert str(verdict(chance, None, "ridge", groups)) == "No better than always guessing the mean."
    assert verdict(good, {}, "ridge", groups) is None
    assert str(best_told(["a", "b", "c"], [good, other, poor], 0.99, groups)) == (
        "Best: a, SRCC 0.990; but not clearly ahead of b."
    )
    assert str(best_told(["a", "c"], [good, poor], 0.99, groups)) == "Best: a, SRCC 0.990."


def test_a_network_is_judged_by_its_test_part_alone():
    record = Record(
        (),
        (
            Guessed("a", 1, 1, "train", False),
            Guessed("b", 2, 2, "validation", True),
            *(Guessed(name, 3, 3, "test", True) for name in "cdef"),
        ),
    )
    assert held_out(record).keys() == set("cdef")
    whole = said([1.0, 2.0, 5.0])
    assert held_out(Record((), tuple(whole.values()))).keys() == whole.keys()
    assert lead(held_out(record), whole, {}) is None
