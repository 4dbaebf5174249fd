"""Checking and repairing the labels: every kind of damage is named with its line, and no good line is lost."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DamagedFile
from engine.labels.checking import Problem, check, repair
from engine.labels.flags import flags_file, read_flags, set_flag
from engine.labels.rerates import add_rerate, read_rerates, rerates_file
from engine.labels.scorebook import ScoreBook
from engine.workspace import Scale, Workspace
from tests.conftest import WorkspaceFactory, draw_photo


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A workspace with three photos, a.jpg, b.jpg and c.jpg, and no score."""
    workspace = Workspace(tmp_path / "w")
    workspace.create()
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        draw_photo(workspace.data / name, number, 0.5)
    return workspace


def found(problems: list[Problem]) -> list[tuple[str, int, str]]:
    return [(problem.kind, problem.line, problem.text) for problem in problems]


def copies(workspace: Workspace) -> list[bytes]:
    return [path.read_bytes() for path in sorted((workspace.trash / "scores").glob("*"))]


def test_a_sound_workspace_has_no_problem_and_is_left_alone(workspace: Workspace) -> None:
    before = workspace.scores_file.stat()
    assert check(workspace) == repair(workspace) == []
    assert (workspace.scores_file.stat().st_ino, workspace.scores_file.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )
    assert not workspace.trash.exists()


def test_a_workspace_without_scores_has_no_problem(place: Workspace) -> None:
    assert check(place) == repair(place) == []


def test_every_damaged_line_is_named(place: Workspace) -> None:
    place.scores_file.write_bytes(b"# mine\na.jpg\t10\nb.jpg\tmany\n\xff\xfe\nc.jpg\t300\na.jpg\t11\na.jpg\t10\n")
    problems = check(place)
    assert found(problems) == [
        ("damaged_line", 3, "b.jpg\tmany"),
        ("damaged_line", 4, "\udcff\udcfe"),
        ("damaged_line", 5, "c.jpg\t300"),
        ("doubled", 6, "a.jpg"),
    ]
    assert all(problem.is_damage and "check --repair" in str(problem.remedy) for problem in problems)
    assert [str(problem.message).partition(", ")[2].partition(":")[0] for problem in problems] == [
        *("line 3", "line 4", "line 5", "line 6")
    ]


def test_the_history_gives_damaged_scores_back(place: Workspace) -> None:
    book = ScoreBook(place)
    book.set_many({"a.jpg": 10.0, "b.jpg": 20.5, "c.jpg": 30.0})
    book.set("c.jpg", 33.0)
    book.flush()
    broken = b"# mine\na.jpg\t10\nb.jpg 20,5x\nc.jpg\t30\nc.jpg\t31\n"
    place.scores_file.write_bytes(broken)
    with pytest.raises(DamagedFile, match="check --repair"):
        ScoreBook(place).scores()
    problems = repair(place)
    assert [problem.repaired for problem in problems] == [True, True]
    assert [str(problem.outcome) for problem in problems] == [
        "c.jpg has 33, as the history says." if problem.kind == "doubled" else "b.jpg has 20.5, as the history says."
        for problem in problems
    ]
    assert ScoreBook(place).scores() == {"a.jpg": 10.0, "b.jpg": 20.5, "c.jpg": 33.0}
    assert place.scores_file.read_text().startswith("# mine\n")
    assert copies(place) == [broken]
    assert check(place) == []


@pytest.mark.parametrize(
    "line", ["a.jpg 85", "a.jpg  85 ", "a.jpg,85", "a.jpg\t８５", "a.jpg = 85", "a.jpg\t 85,0", "a.jpg;85", "a.jpg：85"]
)
def test_without_a_history_what_a_person_meant_counts(place: Workspace, line: str) -> None:
    place.scores_file.write_text(f"{line}\nb.jpg\t1\n", "utf-8")
    assert [problem.repaired for problem in repair(place)] == [True]
    assert ScoreBook(place).scores() == {"a.jpg": 85.0, "b.jpg": 1.0}


def test_without_a_history_the_last_of_two_scores_wins(place: Workspace) -> None:
    place.scores_file.write_text("a.jpg\t10\nb.jpg\t20\na.jpg\t11\na.jpg\t12\n")
    repair(place)
    assert ScoreBook(place).scores() == {"a.jpg": 12.0, "b.jpg": 20.0}


def test_a_line_that_says_nothing_is_kept_in_the_trash_and_told(place: Workspace) -> None:
    place.scores_file.write_bytes(b"a.jpg\t10\n\x00\x01garbage\nb.jpg\t1000\n")
    problems = repair(place)
    assert [problem.repaired for problem in problems] == [False, False]
    assert ScoreBook(place).scores() == {"a.jpg": 10.0}
    assert b"garbage" in copies(place)[0]
    assert all(str(place.trash) in str(problem.outcome) for problem in problems)
    assert check(place) == []


def test_raw_bytes_of_a_name_are_understood(place: Workspace) -> None:
    name = os.fsdecode(b"\xff.jpg")
    draw_photo(place.data / "x.jpg", 9, 0.5).rename(place.data / name)
    place.scores_file.write_bytes(b"\xff.jpg\t70\n")
    assert [problem.repaired for problem in repair(place)] == [True]
    assert ScoreBook(place).scores() == {name: 70.0}


