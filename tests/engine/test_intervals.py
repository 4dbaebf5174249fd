"""Intervals hold the true score as often as they say, with few scores, bursts, and a model that knows its doubt."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.prediction.intervals import (
    COVERAGE,
    conformal_halfwidth,
    conformal_quantile,
    half_widths,
    make_interval,
    score_range,
    share_held,
    weights,
)


def grouped_errors(random, sizes, likeness):
    """Return errors whose groups have a share of their variance in common, and the group numbers."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    common, own = random.normal(size=len(sizes))[groups], random.normal(size=groups.size)
    return common * np.sqrt(likeness) + own * np.sqrt(1 - likeness), groups


def test_the_interval_holds_as_often_as_it_says():
    random = np.random.default_rng(0)
    errors = random.normal(size=4000)
    half = conformal_halfwidth(np.zeros(2000), errors[:2000])
    assert 0.88 <= (np.abs(errors[2000:]) <= half).mean() <= 0.92
    assert conformal_halfwidth(np.zeros(3), np.array([1.0, -5.0, 2.0])) == 5.0


@pytest.mark.parametrize("size", [9, 12, 19, 40])
def test_with_few_scores_the_interval_holds_on_average_no_more_and_no_less(size):
    random = np.random.default_rng(size)
    errors = random.normal(size=(6000, size + 1))
    halves = np.array([conformal_halfwidth(np.zeros(size), row[:size]) for row in errors])
    held = (np.abs(errors[:, size]) <= halves).mean()
    assert held == pytest.approx(COVERAGE, abs=0.015)


@pytest.mark.parametrize(
    ("sizes", "likeness"),
    [([3] * 10, 1.0), ([8] * 10, 0.5), ([5] * 20, 0.0), ([5] * 20, 1.0), ([1] * 20 + [40], 0.9), ([2] * 40, 0.5)],
)
def test_the_interval_holds_for_a_photo_of_a_new_group(sizes, likeness):
    random = np.random.default_rng(len(sizes))
    held = []
    for _ in range(1000):
        errors, groups = grouped_errors(random, sizes, likeness)
        half = conformal_halfwidth(np.zeros(errors.size), errors, groups=groups)
        held.append(abs(random.normal()) <= half)
    assert np.mean(held) == pytest.approx(COVERAGE, abs=0.03)


def test_photos_of_a_burst_are_no_news():
    random = np.random.default_rng(0)
    sizes = {likeness: [] for likeness in (0.0, 0.5, 1.0)}
    for likeness, found in sizes.items():
        for _ in range(50):
            errors, groups = grouped_errors(random, [6] * 30, likeness)
            found.append(weights(errors, groups).sum())
    assert np.mean(sizes[0.0]) > 140
    assert 40 < np.mean(sizes[0.5]) < 75
    np.testing.assert_allclose(sizes[1.0], 30)
    assert weights(np.arange(5.0), np.arange(5)).sum() == weights(np.arange(5.0)).sum() == 5
    assert weights(np.arange(5.0), np.zeros(5, np.int64)).sum() == pytest.approx(1)
    assert weights(np.ones(6), np.array([0, 0, 0, 1, 1, 2])).sum() == 6  # nothing to be told about likeness


def test_a_large_burst_does_not_drown_the_single_photos():
    errors = np.concatenate([np.linspace(1, 20, 20), np.full(200, 0.1)])
    groups = np.concatenate([np.arange(20), np.full(200, 20)])
    assert conformal_halfwidth(np.zeros(220), errors) < 2
    assert conformal_halfwidth(np.zeros(220), errors, groups=groups) > 15


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_quantile_lies_among_the_values_whatever_their_order_and_the_groups_numbers(data):
    values = np.array(data.draw(st.lists(st.floats(-100, 100), min_size=1, max_size=40)))
    groups = np.array(data.draw(st.lists(st.integers(0, 8), min_size=values.size, max_size=values.size)))
    coverage = data.draw(st.floats(0.05, 0.99))
    found = conformal_quantile(values, coverage, groups)
    assert values.min() <= found <= values.max()
    assert 1 - 1e-9 <= weights(values, groups).sum() <= values.size + 1e-9
    assert found <= conformal_quantile(values, min(coverage + 0.01, 1.0), groups)
    assert conformal_quantile(values, coverage, 7 - groups) == pytest.approx(found)
    order = np.random.default_rng(0).permutation(values.size)
    if np.unique(values).size == values.size:  # which of equal values comes first is nobody's concern
        assert conformal_quantile(values[order], coverage, groups[order]) == pytest.approx(found)


def test_a_models_own_doubt_makes_wide_what_is_doubtful():
    random = np.random.default_rng(0)
    spread = random.uniform(1, 20, 3000)
    given = random.normal(size=3000) * 2 * spread  # the model is twice as unsure as it says
    interval = make_interval(given[:1000], np.zeros(1000), spread[:1000])
    assert interval["factor"] == pytest.approx(2 * 1.645, rel=0.1)
    widths = half_widths(interval, 2000, spread[1000:])
    for low, high in ((1, 5), (15, 20)):
        those = (spread[1000:] >= low) & (spread[1000:] <= high)
        held = np.abs(given[1000:][those]) <= widths[those]
        assert 0.86 <= held.mean() <= 0.94
        plain = np.abs(given[1000:][those]) <= interval["halfwidth"]
        assert abs(plain.mean() - 0.9) > 0.04  # one width for all is too wide for some and too narrow for others
    assert share_held(interval, given[1000:], np.zeros(2000), spread[1000:]) == pytest.approx(0.9, abs=0.02)


def test_a_doubt_that_has_nothing_to_do_with_the_errors_is_not_followed():
    random = np.random.default_rng(0)
    interval = make_interval(random.normal(size=500), np.zeros(500), random.uniform(1, 20, 500))
    assert interval.keys() == {"coverage", "halfwidth"}
    assert half_widths(interval, 3, np.array([1.0, 2.0, 3.0])).tolist() == [interval["halfwidth"]] * 3


def test_without_a_doubt_there_is_no_factor():
    assert make_interval(np.zeros(5), np.ones(5)).keys() == {"coverage", "halfwidth"}
    assert make_interval(np.zeros(2), np.ones(2), np.array([1.0, np.nan])).keys() == {"coverage", "halfwidth"}
    with pytest.raises((LookupError, TypeError)):
        half_widths({"coverage": 0.9}, 2)


def test_the_range_of_a_persons_scores_holds_nine_of_ten():
    random = np.random.default_rng(0)
    held = []
    for _ in range(800):
        low, high = score_range(random.normal(size=30))
        held.append(low <= random.normal() <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.03)
    assert score_range(np.array([1.0, 7.0, 4.0])) == (1.0, 7.0)


@pytest.mark.slow
def test_intervals_hold_for_real_people_on_themes_never_seen(tmp_path):
    """40 persons who scored 50 photos each; trained, saved, loaded and asked as by a user."""
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if not base.is_dir():
        pytest.skip(f"there is no evaluation set in {base}; BEHOLDER_EVAL_DATA names its folder")
    from benchmarks.coverage import coverage
    from benchmarks.model_families import read_album
    from engine.features.cache import FeatureCache

    with FeatureCache(tmp_path / "features.sqlite") as cache:
        album = read_album(base, cache)
    for family in ("ridge", "taste"):
        found = coverage(album, family, 50, 40)
        held = np.mean([one.covered for one in found])
        assert 0.88 <= held <= 0.92, (family, held)
        assert np.mean([one.far for one in found]) <= 0.05
        assert np.mean([one.width for one in found]) < 5.5  # the whole scale is 6 wide
