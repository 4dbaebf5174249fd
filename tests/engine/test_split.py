"""Splits never put one group on both sides, and photos that belong together are one group."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.training.bursts import BURST_SECONDS, burst_candidates, capture_times
from engine.training.spec import make_spec, parse_split
from engine.training.split import fold_masks, group_photos, split_groups, themes
from tests.engine.made_features import BLOCKS, made_set


@given(st.lists(st.integers(0, 12), min_size=2, max_size=80), st.integers(0, 100))
def test_parts_are_whole_groups_and_cover_everything(numbers, seed):
    groups = np.asarray(numbers)
    parts = split_groups(groups, (0.7, 0.15, 0.15), seed)
    together = np.sort(np.concatenate([parts.train, parts.validation, parts.test]))
    np.testing.assert_array_equal(together, np.arange(groups.size))
    sides = [set(groups[rows].tolist()) for rows in (parts.train, parts.validation, parts.test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert parts.train.size
    if np.unique(groups).size > 1:
        assert parts.test.size


many_groups = st.lists(st.integers(0, 12), min_size=1, max_size=80).map(np.asarray)
shares = st.tuples(st.floats(0.05, 1), st.floats(0, 1), st.floats(0.05, 1)).map(
    lambda parts: tuple(part / sum(parts) for part in parts)
)


@given(many_groups, shares, st.integers(0, 2**31 - 1))
def test_any_shares_keep_groups_whole_and_leave_something_to_learn(groups, asked, seed):
    assume(np.unique(groups).size > 1)
    parts = split_groups(groups, asked, seed)
    sides = [set(groups[rows].tolist()) for rows in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, sides)) == np.unique(groups).size == len(set.union(*sides))
    assert parts.train.size
    assert parts.test.size
    again = split_groups(groups, asked, seed)
    np.testing.assert_array_equal(parts.test, again.test)


@given(many_groups, st.integers(2, 20), st.integers(0, 2**31 - 1))
def test_folds_hold_each_photo_out_once_and_cut_no_group(groups, folds, seed):
    masks = np.array(fold_masks(groups, folds, seed))
    assert len(masks) == min(folds, np.unique(groups).size)
    assert (masks.sum(axis=0) == 1).all()
    assert masks.any(axis=1).all()
    of_photo = masks.argmax(axis=0)
    for group in np.unique(groups):
        assert np.unique(of_photo[groups == group]).size == 1


def test_shares_are_about_as_asked():
    parts = split_groups(np.repeat(np.arange(100), 3), (0.6, 0.2, 0.2), 1)
    assert abs(parts.test.size - 60) <= 3
    assert abs(parts.validation.size - 60) <= 3


def test_near_copies_are_one_group():
    data = made_set(photos=30, unscored=0)
    features = np.concatenate([data.features, data.features[:5] + 0.01])
    names = [f"IMG_{number}.jpg" for number in range(35)]
    groups = group_photos(names, features, BLOCKS)
    for row in range(5):
        assert groups[row] == groups[30 + row]
    assert np.unique(groups).size == 30


def test_a_theme_in_the_names_is_one_group():
    data = made_set(photos=24, unscored=0)
    names = [f"{word} {number}.jpg" for word in ("Lake", "Cat", "森林", "Car", "Boat", "Tree") for number in range(4)]
    groups = group_photos(names, data.features, BLOCKS)
    assert np.unique(groups).size == 6
    assert np.unique(groups[:4]).size == 1


def test_cameras_and_common_words_are_no_theme():
    assert themes(["IMG_1.jpg", "DSC0085.JPG", "P1010085.jpg", "85_1.jpg", "x.png"]) == [""] * 5
    assert themes([f"holiday_{number}.jpg" for number in range(20)]) == [""] * 20


def test_an_album_of_one_picture_still_splits():
    features = np.repeat(made_set(photos=1, unscored=0).features, 12, axis=0)
    assert np.unique(group_photos([f"{n}.jpg" for n in range(12)], features, BLOCKS)).size == 12


@pytest.mark.parametrize("text", ["", "1", "50/50", "a/b/c", "0/50/50", "80/20/0", "-1/1/1", "nan/1/1"])
def test_a_wrong_split_is_refused(text):
    with pytest.raises(UsageError, match="70/15/15"):
        parse_split(text)


def test_a_split_may_be_percent_or_shares():
    assert parse_split("70/15/15") == parse_split("0.7/0.15/0.15") == (0.7, 0.15, 0.15)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"model": "nonsense"}, "nonsense"),
        ({"backbone": "resnet"}, "resnet18"),
        ({"folds": 1}, "folds"),
        ({"seed": -1}, "seed"),
        ({"epochs": 5}, "epochs"),
    ],
)
def test_a_wrong_spec_names_what_is_wrong(values, named):
    with pytest.raises(UsageError, match=named):
        make_spec(**values)


def test_a_chain_of_likeness_does_not_swallow_the_album():
    random = np.random.default_rng(0)
    steps = random.normal(size=(80, sum(BLOCKS)))
    walk = [steps[0]]
    for step in steps[1:]:  # each photo looks much like the one before it, the last nothing like the first
        walk.append(0.88 * walk[-1] + np.sqrt(1 - 0.88**2) * step)
    features = np.array(walk, np.float32)
    groups = group_photos([f"IMG_{n}.jpg" for n in range(80)], features, BLOCKS)
    assert np.bincount(groups).max() <= 20
    assert np.unique(groups).size < 80


def test_a_burst_is_one_group_though_its_photos_look_less_alike():
    random = np.random.default_rng(1)
    scenes = random.normal(size=(20, sum(BLOCKS)))
    features = np.repeat(scenes, 2, axis=0) + 0.75 * random.normal(size=(40, sum(BLOCKS)))
    features = features.astype(np.float32)
    names = [f"IMG_{number}.jpg" for number in range(40)]
    moments = np.repeat(np.arange(20) * 600.0, 2) + np.tile([0.0, 2.0], 20)
    apart = group_photos(names, features, BLOCKS, moments * 100)
    together = group_photos(names, features, BLOCKS, moments)
    assert np.unique(together).size < np.unique(apart).size - 5
    # what was taken at one moment and shows another thing stays apart
    strangers = group_photos(names, random.normal(size=features.shape).astype(np.float32), BLOCKS, moments)
    assert np.unique(strangers).size == 40


@given(st.lists(st.one_of(st.just(np.nan), st.integers(0, 60).map(float)), max_size=30).map(np.asarray))
def test_burst_candidates_are_all_pairs_of_one_moment(taken):
    taken = taken.astype(np.float64)
    found = {tuple(sorted(pair)) for pair in burst_candidates(taken).tolist()}
    wanted = {
        (left, right)
        for left in range(taken.size)
        for right in range(left + 1, taken.size)
        if abs(taken[left] - taken[right]) <= BURST_SECONDS
    }
    assert found == wanted


def test_the_cameras_time_is_read_where_there_is_one(tmp_path):
    from PIL import Image

    for name, time in (("a.jpg", "2024:05:01 12:00:00"), ("b.jpg", "2024:05:01 12:00:03"), ("c.jpg", "yesterday")):
        exif = Image.Exif()
        exif[0x0132] = time
        Image.new("RGB", (8, 8)).save(tmp_path / name, exif=exif)
    (tmp_path / "d.jpg").write_text("no picture")
    times = capture_times([tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "gone.jpg")])
    assert times[1] - times[0] == 3.0
    assert np.isnan(times[2:]).all()
