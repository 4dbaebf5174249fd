"""The metrics agree with scipy and scikit-learn, and say None where they are undefined."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.metrics import baseline, evaluate, ranks

score_lists = st.integers(3, 40).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(0, 100), min_size=n, max_size=n) for _ in range(2)))
)


@settings(deadline=None)
@given(score_lists)
def test_metrics_agree_with_the_libraries(lists):
    from scipy.stats import pearsonr, spearmanr
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    given_scores, predicted = (np.asarray(values, np.float64) for values in lists)
    found = evaluate(given_scores, predicted)
    assert found.mae == pytest.approx(mean_absolute_error(given_scores, predicted))
    assert found.rmse == pytest.approx(root_mean_squared_error(given_scores, predicted))
    assert found.n == given_scores.size
    if np.ptp(given_scores) and np.ptp(predicted):
        assert found.srcc == pytest.approx(spearmanr(given_scores, predicted)[0], abs=1e-9)
        assert found.plcc == pytest.approx(pearsonr(given_scores, predicted)[0], abs=1e-9)
    else:
        assert found.srcc is None
        assert found.plcc is None
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
