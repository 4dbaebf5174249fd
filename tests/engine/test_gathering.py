"""Which photos are meant: each once, in natural order, however they are named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import NotFound
from engine.features.extract import Embedded
from engine.prediction.gathering import Count, Gathering
from engine.prediction.known_paths import KnownPaths
from engine.prediction.watching import Watch
from engine.prediction.wildcards import expand
from tests.conftest import draw_photo
from tests.waiting import wait_until


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders with files of all kinds, which is the present folder."""
    for name in ("a2.jpg", "a10.jpg", "notes.txt", "x/b.png", "x/.hidden/h.jpg", "x/y/c.jpg", "a[1].jpg", ".h.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "x" / "loop").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gathered(*words: str | None, **how: object) -> list[str]:
    items = Gathering([None if word is None else Path(word) for word in words], **how)  # type: ignore[arg-type]
    return [str(item) if isinstance(item, Path) else f"!{item.path}" for item in items if item is not None]


def test_a_photo_named_twice_is_one(album: Path) -> None:
    assert gathered("a2.jpg", "./a2.jpg", str(album / "a2.jpg"), "x/../a2.jpg", "x/loop/a2.jpg") == ["a2.jpg"]
    assert gathered("x", "x/y", "x/y/c.jpg", "*.jpg", recursive=True)[:2] == ["x/b.png", "x/loop/a2.jpg"]
    found = gathered(".", "x", "x/loop/x")
    assert sorted(os.path.realpath(path) for path in found) == sorted(
        str(album / name) for name in ("a2.jpg", "a10.jpg", "a[1].jpg", "x/b.png", "x/y/c.jpg")
    )


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.jpg", ["a2.jpg", "a10.jpg", "a[1].jpg"]),
        ("a[1].jpg", ["a[1].jpg"]),
        ("a?.jpg", ["a2.jpg"]),
        ("*", ["a2.jpg", "a10.jpg", "a[1].jpg", "x"]),
        ("x/*/*.jpg", ["x/loop/a2.jpg", "x/loop/a10.jpg", "x/loop/a[1].jpg", "x/y/c.jpg"]),
        ("**/*.jpg", ["a2.jpg", "a10.jpg", "a[1].jpg", "x/y/c.jpg"]),
        ("**/y/**", ["x/y/c.jpg"]),
        (".*.jpg", [".h.jpg"]),
        ("*.gif", []),
        ("gone/*/a.jpg", []),
    ],
)
def test_patterns_are_those_of_a_shell(album: Path, pattern: str, found: list[str]) -> None:
    if pattern == "a[1].jpg":  # a file that has this name goes first
        assert gathered(pattern) == found
        return
    assert [str(path) for path in expand(Path(pattern))] == found


def test_what_is_not_there_is_one_error_alone_and_a_row_beside_others(album: Path) -> None:
    with pytest.raises(NotFound, match=r"gone-1\.jpg"):
        gathered("gone-1.jpg", "gone-2.jpg", "*.gif")
    assert gathered("gone.jpg", "a2.jpg", "*.gif") == ["!gone.jpg", "a2.jpg", "!*.gif"]
    (album / "empty").mkdir()
    with pytest.raises(NotFound, match="no picture in empty"):
        gathered("empty")
    os.mkfifo(album / "pipe.jpg")
    assert gathered("pipe.jpg", "a\0b.jpg") == ["!pipe.jpg", "!a\0b.jpg"]


def test_a_stream_is_taken_as_it_comes(album: Path) -> None:
    taken: list[str] = []

    def words() -> object:
        for word in ("a2.jpg", "a10.jpg"):
            taken.append(word)
            yield Path(word)

    items = iter(Gathering(words()))  # type: ignore[arg-type]
    assert (str(next(items)), taken) == ("a2.jpg", ["a2.jpg"])


def test_done_photos_are_left_out_until_they_change(album: Path) -> None:
    done = KnownPaths()
    done.add("a2.jpg", 2**62)
    done.add(str(album / "x" / "b.png"), 2**62)
    done.add("x/y/c.jpg", 1)  # changed since
    done.add("a10.jpg")  # failed
    gathering = Gathering([Path()], done=done)
    found = [str(item) for item in gathering]
    assert found == ["a10.jpg", "a[1].jpg", "x/y/c.jpg"]
    assert gathering.skipped == 2
    assert gathered("a2.jpg", done=done) == []


def test_photos_are_counted_ahead(album: Path) -> None:
    with Count([Path(), Path("a2.jpg"), Path("x/*/c.jpg")]) as count:
        wait_until(lambda: count.total is not None, "the count")
    assert count.total == 7


def drain(watch: Watch, wanted: int) -> list[str]:
    """Return the names of the next photos that come, and of those within the moment after."""
    found: list[str] = []
    quiet = 0
    for item in watch:
        if item is not None:
            found.append(item.name)
        elif len(found) >= wanted:
            quiet += 1
            if quiet > 3:
                return found
    return found


@pytest.mark.parametrize("poll", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_new_photo_comes_when_it_is_whole_and_a_changed_one_again(tmp_path: Path, poll: bool) -> None:
    whole = draw_photo(tmp_path / ".whole.jpg", 1, 0.5).read_bytes()
    with Watch([tmp_path], settle=0.1, patience=60, poll=poll) as watch:
        part = tmp_path / "part.jpg"
        part.write_bytes(whole[:400])
        (tmp_path / "download.jpg.part").write_bytes(whole)
        (tmp_path / ".hidden.jpg").write_bytes(whole)
        (tmp_path / "done.jpg").write_bytes(whole)
        assert drain(watch, 1) == ["done.jpg"]
        part.write_bytes(whole)
        (tmp_path / "download.jpg.part").rename(tmp_path / "download.jpg")
        assert sorted(drain(watch, 2)) == ["download.jpg", "part.jpg"]
        (tmp_path / "done.jpg").unlink()
        draw_photo(part, 2, 0.9)
        assert drain(watch, 1) == ["part.jpg"]
        folder = tmp_path / ".making"
        folder.mkdir()
        (folder / "inside.jpg").write_bytes(whole)
        folder.rename(tmp_path / "new")
        assert drain(watch, 1) == ["inside.jpg"]


def test_what_never_becomes_a_picture_comes_once(tmp_path: Path) -> None:
    with Watch([tmp_path], settle=0.05, patience=0.3) as watch:
        (tmp_path / "text.jpg").write_text("no picture")
        assert drain(watch, 1) == ["text.jpg"]


def test_a_photo_that_is_young_is_the_watchs_affair(tmp_path: Path) -> None:
    with Watch([tmp_path], settle=0.1) as watch:
        young = draw_photo(tmp_path / "young.jpg", 1, 0.5)
        items = Gathering([tmp_path], postpone=watch.takes)
        assert [item for item in items if isinstance(item, Path | Embedded)] == []
        assert drain(watch, 1) == [young.name]


def test_a_watched_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ticks = iter(range(0, 10_000, 3))
    with Watch([tmp_path / "in"], timer=lambda: float(next(ticks))) as watch:
        (tmp_path / "in").rmdir()
        with pytest.raises(NotFound, match="is gone"):
            drain(watch, 1)
