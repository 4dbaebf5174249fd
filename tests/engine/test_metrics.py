"""The metrics agree with scipy and scikit-learn, and say None where they are undefined."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.metrics import NAMES, baseline, bootstrap_intervals, evaluate, kendall, paired_difference, ranks

score_lists = st.integers(3, 40).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 100), min_size=n, max_size=n) for _ in range(2)))
)


@settings(deadline=None)
@given(score_lists)
def test_metrics_agree_with_the_libraries(lists):
    from scipy.stats import kendalltau, pearsonr, spearmanr
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    given_scores, predicted = (np.asarray(values, np.float64) for values in lists)
    found = evaluate(given_scores, predicted)
    assert found.mae == pytest.approx(mean_absolute_error(given_scores, predicted))
    assert found.rmse == pytest.approx(root_mean_squared_error(given_scores, predicted))
    assert found.n == given_scores.size
    if np.ptp(given_scores) and np.ptp(predicted):
        assert found.srcc == pytest.approx(spearmanr(given_scores, predicted)[0], abs=1e-9)
        assert found.plcc == pytest.approx(pearsonr(given_scores, predicted)[0], abs=1e-9)
        assert found.kendall == pytest.approx(kendalltau(given_scores, predicted)[0], abs=1e-9)
    else:
        assert found.srcc is found.plcc is found.kendall is None
    if np.ptp(given_scores):
        assert found.r2 == pytest.approx(r2_score(given_scores, predicted))
    else:
        assert found.r2 is None


def test_ranks_share_ties():
    assert ranks(np.array([10.0, 30.0, 10.0, 20.0])).tolist() == [1.5, 4.0, 1.5, 3.0]


def test_the_baseline_guesses_the_fitted_mean():
    found = baseline(np.array([1.0, 3.0]), np.array([2.0, 6.0]))
    assert found.mae == 2.0
    assert found.rmse == pytest.approx(math.sqrt(8))
    assert found.srcc is None


@pytest.mark.parametrize(
    "pair", [([1.0, 2.0], [1.0]), ([], []), ([1.0, math.nan], [1.0, 2.0]), ([1.0, 2.0], [math.inf, 2.0])]
)
def test_what_is_no_list_of_scores_is_refused(pair):
    with pytest.raises(ValueError, match=r"shapes|finite"):
        evaluate(np.array(pair[0]), np.array(pair[1]))


def noisy(n, noise, seed=0):
    random = np.random.default_rng(seed)
    given_scores = random.integers(0, 20, n).astype(float)
    return given_scores, given_scores + noise * random.normal(size=n)


def test_kendall_is_the_same_by_pairs_and_by_sorting():
    given_scores, predicted = noisy(2100, 8.0)
    shorter = kendall(given_scores[:2000], predicted[:2000])
    assert kendall(given_scores, predicted) == pytest.approx(shorter, abs=0.02)


def test_each_resample_is_measured_as_if_it_were_laid_out():
    from engine.metrics import _resampled, _resamples

    given_scores, predicted = noisy(25, 5.0)
    predicted = predicted.round()  # ties on both sides
    (weights,) = _resamples(25, None, 40, 3)
    found = {name: _resampled(name, given_scores, predicted, weights) for name in NAMES}
    for row, times in enumerate(weights.astype(int)):
        plain = evaluate(np.repeat(given_scores, times), np.repeat(predicted, times))
        for name in NAMES:
            assert found[name][row] == pytest.approx(getattr(plain, name), abs=1e-9)


def test_a_resample_takes_whole_groups():
    from engine.metrics import _resamples

    groups = np.array([7, 7, 3, 3, 3, 9])
    (weights,) = _resamples(6, groups, 50, 0)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] == weights[:, 3]).all()
    assert (weights[:, [0, 2, 5]].sum(axis=1) == 3).all()
    assert np.unique(weights[:, 5]).size > 1


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    truth = evaluate(*noisy(20_000, 10.0, 1))
    held = dict.fromkeys(NAMES, 0)
    for seed in range(100):
        for name, (low, high) in bootstrap_intervals(*noisy(80, 10.0, seed + 2), draws=300).items():
            held[name] += low <= getattr(truth, name) <= high
    assert min(held.values()) >= 85


def test_groups_widen_the_interval():
    random = np.random.default_rng(0)
    level = np.repeat(random.normal(size=20) * 10, 10)
    given_scores = level + random.normal(size=200)
    predicted = np.repeat(random.normal(size=20) * 10, 10) + level
    groups = np.repeat(np.arange(20), 10)
    alone, together = (bootstrap_intervals(given_scores, predicted, which)["srcc"] for which in (None, groups))
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_what_is_undefined_has_no_interval():
    found = bootstrap_intervals(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 2.0))
    assert found["srcc"] is found["plcc"] is found["kendall"] is None
    assert found["mae"][0] <= found["mae"][1]
    assert bootstrap_intervals(np.array([1.0]), np.array([2.0]))["mae"] == (1.0, 1.0)


def test_a_clearly_better_model_is_told_from_a_worse_one():
    given_scores, good = noisy(120, 3.0)
    _, poor = noisy(120, 30.0)
    difference, low, high = paired_difference(given_scores, good, poor)
    assert 0 < low < difference < high
    assert difference == pytest.approx(evaluate(given_scores, good).srcc - evaluate(given_scores, poor).srcc)
    assert paired_difference(given_scores, good, poor, metric="mae")[2] < 0


def test_equal_models_do_not_differ():
    given_scores, left = noisy(120, 10.0)
    right = given_scores + 10.0 * np.random.default_rng(9).normal(size=120)
    _, low, high = paired_difference(given_scores, left, right, np.repeat(np.arange(40), 3))
    assert low < 0 < high
    assert paired_difference(given_scores, left, left) == (0.0, 0.0, 0.0)


def test_a_constant_guess_ranks_nothing():
    given_scores, good = noisy(60, 5.0)
    difference, low, _ = paired_difference(given_scores, good, np.full(60, given_scores.mean()))
    assert difference == pytest.approx(evaluate(given_scores, good).srcc)
    assert low > 0


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="lpips"):
        paired_difference(np.ones(3), np.ones(3), np.ones(3), metric="lpips")
