"""What photos have in common is computed once for all fits on parts of an album, and the fits stay what they were."""

import dataclasses
import itertools
import shutil

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from engine.errors import Interrupted
from engine.events import never_stop
from engine.models import products
from engine.models.base import Recipe, Settled
from engine.models.catalog import make_scorer
from engine.models.crew import Crew
from engine.models.folds import deal_folds
from engine.models.products import shared, weighted
from engine.models.ridge import STRENGTHS, dual_ridge, missed_by, ridge_weights
from engine.models.stacking import BASES
from engine.training.compare import run_comparison
from engine.training.spec import CompareSpec, TrainSpec, TuneSpec
from engine.training.tune import run_search
from tests.engine.made_features import BLOCKS, made_set

SETTLED = ("taste", "ridge", "svr", "gp")


def wide_set(photos=90, noise=0.1):
    """Return a set of more features than photos, as a person's scores are."""
    data = made_set(photos=photos, noise=noise)
    album = np.hstack([data.album, np.random.default_rng(4).normal(size=(data.album.shape[0], 168))]).astype(np.float32)
    return dataclasses.replace(data, features=album[:photos], album=album, blocks=(BLOCKS[0], BLOCKS[1] + 168))


def fitted(name, data, **params):
    scorer = make_scorer(Recipe(name, params=params))
    list(scorer.fit(data))
    return scorer


@pytest.fixture
def counted(monkeypatch):
    """The number of rows of each matrix of products that was computed."""
    sizes = []
    compute = products.inner_products

    def counting(rows):
        sizes.append(rows.shape[0])
        return compute(rows)

    monkeypatch.setattr(products, "inner_products", counting)
    return sizes


@pytest.mark.parametrize("name", SETTLED)
def test_a_part_of_an_album_is_learned_as_if_it_were_alone(name, counted):
    rows = np.random.default_rng(1).permutation(60)[:40]
    alone = fitted(name, wide_set(photos=60).subset(rows))
    counted.clear()
    whole = shared(wide_set(photos=60))
    part = fitted(name, whole.subset(rows))
    assert set(counted) == {60}
    again = fitted(name, whole.subset(rows[:25]))
    assert len(counted) <= 2  # one a weighting, for all fits
    assert again.details() == fitted(name, wide_set(photos=60).subset(rows[:25])).details()
    assert part.details() == alone.details()
    np.testing.assert_allclose(part.predict(whole.album), alone.predict(whole.album), rtol=1e-8)


def test_products_of_very_many_photos_are_not_kept(counted, monkeypatch):
    monkeypatch.setattr(products, "MOST_KEPT", 50)
    whole = shared(wide_set(photos=90))
    few, known = whole.subset(np.arange(30)), wide_set(photos=90).subset(np.arange(30))
    scorer = fitted("svr", few)
    assert set(counted) == {30}
    np.testing.assert_allclose(scorer.predict(few.album), fitted("svr", known).predict(few.album), rtol=1e-8)


def test_products_of_another_album_are_not_taken():
    data, other = shared(made_set(photos=40)), made_set(photos=40, seed=5)
    mixed = dataclasses.replace(data, features=other.features, album=other.album)
    np.testing.assert_array_equal(weighted(mixed, "block").inner, weighted(other, "block").inner)


@pytest.mark.parametrize("name", SETTLED)
def test_a_model_asked_again_keeps_its_settings(name):
    data = shared(wide_set(photos=50, noise=1.0))
    whole = fitted(name, data)
    assert isinstance(whole, Settled)
    np.testing.assert_allclose(whole.again(data).predict(data.album), whole.predict(data.album), rtol=1e-9)
    part = whole.again(data.subset(np.arange(30)))
    chosen = ("strength", "weighting", "estimator", "width", "length", "noise")
    assert {key: part.details().get(key) for key in chosen} == {key: whole.details().get(key) for key in chosen}
    assert np.abs(part.predict(data.album) - whole.predict(data.album)).max() > 1e-3


def test_what_a_held_out_fold_is_missed_by_is_that_of_a_fit_without_it():
    data = made_set(photos=28, group_size=2)
    known = weighted(data, "block")
    folds = deal_folds(data.groups, 4, 0)
    for unseen, missed in missed_by(known.inner, data.scores, folds, STRENGTHS, never_stop):
        seen = np.setdiff1d(np.arange(28), unseen)
        weights, levels = ridge_weights(known.rows[seen], data.scores[seen], STRENGTHS)
        np.testing.assert_allclose(missed.T, data.scores[unseen, None] - known.rows[unseen] @ weights.T - levels)


def test_ridge_by_products_is_ridge_by_weights():
    data = made_set(photos=25)
    known = weighted(data, "variance")
    alpha, level = dual_ridge(known.inner, data.scores, 0.3)
    weights, levels = ridge_weights(known.rows, data.scores, [0.3])
    np.testing.assert_allclose(alpha @ known.rows, weights[0])
    assert level == pytest.approx(levels[0])


def test_a_forest_tells_scikit_learns_out_of_bag_error():
    from sklearn.ensemble import RandomForestRegressor

    everything = made_set(photos=80)
    data, unseen = everything.subset(np.arange(60)), everything.subset(np.arange(60, 80))
    scorer = make_scorer(Recipe("random-forest", params={"trees": 60}))
    curve = list(scorer.fit(data, unseen))
    theirs = RandomForestRegressor(60, max_features="sqrt", min_samples_leaf=2, oob_score=True, random_state=0)
    theirs.fit(data.features, data.scores)
    assert curve[-1].train == pytest.approx(np.abs(theirs.oob_prediction_ - data.scores).mean())
    assert curve[-1].validation == pytest.approx(np.abs(theirs.predict(unseen.features) - unseen.scores).mean())


def test_a_comparison_computes_the_products_once_for_all_families_and_folds(workspace, trained_workspace, counted):
    shutil.copy(trained_workspace.features_file, workspace.features_file)
    list(run_comparison(workspace, CompareSpec(models=list(SETTLED), split=(0.6, 0.2, 0.2))))
    assert len(counted) == 2  # block and variance
    assert len(set(counted)) == 1


def test_a_search_computes_the_products_once_for_all_trials(workspace, trained_workspace, counted):
    shutil.copy(trained_workspace.features_file, workspace.features_file)
    list(run_search(workspace, TuneSpec(base=TrainSpec(model="svr", split=(0.6, 0.2, 0.2)), trials=3)))
    assert len(counted) == 2


def test_a_stack_is_the_same_every_time():
    data = made_set(photos=40)
    once, again = (fitted("stacking", data, folds=3) for _ in range(2))
    assert set(once.details()) == set(BASES)
    np.testing.assert_array_equal(once.predict(data.album), again.predict(data.album))


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_a_crew_answers_in_order_and_leaves_the_libraries_as_they_were():
    with Crew(never_stop):
        before = blas_threads()  # what it loads is loaded by now
        assert before
        assert set(before) == {1}
    usual = blas_threads()
    with Crew(never_stop) as crew:
        assert crew.all([blas_threads]) == [before]
        assert crew.all([lambda number=number: number * 2 for number in range(20)]) == list(range(0, 40, 2))
    assert blas_threads() == usual


def test_a_crew_tells_what_went_wrong_and_stops_when_asked():
    with Crew(never_stop) as crew, pytest.raises(ZeroDivisionError):
        crew.all([lambda: 1, lambda: 1 // 0])
    done = itertools.count()
    answers = iter([False, True])
    with Crew(lambda: next(answers, True)) as crew, pytest.raises(Interrupted):
        crew.all([lambda: next(done) for _ in range(8)])
