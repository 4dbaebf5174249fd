"""scores.txt in the hands of others: their edits are merged, recorded and undoable, and cost nobody a keypress."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DamagedFile, NotFound
from engine.labels.history import BEGINNING, Change, Edit, History, Position
from engine.labels.outside import differences, outside_edits, replay
from engine.labels.scorebook import ScoreBook
from engine.labels.synced import Synced, Version
from engine.workspace import Workspace

NAMES = [f"p{number}.jpg" for number in range(12)]


@pytest.fixture
def album(tmp_path: Path) -> Workspace:
    """A workspace with twelve photos, six of them scored by the book."""
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    for name in NAMES:
        (workspace.data / name).touch()
    ScoreBook(workspace, "eva").set_many(dict.fromkeys(NAMES[:6], 50.0))
    return workspace


class Editor:
    """A text editor: it reads the file when it is opened and writes what it has when it saves."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.scores_file
        self.text = self.path.read_text("utf-8")

    def write(self, name: str, score: str | None) -> None:
        kept = [line for line in self.text.splitlines() if not line.startswith(f"{name}\t")]
        self.text = "".join(f"{line}\n" for line in [*kept, *([f"{name}\t{score}"] if score else [])])

    def save(self) -> None:
        self.path.write_text(self.text, "utf-8")


def edit(workspace: Workspace, name: str, score: str | None) -> None:
    editor = Editor(workspace)
    editor.write(name, score)
    editor.save()


