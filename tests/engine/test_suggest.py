"""What to score next: varied, typical, doubtful; on made vectors, and on a workspace with photos."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Interrupted
from engine.events import ItemFailed, Notice
from engine.features.cache import FeatureCache
from engine.features.file_key import FileKey
from engine.features.known import known_photos, known_vectors
from engine.labels.scorebook import ScoreBook
from engine.models.bundle import find_bundle
from engine.prediction.open_model import OpenModel
from engine.prediction.picking import Picker
from engine.prediction.sketch import Sketcher
from engine.prediction.suggest import Suggestion, suggest
from engine.workspace import Workspace
from tests.conftest import WorkspaceFactory, draw_photo


def never() -> bool:
    return False


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clusters(count: int, size: int, seed: int = 0) -> np.ndarray:
    """Return (count · size, 64) directions: `count` themes far from each other, one after the other."""
    random = np.random.default_rng(seed)
    centres = np.linalg.qr(random.standard_normal((64, count)))[0].T
    return unit(np.repeat(centres, size, axis=0) + 0.07 * random.standard_normal((count * size, 64)))


def names_of(found: list[object]) -> list[str]:
    return [item.name for item in found if isinstance(item, Suggestion)]


def test_the_first_picks_cover_every_theme() -> None:
    rows = clusters(12, 20)
    picked = [row for row, _ in Picker(rows, rows[:0]).take(12, never)]
    assert {row // 20 for row in picked} == set(range(12))


def test_what_is_scored_is_not_asked_again() -> None:
    rows = clusters(10, 20)
    picked = list(Picker(rows, rows[: 5 * 20 : 4]).take(5, never))
    assert {row // 20 for row, _ in picked} == set(range(5, 10))
    assert {why for _, why in picked} == {"far"}


def test_doubt_is_preferred_and_told() -> None:
    rows = unit(np.random.default_rng(1).standard_normal((200, 64)))
    doubt = np.ones(200)
    doubt[[7, 70, 170]] = 3.0
    first = list(Picker(rows, rows[:0], doubt).take(3, never))
    assert sorted(row for row, _ in first) == [7, 70, 170]
    assert {why for _, why in first} == {"unsure"}


def test_near_copies_come_last_but_they_come() -> None:
    themes = clusters(6, 1)
    copies = unit(np.repeat(themes, 5, axis=0) + 0.002 * np.random.default_rng(2).standard_normal((30, 64)))
    picked = list(Picker(copies, copies[:0]).take(100, never))
    assert sorted(row for row, _ in picked) == list(range(30))
    assert {row // 5 for row, _ in picked[:6]} == set(range(6))
    assert [why == "copy" for _, why in picked] == [False] * 6 + [True] * 24


def test_an_outlier_is_not_the_first_to_be_asked() -> None:
    random = np.random.default_rng(3)
    usual = unit(np.eye(1, 64) + 0.1 * random.standard_normal((50, 64)))
    rows = np.concatenate([-np.eye(1, 64, dtype=np.float32), usual])
    first = next(Picker(rows, rows[:0]).take(1, never))
    assert first[0] != 0


def test_sketches_keep_who_resembles_whom() -> None:
    random = np.random.default_rng(4)
    themes = random.standard_normal((40, 600))
    vectors = (np.repeat(themes, 5, axis=0) + 0.5 * random.standard_normal((200, 600))).astype(np.float32)
    sketcher = Sketcher(vectors, [200, 400])
    rows = sketcher.directions(vectors)
    assert rows.shape == (200, 64)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    exact = vectors - vectors.mean(axis=0)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    error = (rows @ rows.T - exact @ exact.T)[np.triu_indices(200, 1)]
    assert abs(error.mean()) < 0.02
    assert error.std() < 0.15
    assert Sketcher(vectors, [200, 400]).directions(vectors[:3]).tolist() == rows[:3].tolist()


def test_an_album_of_one_colour_is_no_trouble() -> None:
    same = np.ones((5, 10), np.float32)
    rows = Sketcher(same, [10]).directions(same)
    assert np.isfinite(rows).all()
    assert len(list(Picker(rows, rows[:0]).take(3, never))) == 3


def test_without_a_model_the_album_is_covered_and_the_answer_stays_the_same(
    workspace_factory: WorkspaceFactory,
) -> None:
    workspace = workspace_factory(photos=12, scored=False)
    found = list(suggest(workspace, 5))
    assert len(names_of(found)) == len(set(names_of(found))) == 5
    assert all(item.score is None for item in found if isinstance(item, Suggestion))
    assert names_of(list(suggest(workspace, 5))) == names_of(found)
    assert sorted(names_of(list(suggest(workspace, 50)))) == sorted(path.name for path in workspace.data.iterdir())


def test_photos_that_the_network_has_not_seen_are_told_apart(workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory(photos=12, scored=False)
    found = list(suggest(workspace, 12, fresh=4))
    assert len(names_of(found)) == 4
    assert [item.message.values["n"] for item in found if isinstance(item, Notice) and "n" in item.message.values] == [
        8
    ]
    assert len(names_of(list(suggest(workspace, 12, fresh=4)))) == 8


def test_a_corrupt_photo_and_a_copy_of_a_scored_one(workspace_with_model: Workspace) -> None:
    workspace = workspace_with_model
    draw_photo(workspace.data / "new.png", 77, 0.1)
    scored = sorted(workspace.data.glob("*.jpg"))[0]
    shutil.copy2(scored, workspace.data / "copy.jpg")
    (workspace.data / "broken.jpg").write_text("no picture")
    with OpenModel(workspace, find_bundle(workspace)) as model:
        found = list(suggest(workspace, 10, model=model))
        guess = {event.path.name: event.score for event in model.predict([workspace.data / "new.png"])}
    assert names_of(found) == ["new.png", "copy.jpg"]
    assert [Path(item.path).name for item in found if isinstance(item, ItemFailed)] == ["broken.jpg"]
    assert next(item.score for item in found if isinstance(item, Suggestion)) == pytest.approx(
        guess["new.png"], abs=1e-3
    )


def test_nothing_is_suggested_where_all_is_scored(workspace: Workspace) -> None:
    assert list(suggest(workspace, 3)) == []
    ScoreBook(workspace).set("10_0.jpg", None)
    assert names_of(list(suggest(workspace, 3))) == ["10_0.jpg"]


def test_it_can_be_stopped(workspace_factory: WorkspaceFactory) -> None:
    with pytest.raises(Interrupted):
        list(suggest(workspace_factory(photos=8, scored=False), 3, should_stop=lambda: True))


def test_known_vectors_are_found_by_the_file_as_it_is(tmp_path: Path) -> None:
    photos = [draw_photo(tmp_path / f"{name}.png", 1, 0.5) for name in "abc"]
    vectors = {digit * 64: np.full(4, float(digit), np.float32) for digit in "12"}
    with FeatureCache(tmp_path / "features.sqlite") as cache:
        keys = [key for photo in photos if (key := FileKey.of(photo))]
        later = max(key.ctime_ns for key in keys) + 10**10
        cache.put_hashes({key: digit * 64 for key, digit in zip(keys, "123", strict=True)}, later)
        cache.put_many(vectors, "print")
        assert known_photos(cache, "print", photos) == {photos[0]: "1" * 64, photos[1]: "2" * 64}
        assert known_photos(cache, "other", photos) == {}
        photos[0].write_bytes(b"changed")
        photos.append(tmp_path / "gone.png")
        known = known_photos(cache, "print", photos)
        assert known == {photos[1]: "2" * 64}
        ((paths, rows),) = known_vectors(cache, "print", 4, known)
        assert paths == [photos[1]]
        assert rows.tolist() == [[2.0] * 4]
