"""`frozen`: heads on features; learns, predicts with numpy alone, ends early, resumes exactly."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import BeholderError, DamagedFile, Interrupted
from engine.metrics import evaluate
from engine.models.base import FitControl, Recipe
from engine.models.catalog import make_scorer
from engine.models.neural.bank import Rotation
from engine.models.neural.frozen import Frozen
from engine.models.neural.head import Head
from engine.models.standardise import Standardiser
from tests.conftest import REPOSITORY
from tests.engine.made_features import made_set
from tests.engine.neural_sets import epochs_of, files_of, notices_of, stop_after


@pytest.fixture(autouse=True)
def one_thread():
    """Bit-equal sums need one thread; and so small ones are quicker with it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fitted(recipe=None, data=None, validation=None):
    scorer = Frozen(recipe or Recipe("frozen"))
    events = list(scorer.fit(data or made_set(), validation))
    return scorer, events


@pytest.mark.parametrize(
    ("loss", "hidden"), [("mse", 0), ("mae", 32), ("huber", 32), ("rank", 0), ("rank", 32), ("huber+0.5*rank", 32)]
)
def test_every_loss_learns_scores_in_the_persons_unit(loss, hidden):
    data = made_set(120)
    seen, unseen = np.arange(80), np.arange(80, 120)
    scorer, _ = fitted(Recipe("frozen", loss=loss, epochs=40, params={"hidden": hidden}), data.subset(seen))
    figures = evaluate(data.scores[unseen], scorer.predict(data.features[unseen]))
    plain = np.abs(data.scores[unseen] - data.scores[seen].mean()).mean()
    assert figures.srcc > 0.6 and figures.mae < 0.85 * plain


def test_the_catalogue_makes_it_and_its_settings_count():
    scorer = make_scorer(Recipe("frozen", epochs=3, params={"hidden": 32}))
    events = list(scorer.fit(made_set(60)))
    assert scorer.details()["hidden"] == 32 and 1 <= scorer.details()["epochs"] <= 3
    assert {event.epochs for event in epochs_of(events)} == {3}
    assert {event.stage for event in epochs_of(events)} == {"head"}


def test_a_validation_part_is_watched_and_not_learned():
    data = made_set(100)
    _, events = fitted(None, data.subset(np.arange(80)), data.subset(np.arange(80, 100)))
    last = epochs_of(events)[-1]
    assert last.metrics["n"] == 20 and last.validation_loss is not None
    assert {event.metric for event in events if event.type == "curve"} == {"loss", "mae", "srcc"}
    flipped = data.subset(np.arange(80, 100))
    few = Recipe("frozen", epochs=1)
    one, _ = fitted(few, data.subset(np.arange(80)), flipped)
    two, _ = fitted(few, data.subset(np.arange(80)), dataclasses.replace(flipped, scores=100 - flipped.scores))
    assert one.predict(data.features).tolist() == two.predict(data.features).tolist()


def test_without_one_whole_groups_are_held_out_in_turn():
    data = made_set(60, group_size=3)
    _, events = fitted(Recipe("frozen", epochs=4), data)
    watched = [event for event in epochs_of(events) if event.validation_loss is not None]
    assert len(watched) == 4 and watched[0].metrics["n"] == 60
    again = [event for event in epochs_of(events) if event.validation_loss is None]
    assert len(again) == watched[-1].best_epoch


def test_patience_ends_it_early():
    data = made_set(40, noise=50.0)
    _, events = fitted(Recipe("frozen", patience=2), data)
    watched = [event for event in epochs_of(events) if event.validation_loss is not None]
    assert len(watched) < 80


def test_a_seed_repeats_everything(tmp_path):
    recipe = Recipe("frozen", epochs=3)
    first, second = fitted(recipe)[0], fitted(recipe)[0]
    assert files_of(first, tmp_path / "a") == files_of(second, tmp_path / "b")
    third = fitted(recipe, made_set(seed=1))[0]
    assert files_of(third, tmp_path / "c") != files_of(first, tmp_path / "d")