def disk(workspace: Workspace) -> dict[str, tuple[int, bytes]]:
    files = (path for path in workspace.root.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def recorded(workspace: Workspace) -> dict[str, float]:
    return replay(change for change, _ in History(workspace.history_file).after(BEGINNING))


def test_an_edit_is_seen_at_once_and_recorded_as_a_change(album: Workspace) -> None:
    book = ScoreBook(album, "eva")
    assert book.take_outside() == []
    edit(album, "p0.jpg", "7")
    edit(album, "p1.jpg", None)
    edit(album, "p9.jpg", "8.5")
    assert book.scores() == {"p0.jpg": 7, "p9.jpg": 8.5, **dict.fromkeys(NAMES[2:6], 50)}
    (change,) = book.take_outside()
    assert (change.seq, change.kind, change.who) == (2, "outside", "")
    edits = {Edit("p0.jpg", 50, 7), Edit("p1.jpg", 50, None), Edit("p9.jpg", None, 8.5)}
    assert set(change.edits) == edits
    assert book.history()[-1] == change
    assert book.take_outside() == []
    assert recorded(album) == book.scores()


def test_an_edit_can_be_undone_and_redone(album: Workspace) -> None:
    edit(album, "p0.jpg", "7")
    book = ScoreBook(album)
    assert book.undo().edits == (Edit("p0.jpg", 7, 50),)
    assert Editor(album).text.startswith("p0.jpg\t50\n")
    book.redo()
    assert book.scores()["p0.jpg"] == 7
    book.undo()
    book.undo()
    assert book.scores() == {}


def test_another_book_hears_of_an_edit_that_somebody_else_recorded(album: Workspace) -> None:
    one, two = ScoreBook(album, "one"), ScoreBook(album, "two")
    assert one.scores() == two.scores()
    edit(album, "p0.jpg", "7")
    two.set("p1.jpg", 1)
    one.scores()
    assert [change.edits for change in one.take_outside()] == [(Edit("p0.jpg", 50, 7),)]
    assert [change.edits for change in two.take_outside()] == [(Edit("p0.jpg", 50, 7),)]
    assert ScoreBook(album).take_outside() == []  # old news for who opens the workspace now


@pytest.mark.parametrize("at_once", [1000, 0])
@pytest.mark.parametrize("keys", [1, 5])
def test_an_editor_that_saves_an_old_text_takes_no_keypress_back(album: Workspace, keys: int, at_once: int) -> None:
    book = ScoreBook(album, "eva", at_once=at_once)
    editor = Editor(album)
    for number in range(keys):
        book.set(NAMES[3 + number], 10.0 + number)
    editor.write("p1.jpg", "99")
    editor.save()
    expected = dict.fromkeys(NAMES[:6], 50.0) | {NAMES[3 + n]: 10.0 + n for n in range(keys)} | {"p1.jpg": 99.0}
    assert book.scores() == expected
    assert [change.edits for change in book.take_outside()] == [(Edit("p1.jpg", 50, 99),)]
    book.flush()
    assert ScoreBook(album).scores() == recorded(album) == expected
    assert len(Editor(album).text.splitlines()) == len(expected)
    book.undo()
    assert book.scores() == {**expected, "p1.jpg": 50}


def test_who_takes_the_last_change_back_by_hand_means_it(album: Workspace) -> None:
    book = ScoreBook(album)
    book.set("p0.jpg", 7)
    edit(album, "p0.jpg", "50")
    for reader in (book, ScoreBook(album)):
        assert reader.scores()["p0.jpg"] == 50
    assert book.take_outside()[0].edits == (Edit("p0.jpg", 7, 50),)


def test_an_old_text_counts_for_a_day(album: Workspace) -> None:
    now = [datetime(2026, 5, 1, 12, tzinfo=UTC)]
    book = ScoreBook(album, clock=lambda: now[0])
    editor = Editor(album)
    book.set("p0.jpg", 7)
    book.set("p1.jpg", 8)
    now[0] += timedelta(hours=25)
    editor.write("p2.jpg", "9")
    editor.save()
    assert book.scores() == {**dict.fromkeys(NAMES[:6], 50), "p2.jpg": 9}
    book.undo()
    assert book.scores() == {**dict.fromkeys(NAMES[:6], 50), "p0.jpg": 7, "p1.jpg": 8}


def test_an_edit_goes_on_top_of_what_is_not_in_the_file_yet(album: Workspace) -> None:
    book = ScoreBook(album, at_once=0)
    book.set("p0.jpg", 7)
    assert "p0.jpg\t50\n" in Editor(album).text
    edit(album, "p1.jpg", "8")
    assert book.scores() == ScoreBook(album).scores() == {**dict.fromkeys(NAMES[:6], 50), "p0.jpg": 7, "p1.jpg": 8}
    book.set("p2.jpg", 9)
    book.close()
    assert [line.partition("\t")[2] for line in Editor(album).text.splitlines()] == ["7", "8", "9", "50", "50", "50"]


def test_comments_and_blanks_are_no_changes_and_stay(album: Workspace) -> None:
    book = ScoreBook(album)
    album.scores_file.write_text("# mine\n\n" + Editor(album).text.replace("\t", "\t  "), "utf-8")
    assert book.scores() == dict.fromkeys(NAMES[:6], 50)
    assert book.take_outside() == []
    book.set("p0.jpg", 1)
    assert Editor(album).text.startswith("# mine\np0.jpg\t1\np1.jpg\t50\n")
    assert len(book.history()) == 2


def test_an_emptied_or_deleted_file_means_no_scores_and_can_be_undone(album: Workspace) -> None:
    before = ScoreBook(album).scores()
    for work in (lambda: album.scores_file.write_bytes(b""), album.scores_file.unlink):
        work()
        book = ScoreBook(album)
        assert book.scores() == {}
        assert len(book.take_outside()[0].edits) == 6
        book.undo()
        assert book.scores() == before
        assert len(Editor(album).text.splitlines()) == 6


def test_reading_writes_nothing_whatever_it_finds(album: Workspace) -> None:
    late = ScoreBook(album, at_once=0)
    late.set("p0.jpg", 1)
    edit(album, "p1.jpg", "2")
    before = disk(album)
    book = ScoreBook(album)
    assert book.scores()["p1.jpg"] == 2
    assert len(book.entries(details=True)) == 12
    assert len(book.history()) == 2
    book.close()
    assert disk(album) == before
    late.close()


@pytest.fixture
def write_protected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the file system be read-only."""
    real = os.open

    def protected(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", protected)
    yield


def test_in_a_workspace_that_cannot_be_written_an_edit_is_told_once(album: Workspace, write_protected: None) -> None:
    edit(album, "p0.jpg", "7")
    book = ScoreBook(album)
    assert book.scores()["p0.jpg"] == 7
    (change,) = book.take_outside()
    assert (change.seq, change.edits) == (0, (Edit("p0.jpg", 50, 7),))
    assert book.take_outside() == []
    assert len(book.history()) == 1


def test_a_damaged_file_is_told_and_left_alone(album: Workspace) -> None:
    before = album.history_file.read_bytes()
    album.scores_file.write_text("p0.jpg\t7\noops\n", "utf-8")
    book = ScoreBook(album)
    for work in (book.scores, book.entries, book.take_outside, book.undo, book.flush, lambda: book.set("p0.jpg", 1)):
        with pytest.raises(DamagedFile, match=r"scores\.txt, line 2"):
            work()
    assert album.scores_file.read_text("utf-8") == "p0.jpg\t7\noops\n"
    assert album.history_file.read_bytes() == before
    album.scores_file.write_text("p0.jpg\t7\n", "utf-8")
    assert book.scores() == {"p0.jpg": 7}


def test_a_book_that_heard_of_damage_goes_on_when_it_is_mended(album: Workspace) -> None:
    book = ScoreBook(album)
    sound = Editor(album)
    assert len(book.scores()) == 6
    album.scores_file.write_text("oops\n", "utf-8")
    with pytest.raises(DamagedFile):
        book.scores()
    sound.save()
    assert len(book.scores()) == 6
    assert book.take_outside() == []


def test_what_was_there_before_the_history_is_no_change(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.mkdir()
    (workspace.data / "b.jpg").touch()
    workspace.scores_file.write_text("a.jpg\t1\n", "utf-8")
    book = ScoreBook(workspace)
    assert book.scores() == {"a.jpg": 1}
    assert book.take_outside() == []
    assert not workspace.internal.exists()
    book.set("b.jpg", 2)
    assert [change.kind for change in book.history()] == ["set"]
    book.undo()
    with pytest.raises(NotFound, match="nothing to undo"):
        book.undo()
    assert book.scores() == recorded(workspace) == {"a.jpg": 1}
    assert book.entries(details=True)[0].source == ""


def test_without_the_note_the_file_is_the_truth(album: Workspace) -> None:
    (album.internal / "scores.synced").unlink()
    assert ScoreBook(album).take_outside() == []
    album.scores_file.write_text("p0.jpg\t7\np1.jpg\t50\n", "utf-8")
    book = ScoreBook(album)
    assert book.scores() == {"p0.jpg": 7, "p1.jpg": 50}
    (change,) = book.take_outside()
    assert change.edits[0] == Edit("p0.jpg", 50, 7)
    assert len(change.edits) == 5
    assert recorded(album) == book.scores()


def test_without_the_history_the_file_is_the_truth(album: Workspace) -> None:
    for cut in (0, 10):
        os.truncate(album.history_file, cut)
        assert ScoreBook(album).scores() == dict.fromkeys(NAMES[:6], 50)
    book = ScoreBook(album)
    book.set("p0.jpg", 1)
    assert book.scores() == recorded(album) == {**dict.fromkeys(NAMES[:6], 50), "p0.jpg": 1}
    assert [change.seq for change in book.history()] == [1]


@pytest.mark.parametrize("note", [b"", b"\0" * 300, b"{}", b'{"seq": -1}', b"[" * 100_000])
def test_a_note_that_a_power_cut_damaged_costs_nothing(album: Workspace, note: bytes) -> None:
    before = album.scores_file.read_bytes()
    ScoreBook(album).set("p0.jpg", 7)
    for text in (album.scores_file.read_bytes(), before):
        album.scores_file.write_bytes(text)
        (album.internal / "scores.synced").write_bytes(note)
        assert ScoreBook(album).scores() == {**dict.fromkeys(NAMES[:6], 50), "p0.jpg": 7}
        book = ScoreBook(album)
        book.set("p1.jpg", 1)
        assert book.scores() == recorded(album) == {**dict.fromkeys(NAMES[:6], 50), "p0.jpg": 7, "p1.jpg": 1}
        assert book.take_outside() == []
        book.undo()


scores = st.dictionaries(st.sampled_from(NAMES[:5]), st.integers(0, 3).map(float), max_size=5)


def placed(versions: list[dict[str, float]]) -> list[tuple[Change, Position]]:
    """Return the history that leads through some states."""
    found, before = [], dict[str, float]()
    for number, version in enumerate(versions, start=1):
        change = Change(number, f"2026-05-01T12:00:{number:02}", "", "set", tuple(differences(before, version)))
        found.append((change, Position(number, change.time, number * 10 - 10, number * 10 - 1)))
        before = version
    return found


def merged(present: Mapping[str, float], edits: list[Edit]) -> dict[str, float]:
    assert all(present.get(name) == old != new for name, old, new in edits)
    return replay([Change(1, "", "", "outside", tuple(edits))], present)


@given(st.lists(scores, min_size=1, max_size=8), scores, st.data())
def test_what_the_text_does_not_touch_stays_as_it_is(
    versions: list[dict[str, float]], text: dict[str, float], data: st.DataObject
) -> None:
    changes = placed(versions)
    number = data.draw(st.integers(1, len(versions)))
    synced = Synced(Version("", changes[number - 1][1]))
    edits, base = outside_edits(text, changes, synced, "")
    after = merged(versions[-1], edits)
    start = versions[base.seq - 1] if base.seq else {}
    for name in NAMES[:5]:
        touched = text.get(name) != start.get(name)
        assert after.get(name) == (text.get(name) if touched else versions[-1].get(name))
    assert len(differences(start, text)) <= len(differences(versions[number - 1], text)) or base.seq > number


@given(st.lists(scores, min_size=1, max_size=8), scores)
def test_without_a_known_version_the_text_is_the_truth(
    versions: list[dict[str, float]], text: dict[str, float]
) -> None:
    edits, _ = outside_edits(text, placed(versions), None, "")
    assert merged(versions[-1], edits) == text
