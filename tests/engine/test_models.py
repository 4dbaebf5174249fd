"""The model families learn, keep to their seed, and come back from disk as they went."""

import numpy as np
import pytest

from engine.errors import DamagedFile, Interrupted, UsageError
from engine.events import CurvePoint
from engine.metrics import evaluate
from engine.models.base import FitControl, Recipe, TrainingSet
from engine.models.catalog import MODELS, check_model, make_scorer, scorer_class
from engine.models.folds import deal_folds
from engine.models.standardise import Standardiser
from tests.engine.made_features import BLOCKS, made_set


def fitted(name, data, validation=None):
    scorer = make_scorer(Recipe(name))
    events = list(scorer.fit(data, validation))
    return scorer, events


@pytest.mark.parametrize("name", MODELS)
def test_a_model_ranks_photos_it_never_saw(name):
    everything = made_set(photos=240)
    seen, unseen = np.arange(160), np.arange(160, 240)
    scorer, _ = fitted(name, everything.subset(seen))
    found = evaluate(everything.scores[unseen], scorer.predict(everything.features[unseen]))
    assert found.srcc > 0.7
    assert found.r2 > 0.4


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_model(name):
    data = made_set(photos=40)
    first, again = (fitted(name, data)[0].predict(data.features) for _ in range(2))
    # a forest's threads add their trees up in any order
    np.testing.assert_allclose(first, again, rtol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_predicts_what_it_predicted(name, tmp_path):
    data = made_set(photos=40)
    scorer, _ = fitted(name, data)
    scorer.save(tmp_path)
    loaded = scorer_class(name).load(tmp_path)
    np.testing.assert_allclose(loaded.predict(data.album), scorer.predict(data.album), atol=1e-9)
    assert not [file for file in tmp_path.iterdir() if file.suffix not in {".safetensors", ".skops"}]


@pytest.mark.parametrize(("name", "axis"), [("taste", "labels"), ("random-forest", "trees")])
def test_the_curve_shows_both_errors_along_its_axis(name, axis):
    everything = made_set(photos=160)
    _, events = fitted(name, everything.subset(np.arange(120)), everything.subset(np.arange(120, 160)))
    curve = [event for event in events if isinstance(event, CurvePoint)]
    assert len(curve) >= 8
    assert {(point.axis, point.metric) for point in curve} == {(axis, "mae")}
    assert [point.x for point in curve] == sorted({point.x for point in curve})
    # more scores help on photos never seen; more trees help on those out of their bags
    falling = [point.validation if axis == "labels" else point.train for point in curve]
    assert falling[-1] < 0.95 * falling[0]


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_stops_when_asked(name):
    scorer = make_scorer(Recipe(name))
    with pytest.raises(Interrupted):
        list(scorer.fit(made_set(photos=40), None, control=FitControl(should_stop=lambda: True)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04\x95pickle"])
def test_a_damaged_file_is_named_not_loaded(name, content, tmp_path):
    scorer, _ = fitted(name, made_set(photos=20))
    scorer.save(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=file.name):
        scorer_class(name).load(tmp_path)


def test_a_skops_file_with_a_strange_type_is_not_trusted(tmp_path):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.preprocessing import FunctionTransformer

    from engine.models.skops_file import load_estimator, save_estimator

    save_estimator(tmp_path / "forest.skops", FunctionTransformer(func=made_set))
    with pytest.raises(DamagedFile, match="not trusted"):
        load_estimator(tmp_path / "forest.skops", ["sklearn.tree._tree.Tree"])
    small = RandomForestRegressor(n_estimators=2).fit([[0.0], [1.0]], [0.0, 1.0])
    save_estimator(tmp_path / "sound.skops", small)
    loaded = load_estimator(tmp_path / "sound.skops", ["sklearn.tree._tree.Tree"])
    assert loaded.predict([[1.0]]) == small.predict([[1.0]])


def test_taste_takes_the_kernel_only_where_it_pays():
    straight, _ = fitted("taste", made_set(photos=60, noise=0.3))
    assert straight.details()["estimator"] == "ridge"
    data = made_set(photos=200, noise=0.0)
    data.album[:, np.arange(sum(BLOCKS)) != 15] = 0.0
    # a taste for the middle: far from it on either side is worse, which no straight line can say
    liked = 100 - 40 * np.abs(data.album[:200, 15])
    bent = TrainingSet(data.album[:200], liked, data.groups, data.album, BLOCKS)
    assert fitted("taste", bent)[0].details()["estimator"] == "kernel"


def test_standardising_gives_each_block_the_same_say():
    album = made_set(photos=500).album
    album[:, 3] = 7.0
    rows = Standardiser.fit(album, BLOCKS).apply(album)
    first, second = (rows[:, : BLOCKS[0]] ** 2).sum(1).mean(), (rows[:, BLOCKS[0] :] ** 2).sum(1).mean()
    assert first == pytest.approx((BLOCKS[0] - 1) / BLOCKS[0], abs=0.01)
    assert second == pytest.approx(1.0, abs=0.01)
    strange = album[:1].copy()
    strange[0, 3] = 1e9
    np.testing.assert_allclose(Standardiser.fit(album, BLOCKS).apply(strange)[0, 3], 0.0)


def test_folds_keep_groups_whole_and_are_even():
    groups = np.repeat(np.arange(30), np.arange(30) % 5 + 1)
    folds = deal_folds(groups, 5, seed=3)
    assert all(np.unique(folds[groups == group]).size == 1 for group in range(30))
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= 2
    np.testing.assert_array_equal(folds, deal_folds(groups, 5, seed=3))
    assert deal_folds(np.zeros(4, int), 5, 0).max() == 0


def test_an_unknown_model_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="random-forest"):
        check_model("randomforest")
