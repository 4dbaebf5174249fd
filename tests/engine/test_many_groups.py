"""Groups of very many photos are found in tiles by sketches, and are those that all pairs would give."""

import tracemalloc

import numpy as np
import pytest

from engine.errors import Interrupted
from engine.events import Progress
from engine.models.moments import MANY
from engine.training.album import _Vectors
from engine.training.baselines import Baselines
from engine.training.split import group_photos, grouping
from tests.engine.made_features import made_set

BLOCKS = [60, 140]


def album_with_copies(size, seed=0):
    """Return features of which every third is a near copy of the one before, and the truth."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(size, sum(BLOCKS))).astype(np.float32)
    copies = np.arange(2, size, 3)
    features[copies] = features[copies - 1] + 0.2 * random.normal(size=(copies.size, sum(BLOCKS))).astype(np.float32)
    return features


def run(steps):
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as end:
            return end.value, said


def same(left, right):
    """Whether two numberings make the same groups."""
    pairs = {(int(a), int(b)) for a, b in zip(left, right, strict=True)}
    return len(pairs) == np.unique(left).size == np.unique(right).size


def test_sketches_find_the_groups_that_all_pairs_give():
    features = album_with_copies(900)
    names = [f"Lake_{n}.jpg" if n < 4 else f"IMG_{n}.jpg" for n in range(900)]
    taken = np.full(900, np.nan)
    taken[[10, 500]] = 100.0, 102.0
    features[500] = 0.8 * features[10] + 0.6 * features[500]
    found, said = run(grouping(names, features, BLOCKS, taken, many=100))
    exact = group_photos(names, features, BLOCKS, taken)
    assert same(found, exact)
    assert found[0] == found[3]
    assert found[10] == found[500]
    assert any(isinstance(event, Progress) for event in said)


def test_an_album_where_all_looks_alike_is_told_apart_by_closer_likeness():
    random = np.random.default_rng(1)
    centre = random.normal(size=(1, sum(BLOCKS)))
    # two looks of which each holds half of the album, and in each some copies
    features = np.concatenate(
        [centre + 0.5 * random.normal(size=(150, 200)), -centre + 0.5 * random.normal(size=(150, 200))]
    )
    features = features.astype(np.float32)
    features[1::2] = features[::2] + 0.01 * random.normal(size=(150, 200)).astype(np.float32)
    names = [f"IMG_{n}.jpg" for n in range(300)]
    found, _ = run(grouping(names, features, BLOCKS, many=100))
    assert same(found, group_photos(names, features, BLOCKS))
    assert np.unique(found).size == 150


def test_the_work_stops_when_asked():
    asked = []

    def third_time():
        asked.append(True)
        return len(asked) >= 3

    with pytest.raises(Interrupted):
        run(grouping([f"IMG_{n}.jpg" for n in range(300)], album_with_copies(300), BLOCKS, None, third_time, many=100))
    assert len(asked) == 3


def test_no_list_of_all_pairs_is_kept():
    size = 12_000
    random = np.random.default_rng(0)
    # a thousand looks, twelve photos each: 66,000 pairs alike, and four-byte cosines of all would be 576 MB
    features = np.repeat(random.normal(size=(1000, 80)), 12, axis=0) + 0.1 * random.normal(size=(size, 80))
    tracemalloc.start()
    try:
        groups = group_photos([f"IMG_{n}.jpg" for n in range(size)], features.astype(np.float32), [30, 50])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.unique(groups).size == 1000
    assert peak < size * size


def test_the_nearest_photo_is_asked_for_some_and_found_without_all_directions():
    data = made_set(photos=400)
    seen, unseen = np.arange(300), np.arange(300, 400)
    few, many = Baselines(data), Baselines(data, many=100)
    for baselines in (few, many):
        baselines.guess(seen, unseen)
    assert many.metrics() == few.metrics()


def test_of_a_large_test_part_two_thousand_photos_are_compared():
    data = made_set(photos=5000)
    baselines = Baselines(data)
    baselines.guess(np.arange(2500), np.arange(2500, 5000))
    figures = baselines.metrics()
    assert figures["mean"].n == 2500
    assert figures["nearest"].n == 2000


@pytest.mark.parametrize("failed", [0, 3])
def test_a_large_albums_scored_vectors_are_no_second_copy(failed):
    size = MANY + 10
    vectors = _Vectors(size + failed, 3)
    for row in range(size):
        vectors.add(np.full(3, row, np.float32), row % 2 == 0)
    album, features, others = vectors.album()
    assert np.shares_memory(album, features)
    assert album.shape == (size, 3)
    assert features[:, 0].tolist() == list(range(0, size, 2))
    assert album[others][:, 0].tolist() == list(range(1, size, 2))
