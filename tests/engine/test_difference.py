"""Two models are compared on what both judged unseen, and the verdict says no more than the photos do."""

import json

import numpy as np
import pytest

from engine.errors import NotEnoughData, UsageError
from engine.prediction.difference import DISAGREEMENTS, compare_bundles
from engine.workspace import Workspace
from tests.engine.made_records import made_bundle, said

NAMES = [f"{number}.jpg" for number in range(120)]
GIVEN = np.random.default_rng(0).uniform(0, 100, 120)


@pytest.fixture
def workspace(tmp_path):
    found = Workspace(tmp_path)
    found.create()
    return found


def noisy(strength, seed):
    return GIVEN + np.random.default_rng(seed).normal(scale=strength, size=GIVEN.size)


def test_a_model_that_ranks_better_is_named_with_its_figures(workspace):
    good = made_bundle(workspace, said(NAMES, GIVEN, noisy(5, 1)), name="good")
    poor = made_bundle(workspace, said(NAMES, GIVEN, noisy(60, 2)), name="poor")
    found = compare_bundles(workspace, good, poor)
    assert found.better == good.model_id
    assert str(found.verdict).startswith("good is better: on 120 photos its SRCC is 0.9")
    assert found.gaps["srcc"].difference == pytest.approx(found.left_metrics.srcc - found.right_metrics.srcc, abs=1e-5)
    assert 0 < found.gaps["srcc"].low < found.gaps["srcc"].difference < found.gaps["srcc"].high
    assert found.gaps["mae"].high < 0
    turned = compare_bundles(workspace, poor, good)
    assert turned.better == good.model_id
    assert turned.gaps["srcc"].high < 0 < turned.gaps["mae"].low
    json.dumps(found.to_dict(), allow_nan=False)


def test_two_equally_good_models_get_no_winner(workspace):
    left = made_bundle(workspace, said(NAMES, GIVEN, noisy(30, 1)))
    right = made_bundle(workspace, said(NAMES, GIVEN, 2 * GIVEN - noisy(30, 1)))
    found = compare_bundles(workspace, left, right)
    assert found.better == ""
    assert str(found.verdict).startswith("No clear difference on 120 photos")
    assert not found.gaps["srcc"].is_clear
    assert not found.gaps["mae"].is_clear


def test_a_model_that_ranks_alike_but_comes_closer_is_said_to(workspace):
    shrunk = made_bundle(workspace, said(NAMES, GIVEN, 50 + (noisy(10, 1) - 50) * 0.2), name="timid")
    full = made_bundle(workspace, said(NAMES, GIVEN, noisy(10, 1)), name="bold")
    found = compare_bundles(workspace, shrunk, full)
    assert found.better == full.model_id
    assert str(found.verdict).startswith("bold comes closer to the scores")
    assert "no clear difference in how the two rank them" in str(found.verdict)


def test_one_that_ranks_better_but_lies_farther_off_is_not_simply_called_better(workspace):
    ranks = made_bundle(workspace, said(NAMES, GIVEN, noisy(5, 1) * 0.1), name="ranks")
    near = made_bundle(workspace, said(NAMES, GIVEN, noisy(25, 2)), name="near")
    found = compare_bundles(workspace, near, ranks)
    assert found.better == ranks.model_id
    assert "ranks ranks 120 photos clearly better" in str(found.verdict)
    assert "but near comes closer" in str(found.verdict)


def test_a_burst_counts_once(workspace):
    # one lucky burst of 40 look-alikes: as single photos they would prove a lot
    other = noisy(20, 3)
    left_errors = np.where(np.arange(120) < 40, 1.0, 20.0)
    left = GIVEN + left_errors * np.random.default_rng(4).normal(size=120)
    groups = [0] * 40 + list(range(1, 81))
    alone = compare_bundles(
        workspace,
        made_bundle(workspace, said(NAMES, GIVEN, left)),
        made_bundle(workspace, said(NAMES, GIVEN, other)),
    )
    whole = compare_bundles(
        workspace,
        made_bundle(workspace, said(NAMES, GIVEN, left, groups=groups)),
        made_bundle(workspace, said(NAMES, GIVEN, other)),
    )
    assert whole.gaps["mae"].difference == alone.gaps["mae"].difference
    widths = [found.gaps["mae"].high - found.gaps["mae"].low for found in (alone, whole)]
    assert widths[1] > 1.3 * widths[0]


