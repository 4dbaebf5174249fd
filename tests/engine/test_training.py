"""A training from photos to bundle, on real features of small pictures."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import Interrupted, NeedMissing, NotEnoughData, NotFound, UsageError
from engine.events import CurvePoint, Epoch, Finished, ItemFailed, Notice, Phase
from engine.features.backbones import fingerprint, get_backbone
from engine.labels.scorebook import ScoreBook
from engine.models.base import FitControl, TrainingSet
from engine.models.bundle import find_bundle, list_bundles, load_bundle, read_manifest
from engine.models.catalog import make_scorer
from engine.models.record import read_record
from engine.prediction.guesses import read_guesses
from engine.prediction.score import Prediction, predict
from engine.storage import write_json
from engine.training.album import data_hash
from engine.training.measure import make_plan, measure
from engine.training.run import run_training
from engine.training.spec import make_spec
from engine.workspace import Scale

RESULT = {
    *("model_id", "name", "model", "backbone", "n", "metrics", "intervals"),
    *("baseline", "baselines", "leaked", "seconds"),
}


@pytest.fixture
def workspace_factory(workspace_factory, trained_workspace):
    """The usual workspaces, with the features of their photos known already: what is tested here comes after them."""

    def make(*arguments, **values):
        workspace = workspace_factory(*arguments, **values)
        shutil.copy(trained_workspace.features_file, workspace.features_file)
        return workspace

    return make


def train(workspace, **values):
    events = list(run_training(workspace, make_spec(**values)))
    assert isinstance(events[-1], Finished)
    return events, dict(events[-1].result)


def ended(work):
    """Return what a generator of events returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


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


def test_the_figures_come_with_intervals_baselines_and_the_careless_split(workspace_factory):
    workspace = workspace_factory()
    for name in list(ScoreBook(workspace).scores())[::3]:  # a near-copy of every third photo, scored alike
        copy = workspace.data / f"near-{Path(name).stem.partition('_')[2]}.png"
        with Image.open(workspace.data / name) as photo:
            photo.save(copy)
        ScoreBook(workspace).set(copy.name, float(name.partition("_")[0]))
    _, result = train(workspace, model="ridge", split=(0.6, 0.2, 0.2))
    for part, figures in result["metrics"].items():
        for metric, ends in result["intervals"][part].items():
            assert ends is None or ends[0] <= figures[metric] <= ends[1]
    assert result["baselines"].keys() == {"mean", "nearest"}
    assert result["baseline"] == result["baselines"]["mean"]
    assert result["baselines"]["mean"]["n"] == result["baselines"]["nearest"]["n"] == result["metrics"]["test"]["n"]
    assert result["leaked"]["test"]["n"] == result["metrics"]["test"]["n"]
    manifest = read_manifest(find_bundle(workspace, "latest"))
    parts = {name: part for part in ("train", "validation", "test") for name in manifest["split"][part]}
    assert manifest["split"]["groups"] <= len(parts) - 10
    for name in parts:
        if name.startswith("near-"):
            twin = next(other for other in parts if other.endswith(f"_{Path(name).stem.removeprefix('near-')}.jpg"))
            assert parts[name] == parts[twin]


def test_what_belongs_together_is_measured_apart_and_the_leak_shows():
    # themes of which every photo gets the theme's score: who has seen one of them knows the others
    random = np.random.default_rng(0)
    theme = np.repeat(np.arange(40), 4)
    centres = random.normal(size=(40, 32))
    features = (centres[theme] + 0.2 * random.normal(size=(160, 32))).astype(np.float32)
    scores = random.uniform(0, 100, 40)[theme]
    data = TrainingSet(features, scores, theme.astype(np.int64), features, [32])
    spec = make_spec(model="ridge", split=(0.6, 0.2, 0.2))
    plan = ended(make_plan(spec, data))
    measured = ended(measure(spec, data, plan, Scale(), FitControl(), make=lambda wanted: make_scorer(wanted.recipe())))
    assert abs(measured.metrics["test"].srcc) < 0.5
    assert measured.leaked.srcc > measured.metrics["test"].srcc + 0.3
    assert measured.held_out.all()


