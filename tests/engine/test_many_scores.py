"""Fits on very many scores take another way to the same answer, in memory that doesn't grow with pairs of photos."""

import tracemalloc

import numpy as np
import pytest

from engine.errors import Interrupted
from engine.events import CurvePoint, Notice, Progress
from engine.models.base import FitControl, Recipe, TrainingSet
from engine.models.folds import deal_folds
from engine.models.moments import MANY, Moments, System, choose_by_moments, gather, summed
from engine.models.prior import choose_belief
from engine.models.ridge import Ridge, ridge_weights
from engine.models.standardise import Standardiser
from engine.models.svr import SupportVector
from engine.models.taste import Taste
from tests.engine.made_features import BLOCKS, made_set

_ALONE = FitControl()


def fitted(scorer, data, validation=None, control=_ALONE):
    return scorer, list(scorer.fit(data, validation, control=control))


def parts_of(data, cells):
    steps = gather(lambda those: data.features[those], data.scores, cells, lambda: False)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_moments_give_the_direct_formulas_answer():
    data = made_set(photos=90)
    cells = deal_folds(data.groups, 3, 0)
    factor = Standardiser.fit(data.album, BLOCKS).factor
    rows = (data.features * factor).astype(np.float64)
    parts = parts_of(data, cells)
    whole = summed(parts)
    for strength in (0.01, 1.0, 100.0):
        weights, level = System(whole, factor, centred=True).solve(strength)
        direct, levels = ridge_weights(rows, data.scores, [strength])
        np.testing.assert_allclose(weights, direct[0], rtol=1e-4, atol=1e-3)
        assert level == pytest.approx(levels[0], abs=1e-3)
        # what is said of a fold comes from its moments alone
        missed = ((rows[cells == 1] @ direct[0] + levels[0] - data.scores[cells == 1]) ** 2).sum()
        assert parts[1].squared_errors(direct * factor, levels)[0] == pytest.approx(missed, rel=1e-3)


def test_one_space_answers_for_all_penalties():
    data = made_set(photos=120)
    whole = summed(parts_of(data, np.zeros(120, np.int64)))
    system = System(whole, Standardiser.fit(data.album, BLOCKS).factor, centred=True)
    strengths = (0.01, 0.3, 10.0)
    weights, levels = system.path(strengths)
    for row, strength in enumerate(strengths):
        exact, level = system.solve(strength)
        assert np.linalg.norm(weights[row] - exact) < 1e-2 * np.linalg.norm(exact)
        assert levels[row] == pytest.approx(level, abs=0.1)


def test_equal_scores_have_no_slope():
    data = made_set(photos=40)
    moments = Moments.nothing(sum(BLOCKS))
    moments.take_in(data.features, np.full(40, 7.0))
    weights, levels = System(moments, np.ones(sum(BLOCKS), np.float32), centred=True).path([1.0])
    np.testing.assert_allclose(weights, 0.0, atol=1e-4)
    assert levels[0] == pytest.approx(7.0, abs=1e-2)


def test_the_penalty_is_the_one_that_held_out_folds_prefer():
    data = made_set(photos=200, noise=1.5)
    cells = deal_folds(data.groups, 5, 0)
    factor = Standardiser.fit(data.album, BLOCKS).factor
    rows = (data.features * factor).astype(np.float64)
    strengths = (0.003, 0.1, 3.0, 100.0)
    errors = np.zeros(4)
    for fold in range(5):
        seen, unseen = cells != fold, cells == fold
        weights, levels = ridge_weights(rows[seen], data.scores[seen], strengths)
        errors += ((rows[unseen] @ weights.T + levels - data.scores[unseen, None]) ** 2).sum(axis=0)
    found = choose_by_moments(parts_of(data, cells), factor, strengths, lambda: False, centred=True)
    assert found.strength == strengths[int(errors.argmin())]
    assert found.error == pytest.approx(errors.min() / 200, rel=1e-2)


