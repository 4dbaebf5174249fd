"""A photo's vector is computed once, whatever becomes of the file that it lies in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Notice
from engine.features import batches, extract
from engine.features.cache import FeatureCache
from engine.features.extract import BATCH, Embedded, Embedder
from engine.features.file_key import FileKey
from tests.conftest import draw_photo

SECOND = 1_000_000_000


class Work:
    """Counts the photos that are decoded and those whose content is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.decoded: list[str] = []
        self.read: list[str] = []
        self._count(monkeypatch, extract, "load_pixels", self.decoded)
        self._count(monkeypatch, batches, "content_hash", self.read)

    def _count(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, into: list[str]) -> None:
        real = getattr(module, name)

        def counted(path: Path, *others: Any, **more: Any) -> Any:
            into.append(path.name)
            return real(path, *others, **more)

        monkeypatch.setattr(module, name, counted)

    def taken(self) -> tuple[int, int]:
        """Return how many were decoded and read since the last call."""
        found = len(self.decoded), len(self.read)
        self.decoded.clear()
        self.read.clear()
        return found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five photos that were last changed long enough ago to be recognised."""
    found = tmp_path / "photos"
    found.mkdir()
    for number in range(5):
        draw_photo(found / f"{number}.png", number, 0.5, (40, 30))
    return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Embedded]]]:
    """Return a function that computes vectors with a cache which is opened anew each time."""
    # as if all photos had been looked at ten seconds after they were written: these tests wait for no clock
    real = FeatureCache.put_hashes
    monkeypatch.setattr(FeatureCache, "put_hashes", lambda self, hashes, at: real(self, hashes, at + 10 * SECOND))

    def embed(photos: list[Path], *, needs_network: bool) -> list[Embedded]:
        with FeatureCache(tmp_path / "f.sqlite") as cache, Embedder("efficientnet_lite0", cache=cache) as embedder:
            found = [event for event in embedder.batch(photos) if not isinstance(event, Notice)]
            assert (embedder._runtime is not None) == needs_network
        return found

    yield embed


def same(left: list[Embedded], right: list[Embedded]) -> bool:
    return all(np.array_equal(one.vector, two.vector) for one, two in zip(left, right, strict=True))


def test_the_same_photos_again_are_neither_read_nor_decoded(folder: Path, work: Work, run: Any) -> None:
    photos = sorted(folder.iterdir())
    first = run(photos, needs_network=True)
    assert work.taken() == (5, 5)
    assert same(run(photos, needs_network=False), first)
    assert work.taken() == (0, 0)


def test_moved_renamed_copied_and_touched_photos_are_read_but_not_computed(
    folder: Path, tmp_path: Path, work: Work, run: Any
) -> None:
    first = run(sorted(folder.iterdir()), needs_network=True)
    work.taken()
    folder = folder.rename(tmp_path / "moved")
    photos = sorted(folder.iterdir())
    photos[0] = photos[0].rename(folder / "00.png")
    assert same(run(photos, needs_network=False), first)
    assert work.taken() == (0, 5)
    shutil.copytree(folder, tmp_path / "copy")
    assert same(run([tmp_path / "copy" / photo.name for photo in photos], needs_network=False), first)
    assert work.taken() == (0, 5)
    for photo in photos[:2]:
        os.utime(photo)
    assert same(run(photos, needs_network=False), first)
    assert work.taken() == (0, 2)
    assert same(run(photos, needs_network=False), first)
    assert work.taken() == (0, 0)


def test_a_photo_that_another_of_the_same_size_and_time_took_the_place_of_is_computed(
    folder: Path, work: Work, run: Any
) -> None:
    one, two = sorted(folder.iterdir())[:2]
    size = max(one.stat().st_size, two.stat().st_size)
    for photo in (one, two):
        with photo.open("ab") as out:
            out.write(b"\0" * (size - photo.stat().st_size))
        os.utime(photo, ns=(SECOND, SECOND))
    (before,) = run([one], needs_network=True)
    work.taken()
    two.replace(one)
    (after,) = run([one], needs_network=True)
    assert work.taken() == (1, 1)
    assert before.content_hash != after.content_hash
    assert not np.array_equal(before.vector, after.vector)


def test_copies_are_decoded_once_also_where_they_come_in_the_next_batch(tmp_path: Path, work: Work, run: Any) -> None:
    photos = [draw_photo(tmp_path / f"{number:02}.png", number, 0.5, (32, 32)) for number in range(BATCH)]
    copies = [Path(shutil.copy2(photo, tmp_path / f"copy-{photo.name}")) for photo in photos]
    found = run([*photos, *copies], needs_network=True)
    assert work.taken() == (BATCH, 2 * BATCH)
    assert same(found[:BATCH], found[BATCH:])


def test_a_photo_that_is_replaced_while_it_is_read_leaves_no_wrong_vector(
    folder: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, other = sorted(folder.iterdir())[:2]
    content = photo.read_bytes()
    real = extract.load_pixels

    def replaced(path: Path, *others: Any, **more: Any) -> Any:
        if path == photo and other.exists():
            other.replace(photo)
        return real(path, *others, **more)

    monkeypatch.setattr(extract, "load_pixels", replaced)
    (wrong,) = run([photo], needs_network=True)
    photo.write_bytes(content)
    (right,) = run([photo], needs_network=True)
    assert wrong.content_hash == right.content_hash
    assert not np.array_equal(wrong.vector, right.vector)


def test_what_was_changed_within_a_tick_of_the_clock_is_read_again(tmp_path: Path) -> None:
    at = 1_700_000_000 * SECOND + 5
    key = FileKey(b"/photo.jpg", 10, at, at)
    coarse = FileKey(b"/card/photo.jpg", 10, 0, 1_700_000_000 * SECOND)  # a memory card counts whole seconds
    with FeatureCache(tmp_path / "f.sqlite") as cache:
        for late, known in ((SECOND // 1000, 0), (SECOND // 10, 1), (3 * SECOND, 2)):
            cache.put_hashes({key: "a" * 64, coarse: "b" * 64}, at + late)
            assert len(cache.hashes([key, coarse])) == known
            cache.flush()
            assert len(cache.hashes([key, coarse])) == known


KEYS = st.sampled_from([FileKey(b"/%d" % number, size, 1, 1) for number in range(4) for size in (1, 2)])
STEPS = st.one_of(
    st.tuples(st.just("hash"), KEYS, st.sampled_from(["a", "b", "c"])),
    st.tuples(st.just("vector"), st.sampled_from(["a", "b", "c"]), st.sampled_from(["one", "two"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["flush", "reopen"])),
)


@given(st.lists(STEPS, max_size=30))
@settings(max_examples=15, deadline=None)
def test_the_store_is_a_dictionary_whether_written_yet_or_not(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    file = tmp_path_factory.mktemp("store") / "f.sqlite"
    hashes: dict[bytes, tuple[FileKey, str]] = {}
    vectors: dict[tuple[str, str], float] = {}
    cache = FeatureCache(file)
    try:
        for step in steps:
            if step[0] == "hash":
                cache.put_hashes({step[1]: step[2]}, SECOND * 10)
                hashes[step[1].path] = step[1], step[2]
            elif step[0] == "vector":
                cache.put_many({step[1]: np.full(3, step[3], np.float32)}, step[2])
                vectors[step[1], step[2]] = float(step[3])
            elif step[0] == "flush":
                cache.flush()
            else:
                cache.close()
                cache = FeatureCache(file)
            asked = [key for key, _ in hashes.values()]
            assert cache.hashes(asked) == dict(hashes.values())
            for mark in ("one", "two"):
                wanted = {content: value for (content, of), value in vectors.items() if of == mark}
                found = cache.get_many("abc", mark, 3)
                assert {content: vector.tolist() for content, vector in found.items()} == {
                    content: [value] * 3 for content, value in wanted.items()
                }
                assert cache.known("abc", mark) == wanted.keys()
    finally:
        cache.close()