def test_what_is_saved_predicts_the_same_in_a_process_without_torch(tmp_path):
    scorer, _ = fitted()
    scorer.save(tmp_path)
    features = made_set().features[:7]
    np.save(tmp_path / "rows.npy", features)
    code = (
        "import sys, numpy, pathlib\n"
        "from engine.models.neural.frozen import Frozen\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "print(Frozen.load(folder).predict(numpy.load(folder / 'rows.npy')).tolist())\n"
        "print(sorted({'torch', 'torchvision', 'timm', 'sklearn'} & sys.modules.keys()))\n"
    )
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, env=environ
    )
    told, imported = done.stdout.splitlines()
    assert json.loads(told) == pytest.approx(scorer.predict(features).tolist(), abs=1e-9) and imported == "[]"


@pytest.mark.parametrize("hidden", [0, 16])
def test_folding_everything_into_arrays_changes_no_score(hidden):
    from engine.models.neural.bank import HeadBank
    from engine.models.neural.scaling import Standard

    data = made_set(50)
    rotation = Rotation.fit(data.features, Standardiser.fit(data.album, data.blocks), 0)
    bank = HeadBank(3, rotation.axes.shape[1], hidden, 0.0, 1).eval()
    with torch.no_grad():
        for value in bank.parameters():
            value.normal_(generator=torch.Generator().manual_seed(value.numel()))
        wanted = bank(torch.from_numpy(rotation.apply(data.features))).mean(dim=0).double().numpy()
    head = bank.fold(rotation, Standard(40.0, 3.0))
    assert head.predict(data.features) == pytest.approx(wanted * 3 + 40, abs=0.02)


def test_turning_the_features_loses_nothing():
    data = made_set(20)  # fewer photos than features
    standardiser = Standardiser.fit(data.album, data.blocks)
    turned = Rotation.fit(data.features, standardiser, 0).apply(data.features).astype(np.float64)
    rows = standardiser.apply(data.features)
    assert turned.shape[1] == 19 and (turned**2).mean() == pytest.approx(1.0, rel=1e-3)
    pairs = np.triu_indices(20, 1)
    before, after = (((x[:, None] - x[None]) ** 2).sum(axis=2)[pairs] for x in (rows, turned))
    assert after / before == pytest.approx(np.full(before.size, after[0] / before[0]), rel=1e-3)


def test_very_many_photos_are_turned_onto_their_main_axes():
    random = np.random.default_rng(0)
    strong = random.normal(size=(1200, 10)) @ random.normal(size=(10, 1100)) * 10
    rows = (strong + random.normal(size=strong.shape)).astype(np.float32)
    rotation = Rotation.fit(rows, Standardiser.fit(rows, [1100]), 0)
    turned = rotation.apply(rows)
    assert turned.shape == (1200, 512)
    assert (turned[:, :10] ** 2).sum() > 0.95 * (turned**2).sum()


def test_eight_scores_and_equal_scores_and_flat_features_are_no_obstacle():
    data = made_set(8, unscored=0)
    scorer, _ = fitted(None, data)
    assert np.isfinite(scorer.predict(data.features)).all()
    equal = dataclasses.replace(data, scores=np.full(8, 42.0))
    scorer, _ = fitted(None, equal)
    assert scorer.predict(data.features) == pytest.approx(np.full(8, 42.0), abs=0.5)
    flat = np.ones_like(data.features)
    scorer, _ = fitted(None, dataclasses.replace(data, features=flat, album=flat))
    assert scorer.predict(flat) == pytest.approx(np.full(8, data.scores.mean()), abs=8.0)
    one_group = dataclasses.replace(data, groups=np.zeros(8, np.int64))
    scorer, _ = fitted(Recipe("frozen", epochs=5), one_group)
    assert scorer.details()["epochs"] == 5


def test_a_learning_rate_far_too_high_is_an_error_with_a_remedy():
    with pytest.raises(BeholderError, match="Try a learning rate of"):
        fitted(Recipe("frozen", lr=1e37, loss="mse"))