def test_a_model_that_says_the_same_of_all_has_no_rank_correlation(workspace):
    flat = made_bundle(workspace, said(NAMES, GIVEN, np.full(120, 50.0)))
    good = made_bundle(workspace, said(NAMES, GIVEN, noisy(5, 1)))
    found = compare_bundles(workspace, flat, good)
    assert found.left_metrics.srcc is None
    assert found.gaps["srcc"].difference == pytest.approx(-found.right_metrics.srcc)
    assert found.better == good.model_id


def test_the_photos_of_widest_disagreement_come_first(workspace):
    other = GIVEN.copy()
    other[[3, 70]] = [GIVEN[3] - 200, GIVEN[70] + 100]
    left = made_bundle(workspace, said(NAMES, GIVEN, GIVEN))
    right = made_bundle(workspace, said(NAMES, GIVEN, other))
    photos = compare_bundles(workspace, left, right).photos
    assert [photo.name for photo in photos] == ["3.jpg", "70.jpg"]
    assert photos[0].given == pytest.approx(GIVEN[3])
    assert photos[0].left - photos[0].right == pytest.approx(200)
    noise = made_bundle(workspace, said(NAMES, GIVEN, noisy(5, 1)))
    assert len(compare_bundles(workspace, left, noise).photos) == DISAGREEMENTS


def test_only_photos_that_both_judged_unseen_with_one_score_count(workspace):
    left = made_bundle(workspace, said(NAMES[:80], GIVEN[:80], GIVEN[:80]))
    changed = GIVEN.copy()
    changed[40:45] += 1
    seen = said(NAMES[110:], changed[110:], changed[110:], held_out=False)
    right = made_bundle(workspace, said(NAMES[30:110], changed[30:110], changed[30:110]) + seen)
    found = compare_bundles(workspace, left, right)
    assert (found.n, found.rescored) == (45, 5)


def test_too_few_shared_photos(workspace):
    left = made_bundle(workspace, said(NAMES[:60], GIVEN[:60], GIVEN[:60]))
    right = made_bundle(workspace, said(NAMES[51:], GIVEN[51:], GIVEN[51:]))
    with pytest.raises(NotEnoughData, match="only 9 of the same photos"):
        compare_bundles(workspace, left, right)


def test_models_without_a_record_of_their_guesses(workspace):
    left = made_bundle(workspace, said(NAMES, GIVEN, GIVEN))
    for old in (
        made_bundle(workspace, record=False, name="old"),
        made_bundle(workspace, said(NAMES, GIVEN, GIVEN, held_out=False), name="old"),
    ):
        with pytest.raises(NotEnoughData, match="old kept no predictions"):
            compare_bundles(workspace, left, old)


def test_what_cannot_be_compared(workspace):
    left = made_bundle(workspace, said(NAMES, GIVEN, GIVEN))
    with pytest.raises(UsageError, match="itself"):
        compare_bundles(workspace, left, left)
    with pytest.raises(UsageError, match="different scales"):
        compare_bundles(workspace, left, made_bundle(workspace, said(NAMES, GIVEN, GIVEN), scale=[1, 7]))


def test_two_models_of_one_name_are_told_apart_by_their_ids(workspace):
    left = made_bundle(workspace, said(NAMES, GIVEN, noisy(5, 1)), name="mine")
    right = made_bundle(workspace, said(NAMES, GIVEN, noisy(60, 2)), name="mine")
    assert str(compare_bundles(workspace, left, right).verdict).startswith(f"{left.model_id} is better")