def test_the_record_keeps_the_curve_and_each_photos_held_out_prediction(workspace_factory):
    workspace = workspace_factory()
    events, result = train(workspace, split=(0.6, 0.2, 0.2))
    record = read_record(find_bundle(workspace, "latest").path)
    curve = [event.to_dict() for event in events if isinstance(event, CurvePoint)]
    assert [dict(event) for event in record.events] == curve
    assert len(curve) >= 5
    guesses = {guess.name: guess for guess in record.guesses}
    assert {name: guess.given for name, guess in guesses.items()} == ScoreBook(workspace).scores()
    assert all(guess.held_out for guess in guesses.values())
    cv = np.mean([abs(guess.given - guess.predicted) for guess in guesses.values()])
    assert cv == pytest.approx(result["metrics"]["cv"]["mae"], abs=1e-4)
    split = read_manifest(find_bundle(workspace, "latest"))["split"]
    for part in ("train", "validation", "test"):
        assert {name for name, guess in guesses.items() if guess.part == part} == set(split[part])


def test_folds_are_stored_photo_by_photo(workspace_factory):
    workspace = workspace_factory()
    train(workspace, folds=4, model="ridge")
    split = read_manifest(find_bundle(workspace, "latest"))["split"]
    assert split["fold_of"].keys() == ScoreBook(workspace).scores().keys()
    assert set(split["fold_of"].values()) == {0, 1, 2, 3}


def test_random_weights_are_told(workspace_factory):
    events, _ = train(workspace_factory(photos=12), weights="none", model="ridge")
    assert any("Random weights: efficientnet_lite0" in str(event.message) for event in events if event.type == "notice")


def test_a_photo_that_vanishes_while_its_album_is_read_is_named(workspace_factory):
    workspace = workspace_factory(photos=20)
    lost = workspace.data / sorted(ScoreBook(workspace).scores())[-1]
    events = []
    for event in run_training(workspace, make_spec(model="ridge")):
        if isinstance(event, Phase) and event.phase == "features":
            lost.unlink()
        events.append(event)
    failed = [event for event in events if isinstance(event, ItemFailed)]
    assert events[-1].result["n"] == 19
    assert [event.path for event in failed] in ([], [str(lost)])


def test_too_few_readable_photos_are_too_few(workspace_factory):
    workspace = workspace_factory(photos=12)
    for name in list(ScoreBook(workspace).scores())[:5]:
        (workspace.data / name).write_bytes(b"no picture")
    with pytest.raises(NotEnoughData, match="Scored photos: 7"):
        train(workspace)
    assert list_bundles(workspace) == []