def test_a_repair_beside_a_book_that_scores_loses_nothing(workspace: Workspace) -> None:
    book = ScoreBook(workspace)
    names = sorted(book.scores())[:10]
    failed: list[str] = []

    def score() -> None:
        for number in range(60):
            try:
                book.set(names[number % 10], 50.0 + number % 10)
            except DamagedFile:
                failed.append(names[number % 10])

    thread = threading.Thread(target=score)
    thread.start()
    for _ in range(20):
        repair(workspace)
    thread.join()
    book.close()
    assert failed == []
    scores = ScoreBook(workspace).scores()
    assert len(scores) == 30
    assert [scores[name] for name in names] == [50.0 + number for number in range(10)]


def test_scores_without_a_photo_are_told_and_never_removed(workspace: Workspace) -> None:
    (workspace.data / "10_0.jpg").unlink()
    problems = repair(workspace)
    assert found(problems) == [("no_photo", 1, "10_0.jpg")]
    assert not problems[0].repaired
    assert "10_0.jpg" in ScoreBook(workspace).scores()


def test_empty_photos_and_names_alike_are_told(place: Workspace) -> None:
    (place.data / "d.jpg").touch()
    place.scores_file.write_text("A.JPG\t5\n")
    assert found(check(place)) == [
        ("empty_photo", 0, "d.jpg"),
        ("no_photo", 1, "A.JPG"),
        ("same_but_case", 0, "a.jpg, A.JPG"),
    ]


def test_what_a_cut_off_program_left_goes_to_the_trash(place: Workspace) -> None:
    part = place.data / ".scores.txt.0123abcd.part"
    part.write_text("half")
    (place.data / ".hidden").write_text("mine")
    now = part.stat().st_ctime
    assert check(place, now=now + 60) == []
    assert found(check(place, now=now + 3600)) == [("leftover", 0, part.name)]
    problems = repair(place, now=now + 3600)
    assert problems[0].repaired
    assert not part.exists()
    assert (place.data / ".hidden").exists()
    assert [path.read_text() for path in (place.trash / "leftovers").iterdir()] == ["half"]


def test_lines_of_the_other_files_are_taken_out_and_kept(place: Workspace) -> None:
    ScoreBook(place).set("a.jpg", 10.0)
    set_flag(place, "a.jpg", True)
    add_rerate(place, "a.jpg", 10, 12)
    files = (place.history_file, flags_file(place), rerates_file(place))
    for path in files:
        with path.open("ab") as out:
            out.write(b"\xff torn\n")
    problems = check(place)
    kinds = ["damaged_history", "damaged_flags", "damaged_rerates"]
    assert [(problem.kind, problem.file) for problem in problems] == list(zip(kinds, files, strict=True))
    assert not any(problem.is_damage for problem in problems)
    assert all(problem.repaired for problem in repair(place))
    assert check(place) == []
    assert len(ScoreBook(place).history()) == 1
    assert read_flags(place) == {"a.jpg"}
    assert len(read_rerates(place)) == 1
    assert len(copies(place)) == 3
    assert ScoreBook(place).undo().edits[0].name == "a.jpg"


def test_a_book_goes_on_after_its_history_was_mended(place: Workspace) -> None:
    book = ScoreBook(place)
    book.set("a.jpg", 10.0)
    book.flush()
    with place.history_file.open("ab") as out:
        out.write(b'{"seq": 2, "time": "cut')
    assert [problem.repaired for problem in repair(place)] == [True]
    book.set("b.jpg", 20.0)
    assert [change.edits[0].name for change in book.history()] == ["a.jpg", "b.jpg"]
    book.undo()
    book.undo()
    book.close()
    assert ScoreBook(place).scores() == {}


def test_damage_is_told_in_json(place: Workspace) -> None:
    place.scores_file.write_text("a.jpg\tmany\n")
    (told,) = [problem.to_dict() for problem in check(place)]
    assert (told["kind"], told["line"], told["text"], told["repaired"]) == ("damaged_line", 1, "a.jpg\tmany", False)


line = st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")) | st.sampled_from(
    [b"a.jpg\t10", b"a.jpg\t20", b"b.jpg\t30", b"b.jpg 30", b"c.jpg\t101", b"# note", b"", b"\xef\xbb\xbfc.jpg\t7"]
)


@given(lines=st.lists(line, max_size=12))
def test_any_file_can_be_read_after_a_repair_and_good_lines_stay(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("w"))
    workspace.create()
    content = b"\n".join(lines)
    workspace.scores_file.write_bytes(content)
    damaged = [problem for problem in check(workspace) if problem.is_damage]
    repair(workspace)
    scores = ScoreBook(workspace).scores()
    assert not [problem for problem in check(workspace) if problem.is_damage]
    if damaged:
        assert copies(workspace) == [content]
    else:
        assert workspace.scores_file.read_bytes() == content
    for name, values in {"a.jpg": {10.0, 20.0}, "b.jpg": {30.0}}.items():
        if any(raw.startswith(f"{name}\t".encode()) for raw in lines):
            assert scores[name] in values


def test_the_scale_decides_what_is_damage(workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory(scale=Scale(0, 50))
    problems = check(workspace)
    assert {problem.kind for problem in problems} == {"damaged_line"}
    repair(workspace)
    assert max(ScoreBook(workspace).scores().values()) <= 50
