"""A training from photos to bundle, on real features of small pictures."""

import json

import numpy as np
import pytest

from engine.errors import Interrupted, NeedMissing, NotEnoughData, NotFound
from engine.events import CurvePoint, Finished, ItemFailed, Notice, Phase
from engine.labels.scorebook import ScoreBook
from engine.models.base import FitControl
from engine.models.bundle import find_bundle, list_bundles, load_bundle, read_manifest
from engine.prediction.intervals import conformal_halfwidth
from engine.training.album import data_hash
from engine.training.run import run_training
from engine.training.spec import make_spec

RESULT = {
    *("model_id", "name", "model", "backbone", "n", "metrics", "intervals"),
    *("baseline", "baselines", "leaked", "seconds"),
}


def train(workspace, **values):
    events = list(run_training(workspace, make_spec(**values)))
    assert isinstance(events[-1], Finished)
    return events, dict(events[-1].result)


@pytest.mark.parametrize("model", ["taste", "random-forest"])
def test_a_training_ends_in_a_bundle_that_beats_the_mean(workspace_factory, model):
    workspace = workspace_factory()
    events, result = train(workspace, model=model, name="mine")
    assert result.keys() == RESULT
    assert result["metrics"]["test"].keys() == {"srcc", "plcc", "kendall", "mae", "rmse", "r2", "n"}
    assert result["metrics"]["cv"]["mae"] < 0.8 * result["baseline"]["mae"]
    assert result["metrics"]["cv"]["srcc"] > 0.6
    phases = [event.phase for event in events if isinstance(event, Phase)]
    assert phases == ["features", "splitting", "fitting", "evaluating", "saving"]
    assert len([event for event in events if isinstance(event, CurvePoint)]) >= 5
    info = find_bundle(workspace, "mine")
    assert load_bundle(info).info.n == result["n"]
    assert read_manifest(info)["data_hash"] == data_hash(workspace)
    json.dumps([event.to_dict() for event in events], allow_nan=False)


def test_the_test_part_shares_no_group_with_the_rest(workspace_factory):
    workspace = workspace_factory()
    train(workspace, split=(0.6, 0.2, 0.2))
    split = read_manifest(find_bundle(workspace, "latest"))["split"]
    assert split["kind"] == "parts"
    names = [name for part in ("train", "validation", "test") for name in split[part]]
    assert len(names) == len(set(names)) == len(ScoreBook(workspace).scores())


def test_folds_test_every_photo(workspace_factory):
    workspace = workspace_factory()
    _, result = train(workspace, folds=4)
    assert result["metrics"]["test"]["n"] == result["n"]
    assert read_manifest(find_bundle(workspace, "latest"))["split"]["folds"] == 4
    assert result["baseline"]["srcc"] is result["baseline"]["plcc"] is None
    assert result["baseline"]["mae"] > 0


def test_few_scores_are_cross_validated_and_it_is_said(workspace_factory):
    workspace = workspace_factory()
    book = ScoreBook(workspace)
    book.set_many(dict.fromkeys(list(book.scores())[::3]))
    events, result = train(workspace)
    assert any("cross-validation" in str(event.message) for event in events if isinstance(event, Notice))
    assert result["metrics"]["test"]["n"] == result["n"] < 30


def test_the_same_seed_gives_the_same_figures(workspace_factory):
    workspace = workspace_factory()
    assert train(workspace, seed=3)[1]["metrics"] == train(workspace, seed=3)[1]["metrics"]


def test_a_corrupt_photo_is_named_and_the_rest_is_learned(workspace_factory):
    workspace = workspace_factory()
    name = next(iter(ScoreBook(workspace).scores()))
    (workspace.data / name).write_bytes(b"not a picture")
    events, result = train(workspace)
    assert [event.path for event in events if isinstance(event, ItemFailed)] == [str(workspace.data / name)]
    assert result["n"] == len(ScoreBook(workspace).scores()) - 1


def test_too_few_scores(workspace_factory):
    workspace = workspace_factory()
    book = ScoreBook(workspace)
    book.set_many(dict.fromkeys(list(book.scores())[7:]))
    with pytest.raises(NotEnoughData, match="Scored photos: 7"):
        train(workspace)
    assert list_bundles(workspace) == []


def test_equal_scores(workspace_factory):
    workspace = workspace_factory()
    book = ScoreBook(workspace)
    book.set_many(dict.fromkeys(book.scores(), 50.0))
    with pytest.raises(NotEnoughData, match="nothing to learn"):
        train(workspace)


def test_an_empty_workspace(tmp_path):
    from engine.workspace import Workspace

    workspace = Workspace(tmp_path)
    workspace.create()
    with pytest.raises(NotFound, match="beholder import"):
        train(workspace)


def test_weights_that_cannot_be_had_are_an_error_with_a_remedy(workspace_factory):
    with pytest.raises(NeedMissing, match="resnet18"):
        train(workspace_factory(), backbone="resnet18")


def test_a_stopped_training_leaves_no_bundle(workspace_factory):
    workspace = workspace_factory()
    with pytest.raises(Interrupted):
        list(run_training(workspace, make_spec(), control=FitControl(should_stop=lambda: True)))
    assert list_bundles(workspace) == []


def test_the_interval_holds_as_often_as_it_says():
    random = np.random.default_rng(0)
    errors = random.normal(size=4000)
    half = conformal_halfwidth(np.zeros(2000), errors[:2000])
    assert 0.88 <= (np.abs(errors[2000:]) <= half).mean() <= 0.92
    assert conformal_halfwidth(np.zeros(3), np.array([1.0, -5.0, 2.0])) == 5.0