def test_a_damaged_file_is_named(tmp_path):
    scorer, _ = fitted(Recipe("frozen", epochs=1))
    scorer.save(tmp_path)
    file = tmp_path / "frozen.safetensors"
    sound = file.read_bytes()
    file.write_bytes(sound[:-50])
    with pytest.raises(DamagedFile, match="frozen"):
        Frozen.load(tmp_path)
    file.write_bytes(sound)
    head = Head.load(file)
    dataclasses.replace(head, last=head.last[:, :-1]).save(file)
    with pytest.raises(DamagedFile, match="last"):
        Frozen.load(tmp_path)


def test_features_of_another_width_are_refused():
    scorer, _ = fitted(Recipe("frozen", epochs=1))
    with pytest.raises(ValueError, match="32"):
        scorer.predict(np.zeros((3, 31), np.float32))


@pytest.mark.parametrize("watched", [True, False])
def test_a_stopped_fit_goes_on_to_the_same_bits(tmp_path, watched):
    data = made_set(60)
    parts = (data.subset(np.arange(40)), data.subset(np.arange(40, 60))) if watched else (data, None)
    recipe = Recipe("frozen", epochs=4)
    whole, events = fitted(recipe, *parts)
    stop_after(Frozen(recipe), *parts, tmp_path / "kept", 2)
    second = Frozen(recipe)
    told = list(second.fit(*parts, control=FitControl(checkpoints=tmp_path / "kept")))
    assert files_of(second, tmp_path / "second") == files_of(whole, tmp_path / "whole")
    assert [dataclasses.replace(event, eta=None) for event in epochs_of(told)] == [
        dataclasses.replace(event, eta=None) for event in epochs_of(events)
    ]
    assert second.details() == whole.details()


def test_a_finished_fit_is_not_done_again(tmp_path):
    data, recipe, control = made_set(60), Recipe("frozen", epochs=4), FitControl(checkpoints=tmp_path / "kept")
    first = Frozen(recipe)
    events = list(first.fit(data, control=control))
    second = Frozen(recipe)
    asked = []
    told = list(second.fit(data, control=dataclasses.replace(control, should_stop=lambda: bool(asked.append(1)))))
    assert asked == []
    assert [event.epoch for event in epochs_of(told)] == [event.epoch for event in epochs_of(events)]
    assert files_of(second, tmp_path / "second") == files_of(first, tmp_path / "first")
    third = Frozen(recipe)
    told = list(third.fit(made_set(60, seed=4), control=control))
    assert [text for text in notices_of(told) if "set aside" in text] and epochs_of(told)


def test_a_stop_before_the_first_step_is_heeded():
    with pytest.raises(Interrupted):
        list(Frozen().fit(made_set(), control=FitControl(should_stop=lambda: True)))


def test_a_finish_is_heeded_once_there_is_a_model():
    scorer = Frozen()
    events = list(scorer.fit(made_set(), control=FitControl(should_finish=lambda: True)))
    watched = [event for event in epochs_of(events) if event.validation_loss is not None]
    assert len(watched) == 15
    assert evaluate(made_set().scores, scorer.predict(made_set().features)).srcc > 0.6


@pytest.mark.slow
def test_on_real_votes_it_is_as_good_as_ridge():
    folder = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if not folder.is_dir():
        pytest.skip(f"there is no evaluation set in {folder}; BEHOLDER_EVAL_DATA names its folder")
    from tests.engine.real_votes import persons

    gains, ranked = [], []
    for data, unseen, wanted in persons(folder, scores=300, count=6):
        frozen, ridge = Frozen(), make_scorer(Recipe("ridge"))
        list(frozen.fit(data))
        list(ridge.fit(data))
        ranked.append(evaluate(wanted, frozen.predict(unseen)).srcc)
        gains.append(ranked[-1] - evaluate(wanted, ridge.predict(unseen)).srcc)
    assert np.mean(gains) >= -0.02 and np.mean(ranked) > 0.4, (gains, ranked)
