"""Intervals hold the true score as often as they say, also with few scores and with a model that knows its doubt."""

import numpy as np
import pytest

from engine.prediction.intervals import COVERAGE, conformal_halfwidth, make_interval


def test_the_interval_holds_as_often_as_it_says():
    random = np.random.default_rng(0)
    errors = random.normal(size=4000)
    half = conformal_halfwidth(np.zeros(2000), errors[:2000])
    assert 0.88 <= (np.abs(errors[2000:]) <= half).mean() <= 0.92
    assert conformal_halfwidth(np.zeros(3), np.array([1.0, -5.0, 2.0])) == 5.0


@pytest.mark.parametrize("size", [9, 12, 19, 40])
def test_with_few_scores_the_interval_is_wide_enough_on_average(size):
    random = np.random.default_rng(size)
    errors = random.normal(size=(4000, size + 1))
    halves = np.array([conformal_halfwidth(np.zeros(size), row[:size]) for row in errors])
    held = (np.abs(errors[:, size]) <= halves).mean()
    assert COVERAGE - 0.02 <= held <= COVERAGE + 0.08


def test_a_models_own_doubt_makes_wide_what_is_doubtful():
    random = np.random.default_rng(0)
    spread = random.uniform(1, 20, 3000)
    given = random.normal(size=3000) * 2 * spread  # the model is twice as unsure as it says
    interval = make_interval(given[:1000], np.zeros(1000), spread[:1000])
    assert interval["factor"] == pytest.approx(2 * 1.645, rel=0.1)
    for low, high in ((1, 5), (15, 20)):
        those = (spread[1000:] >= low) & (spread[1000:] <= high)
        held = np.abs(given[1000:][those]) <= interval["factor"] * spread[1000:][those]
        assert 0.86 <= held.mean() <= 0.94
        plain = np.abs(given[1000:][those]) <= interval["halfwidth"]
        assert abs(plain.mean() - 0.9) > 0.04  # one width for all is too wide for some and too narrow for others


def test_without_a_doubt_there_is_no_factor():
    assert make_interval(np.zeros(5), np.ones(5)).keys() == {"coverage", "halfwidth"}
    assert make_interval(np.zeros(2), np.ones(2), np.array([1.0, np.nan])).keys() == {"coverage", "halfwidth"}