@pytest.mark.parametrize("family", [Ridge, Taste])
def test_many_scores_are_learned_as_few_are(family):
    everything = made_set(photos=300, group_size=3, noise=0.5)
    data, unseen = everything.subset(np.arange(240)), everything.subset(np.arange(240, 300))
    few, shown = fitted(family(), data, unseen)
    many, said = fitted(family(many=100), data, unseen)
    assert {**many.details(), "inner_cv_rmse": 0} == {**few.details(), "inner_cv_rmse": 0}
    np.testing.assert_allclose(many.predict(unseen.features), few.predict(unseen.features), atol=1e-2)
    assert any(isinstance(event, Progress) for event in said)
    ends = [[event for event in events if isinstance(event, CurvePoint)][-1] for events in (shown, said)]
    assert ends[1].validation == pytest.approx(ends[0].validation, abs=1e-2)


def bent_set(photos=500):
    data = made_set(photos=photos, noise=0.0)
    data.album[:, np.arange(sum(BLOCKS)) != 15] = 0.0
    liked = 100 - 40 * np.abs(data.album[:photos, 15])
    return TrainingSet(data.album[:photos], liked, data.groups, data.album, BLOCKS)


def test_landmarks_say_what_no_straight_line_can_and_come_back_from_disk(tmp_path):
    everything = bent_set()
    data, unseen = everything.subset(np.arange(400)), everything.subset(np.arange(400, 500))
    scorer, events = fitted(Taste(many=100, landmarks=60), data, unseen)
    assert scorer.details()["estimator"] == "kernel"
    assert scorer.details()["landmarks"] == 60
    missed = np.abs(scorer.predict(unseen.features) - unseen.scores).mean()
    assert missed < 0.2 * unseen.scores.std()
    assert [event.message.values["landmarks"] for event in events if isinstance(event, Notice)] == [60]
    last = [event for event in events if isinstance(event, CurvePoint)][-1]
    assert last.validation == pytest.approx(missed, rel=0.02)
    assert scorer.cv_errors.shape == (400,)
    scorer.save(tmp_path)
    np.testing.assert_allclose(Taste.load(tmp_path).predict(unseen.features), scorer.predict(unseen.features))


def test_the_same_seed_gives_the_same_landmarks():
    first, again = (fitted(Taste(many=100, landmarks=60), bent_set())[0] for _ in range(2))
    np.testing.assert_array_equal(first.predict(bent_set().features), again.predict(bent_set().features))


@pytest.mark.parametrize("family", [Ridge, Taste])
@pytest.mark.parametrize("times", [1, 4, 8])
def test_a_fit_on_many_scores_asks_again_and_again_whether_to_stop(family, times):
    asked = []

    def stop():
        asked.append(True)
        return len(asked) >= times

    everything = made_set(photos=300)
    with pytest.raises(Interrupted):
        fitted(
            family(many=100),
            everything.subset(np.arange(240)),
            everything.subset(np.arange(240, 300)),
            FitControl(should_stop=stop),
        )
    assert len(asked) == times


@pytest.mark.parametrize("family", [Ridge, Taste])
def test_no_matrix_of_all_pairs_is_made_for_many_scores(family):
    size = 3 * MANY
    data = made_set(photos=size)
    scorer = family(landmarks=64) if family is Taste else family(Recipe("ridge"))
    tracemalloc.start()
    try:
        fitted(scorer, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size * size / 8  # one byte for each pair would be eight times as much


def test_a_large_album_is_standardised_in_blocks():
    album = made_set(photos=9000).album
    made = Standardiser.fit(album, BLOCKS)
    rows = made.apply(album)
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose((rows**2).sum(axis=1).mean(), len(BLOCKS), rtol=1e-4)


def test_support_vectors_learn_from_so_many_scores_at_most():
    everything = made_set(photos=300, noise=0.2)
    data, unseen = everything.subset(np.arange(240)), everything.subset(np.arange(240, 300))
    scorer, events = fitted(SupportVector(most=100), data, unseen)
    assert [event.message.values for event in events if isinstance(event, Notice)] == [{"n": 240, "most": 100}]
    assert max(event.x for event in events if isinstance(event, CurvePoint)) == 100
    assert scorer.details()["support_vectors"] <= 100
    assert np.corrcoef(scorer.predict(unseen.features), unseen.scores)[0, 1] > 0.8


def test_a_prior_is_judged_by_some_of_many_scores():
    data = made_set(photos=MANY + 500, noise=0.5)
    useful = choose_belief(data, data.scores + 1.0, lambda: False)
    assert useful.share > 0
    useless = choose_belief(data, np.random.default_rng(0).normal(size=data.scores.size), lambda: False)
    assert useless.share == 0.0 or useless.slope < 0.5 < useful.slope
