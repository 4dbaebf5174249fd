"""Predicting: one row a photo, in order; what can't be scored is a row with the reason."""

import shutil

import pytest

from engine.errors import DamagedFile, Interrupted, NotFound
from engine.events import Progress
from engine.models.bundle import find_bundle, read_manifest
from engine.prediction.score import COLUMNS, Prediction, predict
from engine.storage import write_json
from engine.training.run import run_training
from engine.training.spec import make_spec


@pytest.fixture
def trained(workspace_factory):
    workspace = workspace_factory()
    list(run_training(workspace, make_spec(name="mine")))
    return workspace, find_bundle(workspace, "mine")


def rows_of(events):
    return [event for event in events if isinstance(event, Prediction)]


def test_a_folder_is_scored_in_order_with_intervals(trained, new_photos):
    workspace, info = trained
    events = list(predict(workspace, info, [new_photos]))
    rows = rows_of(events)
    assert [row.path for row in rows] == sorted(new_photos.iterdir())
    for row in rows:
        assert row.to_row().keys() == set(COLUMNS)
        assert workspace.scale.low <= row.low <= row.score <= row.high <= workspace.scale.high
        assert row.error is None
    assert any(isinstance(event, Progress) for event in events)


def test_predictions_follow_the_scores_that_were_given(trained):
    workspace, info = trained
    dark, bright = (sorted(workspace.data.glob("*.jpg"), key=lambda p: int(p.name.split("_")[0]))[i] for i in (0, -1))
    low, high = rows_of(predict(workspace, info, [dark, bright]))
    assert high.score > low.score + 20


def test_what_is_no_picture_is_a_row_with_a_reason(trained, new_photos, tmp_path):
    workspace, info = trained
    good = shutil.copy(next(new_photos.iterdir()), tmp_path / "a[b]\x1b[31m.jpg")
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    gone = tmp_path / "gone.jpg"
    rows = {row.path: row for row in rows_of(predict(workspace, info, [text, good, gone]))}
    assert rows[good].score is not None
    for path in (text, gone):
        assert rows[path].score is None
        assert rows[path].to_row()["error"]


def test_what_a_folder_holds_and_nobody_can_read_is_a_row_too(trained, new_photos, tmp_path):
    workspace, info = trained
    folder = shutil.copytree(new_photos, tmp_path / "some")
    (folder / "dead.jpg").symlink_to("nowhere")
    too_long = tmp_path / ("x" * 300)
    rows = {row.path: row for row in rows_of(predict(workspace, info, [too_long, folder]))}
    for path in (folder / "dead.jpg", too_long):
        assert rows[path].score is None
        assert rows[path].error
    assert sum(row.score is not None for row in rows.values()) == len(rows) - 2


def test_nothing_to_score_is_said(trained, tmp_path):
    workspace, info = trained
    with pytest.raises(NotFound, match=r"gone\.jpg"):
        list(predict(workspace, info, [tmp_path / "gone.jpg"]))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotFound, match="no picture"):
        list(predict(workspace, info, [empty]))


def test_features_computed_differently_are_refused(trained, new_photos):
    workspace, info = trained
    manifest = read_manifest(info)
    write_json(info.path / "manifest.json", {**manifest, "fingerprint": "0" * 16})
    with pytest.raises(DamagedFile, match="differently"):
        list(predict(workspace, info, [new_photos]))


@pytest.mark.parametrize("change", [{"interval": None}, {"interval": {"halfwidth": "wide"}}])
def test_a_manifest_that_says_nonsense_is_damaged(trained, new_photos, change):
    workspace, info = trained
    write_json(info.path / "manifest.json", {**read_manifest(info), **change})
    with pytest.raises(DamagedFile, match="manifest"):
        list(predict(workspace, info, [new_photos]))


def test_predicting_stops_when_asked(trained, new_photos):
    workspace, info = trained
    with pytest.raises(Interrupted):
        list(predict(workspace, info, [new_photos], should_stop=lambda: True))
