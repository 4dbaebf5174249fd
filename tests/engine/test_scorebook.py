"""The score book: on the disk at once, nothing lost, whatever the names, crashes and other writers are."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.errors import BeholderError, DamagedFile, NeedMissing, NotFound, UsageError
from engine.labels.history import Edit
from engine.labels.scorebook import Entry, ScoreBook
from engine.labels.scorefile import ScoreText, escape, format_scores, parse_scores, unescape
from engine.labels.sheet import Sheet
from engine.workspace import Scale, Workspace
from tests.waiting import wait_until

any_name = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("\t\n\r\\#\x1b\x00\x85\u2028\ufeffu0abcx"),
        st.integers(0xDC80, 0xDCFF).map(chr),
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture
def album(tmp_path: Path) -> Workspace:
    """A workspace with five photos (their content does not matter here) and no scores."""
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    for name in ("a.jpg", "b.jpg", "c2.jpg", "c10.jpg", "日本 😀.jpg"):
        (workspace.data / name).touch()
    return workspace


@given(any_name)
def test_a_name_survives_escaping(name: str) -> None:
    line = escape(name)
    assert unescape(line) == name
    assert not set(line) & set("\t\n\r\x1b")
    assert not line.startswith("#")
    line.encode("utf-8")


@given(st.dictionaries(any_name, st.integers(0, 10**8).map(lambda n: n / 10**6), max_size=8))
def test_a_file_of_any_names_reads_back_as_written(scores: dict[str, float]) -> None:
    text = format_scores(ScoreText(scores, ("# a comment",)))
    again = parse_scores(text.encode("utf-8"), Scale(), Path("scores.txt"))
    assert again == ScoreText(scores, ("# a comment",))


steps = st.lists(st.dictionaries(any_name, st.one_of(st.none(), st.integers(0, 9).map(float)), max_size=4), max_size=8)


@given(st.dictionaries(any_name, st.integers(0, 9).map(float), max_size=8), steps)
def test_the_lines_in_memory_are_those_of_a_file_made_anew(
    scores: dict[str, float], steps: list[dict[str, float | None]]
) -> None:
    sheet = Sheet(ScoreText(scores, ("# mine",)))
    for step in steps:
        sheet.apply([Edit(name, sheet.scores.get(name), score) for name, score in step.items()])
        assert sheet.content() == format_scores(ScoreText(sheet.scores, ("# mine",))).encode("utf-8")


def test_a_score_is_on_the_disk_when_set_returns(album: Workspace) -> None:
    change = ScoreBook(album, "eva").set("b.jpg", 42.5)
    assert album.scores_file.read_text("utf-8") == "b.jpg\t42.5\n"
    assert (change.seq, change.who, change.kind, change.edits) == (1, "eva", "set", (Edit("b.jpg", None, 42.5),))
    ScoreBook(album).set("日本 😀.jpg", 7)
    assert album.scores_file.read_text("utf-8") == "b.jpg\t42.5\n日本 😀.jpg\t7\n"
    ScoreBook(album).set("b.jpg", None)
    assert ScoreBook(album).scores() == {"日本 😀.jpg": 7}


def test_entries_are_photos_and_lost_photos_in_natural_order(album: Workspace) -> None:
    album.scores_file.write_text("c2.jpg\t5\ngone.jpg\t6\n", "utf-8")
    (album.data / "README.md").touch()
    (album.data / ".hidden.jpg").touch()
    (album.data / "folder.jpg").mkdir()
    assert ScoreBook(album).entries() == [
        Entry("a.jpg", None, True),
        Entry("b.jpg", None, True),
        Entry("c2.jpg", 5, True),
        Entry("c10.jpg", None, True),
        Entry("gone.jpg", 6, False),
        Entry("日本 😀.jpg", None, True),
    ]


@pytest.mark.parametrize("score", [-0.1, 100.1, float("nan"), float("inf"), 1e300])
def test_a_score_off_the_scale_is_refused_and_changes_nothing(album: Workspace, score: float) -> None:
    with pytest.raises(UsageError, match="not on the scale 0-100"):
        ScoreBook(album).set_many({"a.jpg": 1, "b.jpg": score})
    assert not album.scores_file.exists()


def test_an_unknown_name_is_not_found_with_near_names(album: Workspace) -> None:
    with pytest.raises(NotFound, match=r"There is no photo c22\.jpg .*Did you mean: c2\.jpg"):
        ScoreBook(album).set("c22.jpg", 5)
    for name in ("../a.jpg", "/etc/passwd", "scores.txt", "\0.jpg", "", "x" * 5000):
        with pytest.raises(NotFound):
            ScoreBook(album).set(name, 5)
    assert not album.scores_file.exists()


def test_a_photo_that_is_gone_can_still_lose_its_score(album: Workspace) -> None:
    album.scores_file.write_text("gone.jpg\t6\n", "utf-8")
    ScoreBook(album).set("gone.jpg", None)
    assert ScoreBook(album).scores() == {}


def test_no_workspace_is_made_by_scoring(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no workspace"):
        ScoreBook(Workspace(tmp_path / "none")).set("a.jpg", 5)
    assert not (tmp_path / "none").exists()
    assert ScoreBook(Workspace(tmp_path / "none")).entries() == []


def test_setting_the_same_score_writes_nothing(album: Workspace) -> None:
    book = ScoreBook(album)
    book.set("a.jpg", 5)
    before = (album.scores_file.stat().st_ino, album.history_file.read_bytes())
    assert book.set("a.jpg", 5.0).edits == ()
    assert (album.scores_file.stat().st_ino, album.history_file.read_bytes()) == before


@pytest.mark.parametrize(
    ("content", "line", "there"),
    [
        (b"a.jpg\t5\nb.jpg 6\n", 2, "b.jpg 6"),
        (b"a.jpg\tfive\n", 1, "five"),
        (b"a.jpg\t\n", 1, "“”"),
        (b"a.jpg\tnan\n", 1, "nan"),
        (b"a.jpg\t5\t6\n", 1, r"5\t6"),
        (b"\t5\n", 1, "not a name"),
        (b"# note\n\na.jpg\t101\n", 3, "outside the scale 0-100"),
        (b"a.jpg\t5\na.jpg\t6\n", 2, "a.jpg"),
        (b"a.jpg\t5\n\xff\xfe.jpg\t6\n", 2, "not UTF-8"),
        (b"a\\q.jpg\t5\n", 1, r"\q"),
        (b"\x1b[31m\tx\n", 1, "not a number"),
        (b"a.jpg\t5\x00\n", 1, r"5\x00"),
    ],
)
def test_a_damaged_line_is_named_and_never_overwritten(album: Workspace, content: bytes, line: int, there: str) -> None:
    album.scores_file.write_bytes(content)
    for work in (ScoreBook(album).scores, ScoreBook(album).entries, lambda: ScoreBook(album).set("b.jpg", 1)):
        with pytest.raises(DamagedFile) as caught:
            work()
        text = str(caught.value)
        assert f"scores.txt, line {line}: " in text
        assert there in text
        assert "\x1b" not in text
        assert json.dumps(caught.value.to_dict())
    assert album.scores_file.read_bytes() == content
    assert not album.history_file.exists()


def test_a_file_edited_by_hand_is_understood_and_keeps_its_comments(album: Workspace) -> None:
    album.scores_file.write_bytes("\ufeff# mine\r\na.jpg\t 5 \r\n\r\nb.jpg\t6.50\nb.jpg\t6.5\n".encode())
    book = ScoreBook(album)
    assert book.scores() == {"a.jpg": 5, "b.jpg": 6.5}
    book.set("c2.jpg", 1)
    assert album.scores_file.read_text("utf-8") == "# mine\na.jpg\t5\nb.jpg\t6.5\nc2.jpg\t1\n"
    album.scores_file.write_text("c2.jpg\t1\na.jpg\t9\n", "utf-8")
    assert book.scores() == {"a.jpg": 9, "c2.jpg": 1}
    album.scores_file.unlink()
    assert book.scores() == {}


def test_two_books_lose_nothing(album: Workspace) -> None:
    one, two = ScoreBook(album, "one"), ScoreBook(album, "two")
    one.set("a.jpg", 1)
    two.set("b.jpg", 2)
    one.set("c2.jpg", 3)
    assert one.scores() == two.scores() == {"a.jpg": 1, "b.jpg": 2, "c2.jpg": 3}
    assert [(change.seq, change.who) for change in two.history()] == [(1, "one"), (2, "two"), (3, "one")]


def _many(workspace: Workspace, count: int) -> list[str]:
    names = [f"p{number}.jpg" for number in range(count)]
    for name in names:
        (workspace.data / name).touch()
    return names


def test_threads_on_one_book_lose_nothing(album: Workspace) -> None:
    names = _many(album, 24)
    book = ScoreBook(album)
    threads = [
        threading.Thread(target=lambda part=part: [book.set(name, 50) for name in names[part::3]]) for part in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ScoreBook(album).scores() == dict.fromkeys(names, 50)
    assert [change.seq for change in book.history()] == list(range(1, 25))


def test_processes_lose_nothing(album: Workspace) -> None:
    names = _many(album, 30)
    code = (
        "import sys; from pathlib import Path\n"
        "from engine.workspace import Workspace\n"
        "from engine.labels.scorebook import ScoreBook\n"
        "book = ScoreBook(Workspace(Path(sys.argv[1])), sys.argv[2])\n"
        "for name in sys.argv[3:]: book.set(name, 50)\n"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(album.root), f"p{part}", *names[part::2]])
        for part in range(2)
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert ScoreBook(album).scores() == dict.fromkeys(names, 50)
    assert len(ScoreBook(album).history()) == 30


def test_undo_and_redo_across_restarts_and_persons(album: Workspace) -> None:
    ScoreBook(album, "eva").set("a.jpg", 1)
    ScoreBook(album, "eva").set_many({"a.jpg": 2, "b.jpg": 3})
    change = ScoreBook(album, "max").undo()
    assert (change.kind, change.who) == ("undo", "max")
    assert ScoreBook(album).scores() == {"a.jpg": 1}
    ScoreBook(album).undo()
    assert ScoreBook(album).scores() == {}
    with pytest.raises(NotFound, match="nothing to undo"):
        ScoreBook(album).undo()
    ScoreBook(album).redo()
    ScoreBook(album).redo()
    assert ScoreBook(album).scores() == {"a.jpg": 2, "b.jpg": 3}
    with pytest.raises(NotFound, match="nothing to redo"):
        ScoreBook(album).redo()
    ScoreBook(album).undo()
    ScoreBook(album).set("c2.jpg", 9)
    with pytest.raises(NotFound, match="nothing to redo"):
        ScoreBook(album).redo()


def test_undo_is_refused_where_the_history_does_not_tell_how_the_score_came_about(album: Workspace) -> None:
    book = ScoreBook(album)
    book.set("a.jpg", 1)
    book.set("a.jpg", 7)
    book.set("b.jpg", 2)
    lines = album.history_file.read_bytes().split(b"\n")
    album.history_file.write_bytes(b"\n".join([lines[0], lines[1].replace(b'"edits"', b'"edit_"'), *lines[2:]]))
    book = ScoreBook(album)
    book.undo()
    with pytest.raises(UsageError, match="now has the score “7”, not “1”"):
        book.undo()
    assert book.scores() == {"a.jpg": 7}


def test_a_history_line_that_a_crash_cut_off_is_left_behind(album: Workspace) -> None:
    book = ScoreBook(album)
    book.set("a.jpg", 1)
    with album.history_file.open("ab") as out:
        out.write(b'{"seq": 2, "time": "2')
    assert [change.seq for change in ScoreBook(album).history()] == [1]
    book.set("b.jpg", 2)
    assert [change.seq for change in ScoreBook(album).history()] == [1, 2]
    book.undo()
    assert ScoreBook(album).scores() == {"a.jpg": 1}


def test_a_lost_history_costs_no_scores(album: Workspace) -> None:
    book = ScoreBook(album)
    book.set("a.jpg", 1)
    album.history_file.unlink()
    assert book.history() == []
    book.set("b.jpg", 2)
    assert book.scores() == {"a.jpg": 1, "b.jpg": 2}
    assert [change.seq for change in book.history()] == [1]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let the n-th flush to the disk fail as on a full disk; the list holds n."""
    fail_at, calls = [0], [0]

    def failing(real: Callable[[int], None]) -> Callable[[int], None]:
        def flush(handle: int) -> None:
            calls[0] += 1
            if calls[0] == fail_at[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(handle)

        return flush

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    yield fail_at


@pytest.mark.parametrize("flush", [1, 2, 3, 4])
def test_a_full_disk_leaves_scores_and_history_as_they_were(album: Workspace, full_disk: list[int], flush: int) -> None:
    album.scores_file.write_text("a.jpg\t7\n", "utf-8")
    full_disk[0] = flush
    with pytest.raises(NeedMissing, match="disk is full"):
        ScoreBook(album).set("b.jpg", 1)
    book = ScoreBook(album)
    assert (book.scores(), book.history()) == ({"a.jpg": 7}, [])
    assert sorted(path.name for path in album.data.iterdir() if path.suffix == ".part") == []
    book.set("b.jpg", 1)
    assert book.scores() == {"a.jpg": 7, "b.jpg": 1}
    assert [change.seq for change in book.history()] == [1]


def _lines(workspace: Workspace) -> list[str]:
    return workspace.scores_file.read_text("utf-8").splitlines() if workspace.scores_file.exists() else []


def test_where_there_are_many_scores_the_file_follows_by_itself(album: Workspace) -> None:
    book = ScoreBook(album, at_once=0)
    book.set("c10.jpg", 1)
    book.set("c2.jpg", 2)
    assert _lines(album) == []
    assert ScoreBook(album).scores() == {"c2.jpg": 2, "c10.jpg": 1}
    wait_until(lambda: _lines(album) == ["c2.jpg\t2", "c10.jpg\t1"], "the file has both scores")
    book.set("a.jpg", 3)
    book.set("c2.jpg", None)
    wait_until(lambda: _lines(album) == ["a.jpg\t3", "c10.jpg\t1"], "the file has changed again")


def test_the_file_follows_when_the_book_is_closed_flushed_or_left(album: Workspace) -> None:
    book = ScoreBook(album, at_once=0)
    book.set("a.jpg", 1)
    book.close()
    assert _lines(album) == ["a.jpg\t1"]
    book.set("a.jpg", 2)
    book.flush()
    assert _lines(album) == ["a.jpg\t2"]
    with ScoreBook(album, at_once=0) as book:
        book.set("a.jpg", 3)
    assert _lines(album) == ["a.jpg\t3"]


def test_the_file_follows_when_python_ends(album: Workspace) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from engine.workspace import Workspace\n"
        "from engine.labels.scorebook import ScoreBook\n"
        "ScoreBook(Workspace(Path(sys.argv[1])), at_once=0).set('a.jpg', 50)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(album.root)], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert _lines(album) == ["a.jpg\t50"]


def test_what_one_book_has_not_written_yet_another_one_writes(album: Workspace) -> None:
    one, two = ScoreBook(album, at_once=0), ScoreBook(album, at_once=0)
    one.set("a.jpg", 1)
    two.set("b.jpg", 2)
    one.set("c2.jpg", 3)
    two.close()
    assert _lines(album) == ["a.jpg\t1", "b.jpg\t2", "c2.jpg\t3"]
    before = album.scores_file.stat().st_ino
    one.close()
    assert album.scores_file.stat().st_ino == before


def test_when_the_file_cannot_follow_that_is_told_before_more_is_taken(
    album: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def full(source: Path, target: Path) -> None:
        if str(target) == str(album.scores_file):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    book = ScoreBook(album, at_once=0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        book.set("a.jpg", 1)
        for work in (book.flush, book.close, lambda: book.set("b.jpg", 2)):
            with pytest.raises(NeedMissing, match=r"disk is full: .*scores\.txt"):
                work()
        assert ScoreBook(album).scores() == {"a.jpg": 1}
        assert len(book.history()) == 1
    book.set("b.jpg", 2)
    book.close()
    assert _lines(album) == ["a.jpg\t1", "b.jpg\t2"]


@given(st.dictionaries(any_name, st.integers(-5, 10).map(float), max_size=6), st.sampled_from(["", "x", "\n", "a\t\n"]))
def test_the_quick_way_to_read_a_file_reads_what_the_thorough_one_does(scores: dict[str, float], end: str) -> None:
    content = (format_scores(ScoreText(scores)) + end).encode("utf-8")
    found = []
    for comment in (b"", b"# with a comment the lines are read one by one\n"):
        try:
            found.append(dict(parse_scores(comment + content, Scale(0, 9), Path("scores.txt")).scores))
        except DamagedFile:
            found.append({})
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "number", ["5", "05", "5.", ".5", "-.5", "-0", "+5", "5e0", "1_0", "٥", "nan", "1.2.3", "-", ""]
)
def test_the_quick_way_takes_no_other_numbers(number: str) -> None:
    content = f"a.jpg\t{number}\n".encode()
    found = []
    for comment in (b"", b"# one by one\n"):
        try:
            found.append(repr(parse_scores(comment + content, Scale(-10, 10), Path("scores.txt")).scores))
        except DamagedFile:
            found.append("damaged")
    assert found[0] == found[1]


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.data.mkdir()
    (workspace.data / "a.jpg").touch()
    workspace.internal.write_text("in the way")
    with pytest.raises(BeholderError) as caught:
        ScoreBook(workspace).set("a.jpg", 5)
    assert ".beholder" in str(caught.value)
    assert not workspace.scores_file.exists()


class UndoModel(RuleBasedStateMachine):
    """Random sets, undos and redos against two plain stacks, each step by a fresh book."""

    folder: Path
    count = 0

    def __init__(self) -> None:
        super().__init__()
        UndoModel.count += 1
        self.workspace = Workspace(self.folder / str(UndoModel.count))
        self.workspace.create()
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            (self.workspace.data / name).touch()
        self.now: dict[str, float] = {}
        self.done: list[dict[str, float]] = []
        self.undone: list[dict[str, float]] = []

    @rule(
        edits=st.dictionaries(
            st.sampled_from(["a.jpg", "b.jpg", "c.jpg"]), st.one_of(st.none(), st.integers(0, 3)), min_size=1
        )
    )
    def set_many(self, edits: dict[str, float | None]) -> None:
        ScoreBook(self.workspace).set_many(edits)
        after = {name: score for name, score in {**self.now, **edits}.items() if score is not None}
        if after != self.now:
            self.done.append(self.now)
            self.undone.clear()
            self.now = after

    @precondition(lambda self: self.done)
    @rule()
    def undo(self) -> None:
        ScoreBook(self.workspace).undo()
        self.undone.append(self.now)
        self.now = self.done.pop()

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self) -> None:
        ScoreBook(self.workspace).redo()
        self.done.append(self.now)
        self.now = self.undone.pop()

    @invariant()
    def the_disk_agrees(self) -> None:
        assert ScoreBook(self.workspace).scores() == self.now


def test_undo_and_redo_follow_the_model(tmp_path: Path) -> None:
    UndoModel.folder = tmp_path
    run_state_machine_as_test(UndoModel, settings=settings(max_examples=12, stateful_step_count=15, deadline=None))
