"""The model families learn, keep to their seed, and come back from disk as they went."""

import os

import numpy as np
import pytest

from engine.errors import DamagedFile, Interrupted, UsageError
from engine.events import CurvePoint
from engine.metrics import evaluate
from engine.models.base import FitControl, Recipe, TrainingSet
from engine.models.catalog import FAMILIES, check_model, make_scorer, scorer_class
from engine.models.folds import deal_folds
from engine.models.standardise import Standardiser
from tests.engine.made_features import BLOCKS, made_set

# those that learn from feature vectors in memory; the others need photos and a network
ON_FEATURES = [name for name, family in FAMILIES.items() if not family.trains_network]
QUICK = {
    "random-forest": {"trees": 80},
    "gradient-boosting": {"stages": 80, "learning_rate": 0.1},
    "hist-gradient-boosting": {"stages": 60, "learning_rate": 0.1},
    "stacking": {"folds": 3},
}


def quick(name, **params):
    epochs = {"epochs": 30} if "epochs" in FAMILIES[name].options else {}
    return Recipe(name, params=QUICK.get(name, {}) | params, **epochs)


def fitted(name, data, validation=None):
    scorer = make_scorer(quick(name))
    events = list(scorer.fit(data, validation))
    return scorer, events


@pytest.mark.parametrize("name", ON_FEATURES)
def test_a_model_ranks_photos_it_never_saw(name):
    everything = made_set(photos=240)
    seen, unseen = np.arange(160), np.arange(160, 240)
    scorer, _ = fitted(name, everything.subset(seen))
    found = evaluate(everything.scores[unseen], scorer.predict(everything.features[unseen]))
    assert found.srcc > 0.7
    assert found.r2 > 0.4


@pytest.mark.parametrize("name", ON_FEATURES)
def test_the_same_seed_gives_the_same_model(name):
    data = made_set(photos=40)
    first, again = (fitted(name, data)[0].predict(data.features) for _ in range(2))
    # a forest's threads add their trees up in any order
    np.testing.assert_allclose(first, again, rtol=1e-12)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_a_saved_model_predicts_what_it_predicted(name, tmp_path):
    data = made_set(photos=40)
    scorer, _ = fitted(name, data)
    scorer.save(tmp_path)
    loaded = scorer_class(name).load(tmp_path)
    np.testing.assert_allclose(loaded.predict(data.album), scorer.predict(data.album), atol=1e-9)
    assert not [file for file in tmp_path.iterdir() if file.suffix not in {".safetensors", ".skops"}]
    # and once more, for a bundle that is carried on
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    np.testing.assert_array_equal(scorer_class(name).load(again).predict(data.album), loaded.predict(data.album))


@pytest.mark.parametrize("name", [name for name in ON_FEATURES if FAMILIES[name].axis != "epochs"])
def test_the_curve_shows_both_errors_along_its_axis(name):
    axis = FAMILIES[name].axis
    everything = made_set(photos=160)
    scorer = make_scorer(Recipe(name))
    events = list(scorer.fit(everything.subset(np.arange(120)), everything.subset(np.arange(120, 160))))
    curve = [event for event in events if isinstance(event, CurvePoint)]
    assert len(curve) >= (5 if axis == "folds" else 8)
    assert {(point.axis, point.metric) for point in curve} == {(axis, "mae")}
    assert [point.x for point in curve] == sorted({point.x for point in curve})
    # more scores and stages help on photos never seen; more trees help on those out of their bags
    falling = [point.train if axis == "trees" else point.validation for point in curve]
    assert falling[-1] < (1.0 if axis == "folds" else 0.95) * falling[0]
    if axis in {"labels", "stages"}:
        # the last point is the model itself
        unseen = everything.subset(np.arange(120, 160))
        assert falling[-1] == pytest.approx(np.abs(scorer.predict(unseen.features) - unseen.scores).mean(), rel=0.02)


@pytest.mark.parametrize("name", [name for name in ON_FEATURES if FAMILIES[name].axis in {"trees", "stages", "folds"}])
def test_without_a_validation_part_a_curve_claims_nothing_of_it(name):
    _, events = fitted(name, made_set(photos=40))
    points = [event for event in events if isinstance(event, CurvePoint)]
    assert points
    assert all(point.validation is None for point in points)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_a_fit_stops_when_asked(name):
    scorer = make_scorer(quick(name))
    with pytest.raises(Interrupted):
        list(scorer.fit(made_set(photos=40), None, control=FitControl(should_stop=lambda: True)))


@pytest.mark.parametrize("name", ON_FEATURES)
def test_a_fit_asks_again_and_again_whether_to_stop(name):
    asked = []

    def third_time():
        asked.append(True)
        return len(asked) >= 3

    data = made_set(photos=60)
    with pytest.raises(Interrupted):
        list(
            make_scorer(quick(name)).fit(
                data.subset(np.arange(40)), data.subset(np.arange(40, 60)), control=FitControl(should_stop=third_time)
            )
        )
    beside = (os.cpu_count() or 1) if name == "stacking" else 0  # fits that may ask once more while one is told
    assert 3 <= len(asked) <= 3 + beside


@pytest.mark.parametrize("name", ON_FEATURES)
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04\x95pickle"])
def test_a_damaged_file_is_named_not_loaded(name, content, tmp_path, saved):
    files = saved(name, tmp_path)
    for file in files:
        sound = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(DamagedFile, match=file.name):
            scorer_class(name).load(tmp_path)
        file.write_bytes(sound)
    scorer_class(name).load(tmp_path)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_a_torn_file_is_named_not_loaded(name, tmp_path, saved):
    for file in saved(name, tmp_path):
        sound = file.read_bytes()
        for share in (0.1, 0.5, 0.99):
            file.write_bytes(sound[: int(share * len(sound))])
            with pytest.raises(DamagedFile, match=file.name):
                scorer_class(name).load(tmp_path)
        file.write_bytes(sound)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a function that puts a fitted model's files into a folder."""
    made = {}

    def put(name, folder):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("sound")
            scorer, _ = fitted(name, made_set(photos=20))
            scorer.save(made[name])
        for file in made[name].iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        return sorted(folder.iterdir())

    return put


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