def test_a_disk_that_fills_up_leaves_no_half_bundle(workspace_factory):
    workspace = workspace_factory(photos=20)
    train(workspace, model="ridge", name="before")
    code = f"""
import resource, signal, sys
from pathlib import Path
from engine.errors import BeholderError
from engine.events import Phase
from engine.training.run import run_training
from engine.training.spec import make_spec
from engine.workspace import Workspace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    for event in run_training(Workspace(Path({str(workspace.root)!r})), make_spec(model="ridge")):
        if isinstance(event, Phase) and event.phase == "saving":
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
except BeholderError as error:
    sys.exit(f"told: {{error}}")
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=300, capture_output=True, text=True)
    assert ended.returncode == 1, ended.stderr
    assert "told: " in ended.stderr
    assert str(workspace.models) in ended.stderr
    assert [info.name for info in list_bundles(workspace)] == ["before"]
    assert len(list(workspace.models.iterdir())) == 1


def test_ending_early_keeps_what_is_there_and_measures_it(workspace_factory):
    workspace = workspace_factory()
    seen = []
    events = []
    control = FitControl(should_finish=lambda: len(seen) >= 3)
    for event in run_training(workspace, make_spec(model="frozen", split=(0.6, 0.2, 0.2)), control=control):
        seen += [event.epoch] if isinstance(event, Epoch) else []
        events.append(event)
    assert seen[:3] == [1, 2, 3]
    assert len(seen) < 60  # of 200: it warms up and ends
    assert events[-1].result["metrics"]["cv"]["n"] == 30
    record = read_record(find_bundle(workspace, "latest").path)
    assert [event["epoch"] for event in record.events if event["type"] == "epoch"] == seen


def test_a_training_can_start_from_another_model(workspace_factory):
    workspace = workspace_factory()
    train(workspace, model="ridge", name="others")
    events, result = train(workspace, model="svr", prior="others", name="mine")
    notices = [str(event.message) for event in events if isinstance(event, Notice)]
    assert any("others has learned from 30 of these photos" in notice for notice in notices)
    info = find_bundle(workspace, "mine")
    assert read_manifest(info)["prior"] == {"model_id": find_bundle(workspace, "others").model_id, "model": "ridge"}
    assert "prior_weight" in load_bundle(info).manifest["details"]
    assert result["metrics"]["cv"]["srcc"] > 0.6


def test_a_prior_on_other_features_is_refused_before_any_work(workspace_factory):
    workspace = workspace_factory(photos=12)
    train(workspace, model="ridge", weights="none", name="random")
    with pytest.raises(UsageError, match="random takes other features"):
        next(run_training(workspace, make_spec(model="ridge", prior="random")))
    with pytest.raises(NotFound, match="nobody"):
        next(run_training(workspace, make_spec(model="ridge", prior="nobody")))


@pytest.mark.slow
def test_a_tuned_network_is_fitted_once_and_saved_as_it_was_measured(workspace_factory):
    workspace = workspace_factory()
    events, result = train(workspace, model="finetune", epochs=1, split=(0.5, 0.25, 0.25), name="tuned")
    info = find_bundle(workspace, "tuned")
    manifest = read_manifest(info)
    assert manifest["tuned"]
    assert manifest["weights"] == "network.safetensors"
    backbone = get_backbone(info.backbone)
    assert manifest["fingerprint"] == fingerprint(backbone, manifest["files"]["network.safetensors"])
    assert manifest["fingerprint"] != backbone.fingerprint()
    assert result["metrics"].keys() == {"train", "validation", "test"}
    assert result["leaked"] is None
    assert result["n"] == len(manifest["split"]["train"])
    assert [event.phase for event in events if isinstance(event, Phase)] == [
        *("features", "splitting", "fitting", "saving")
    ]
    record = {guess.name: guess for guess in read_record(info.path).guesses}
    unseen = {*manifest["split"]["validation"], *manifest["split"]["test"]}
    assert {name for name, guess in record.items() if guess.held_out} == unseen
    # what it learned from has no guess: its own word on these photos would flatter, also when it is asked
    assert read_guesses(workspace)[1].keys() == unseen
    rows = [row for row in predict(workspace, info, [workspace.data]) if isinstance(row, Prediction)]
    assert read_guesses(workspace)[1].keys() == unseen
    for row in rows:
        # measured in float32 by torch, predicted in the precision that this CPU computes fastest
        assert row.score == pytest.approx(record[row.path.name].predicted, abs=0.5)
        assert row.low <= row.score <= row.high


def test_intervals_follow_a_models_own_doubt(workspace_factory, new_photos):
    workspace = workspace_factory()
    train(workspace, model="gp", name="doubting")
    info = find_bundle(workspace, "doubting")
    manifest = read_manifest(info)
    assert {"coverage", "halfwidth", "far", "held", "held_of"} <= manifest["interval"].keys()
    manifest["interval"]["factor"] = 0.5  # whether it narrows the intervals is the data's to say
    write_json(info.path / "manifest.json", manifest)
    rows = [row for row in predict(workspace, info, [new_photos]) if isinstance(row, Prediction)]
    widths = [row.high - row.low for row in rows if workspace.scale.low < row.low and row.high < workspace.scale.high]
    assert len({round(width, 6) for width in widths}) == len(widths) > 1
