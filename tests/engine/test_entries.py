"""The list of all photos: what is told of each, with and without details, and how often the disk is asked."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.labels.flags import set_flag
from engine.labels.scorebook import Entry, ScoreBook
from engine.workspace import Workspace


@pytest.fixture
def album(tmp_path: Path) -> Workspace:
    """A workspace with three photos of one, two and three bytes."""
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    for number, name in enumerate(("a.jpg", "b10.jpg", "b9.jpg"), start=1):
        (workspace.data / name).write_bytes(b"x" * number)
        os.utime(workspace.data / name, (1000 + number, 1000 + number))
    return workspace


class Ticking:
    """A clock that goes on by a minute each time it is asked."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


def test_entries_tell_flags_and_guesses(album: Workspace) -> None:
    book = ScoreBook(album)
    book.set("b9.jpg", 70)
    set_flag(album, "a.jpg", True)
    entries = book.entries(guesses={"b9.jpg": 60.5, "a.jpg": 10.0})
    assert entries == [
        Entry("a.jpg", None, True, flagged=True, guess=10.0),
        Entry("b9.jpg", 70.0, True, guess=60.5),
        Entry("b10.jpg", None, True),
    ]
    assert [entry.difference for entry in entries] == [None, 9.5, None]


def test_details_tell_sizes_times_and_where_the_score_came_from(album: Workspace) -> None:
    clock = Ticking()
    book = ScoreBook(album, clock=clock)
    book.set_many({"a.jpg": 1, "b9.jpg": 2, "b10.jpg": 3}, "import")
    book.set("a.jpg", 5)
    book.set_many({"b9.jpg": 12}, "shift")
    book.undo()
    book.set("b10.jpg", None)
    (album.data / "a.jpg").unlink()
    entries = book.entries(details=True)
    assert [(entry.name, entry.size, entry.modified) for entry in entries] == [
        ("a.jpg", None, None),
        ("b9.jpg", 3, 1003.0),
        ("b10.jpg", 2, 1002.0),
    ]
    assert [(entry.source, entry.changed[11:16]) for entry in entries] == [
        ("set", "12:02"),
        ("undo", "12:04"),
        ("", ""),
    ]
    book.set("b10.jpg", 9)
    assert ScoreBook(album).entries(details=True)[2] == book.entries(details=True)[2]
    assert book.entries(details=True)[2].source == "set"


def test_an_edit_by_others_is_a_source_too(album: Workspace) -> None:
    book = ScoreBook(album)
    book.set("a.jpg", 5)
    album.scores_file.write_text("a.jpg\t6\n", "utf-8")
    book.take_outside()
    assert book.entries(details=True)[0].source == "outside"


def test_photos_that_come_and_go_are_seen_each_time(album: Workspace) -> None:
    book = ScoreBook(album)
    assert [entry.name for entry in book.entries()] == ["a.jpg", "b9.jpg", "b10.jpg"]
    (album.data / "B1.JPG").touch()
    (album.data / "a.jpg").unlink()
    assert [entry.name for entry in book.entries()] == ["B1.JPG", "b9.jpg", "b10.jpg"]


def test_a_photo_that_goes_while_it_is_looked_at_has_no_size(album: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:
        if path == "b9.jpg":
            raise FileNotFoundError(2, "gone", path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert [entry.size for entry in ScoreBook(album).entries(details=True)] == [1, None, 2]


def test_hostile_names_are_entries_like_others(album: Workspace) -> None:
    names = [
        "a[red]b.jpg",
        "\x1b[31m.jpg",
        "x" * 251 + ".jpg",
        "\u202ertl.jpg",
        os.fsdecode(b"\xff.jpg"),
        "tab\tin.jpg",
    ]
    for name in names:
        (album.data / name).touch()
    book = ScoreBook(album)
    book.set_many(dict.fromkeys(names, 50))
    found = {entry.name: entry for entry in ScoreBook(album).entries(details=True)}
    assert all((found[name].score, found[name].source, found[name].present) == (50, "set", True) for name in names)


def test_listing_many_photos_asks_the_disk_once_not_once_a_photo(
    album: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        (album.data / f"p{number}.jpg").touch()
    calls = {"scandir": 0, "stat": 0}

    def counted(name: str, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            calls[name] += 1
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in calls:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        entries = ScoreBook(album).entries()
    assert len(entries) == 303
    assert calls["scandir"] == 1
    assert calls["stat"] < 30
