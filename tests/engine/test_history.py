"""The history file: what was appended is found again from either end, whatever a crash left between."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.labels.history import (
    BEGINNING,
    Change,
    Edit,
    History,
    Move,
    Position,
    latest_done,
    latest_undone,
)

any_name = st.text(st.characters(codec=None), min_size=1, max_size=8)  # with lone surrogates
any_score = st.one_of(st.none(), st.integers(0, 10**8).map(lambda number: number / 10**6))
any_edit = st.builds(Edit, any_name, any_score, any_score)
any_move = st.builds(Move, any_name, any_name, st.booleans())
words = st.text(max_size=5)
any_change = st.builds(
    Change,
    st.integers(1, 10**6),
    st.just("2026-05-01T12:00:00.000+00:00"),
    words,
    words,
    st.lists(any_edit, max_size=3).map(tuple),
    st.lists(any_move, max_size=2).map(tuple),
)
# what a crash may leave, and what somebody may have written into the file by hand
rubbish = st.sampled_from([
    b"", b"\n", b"\x00" * 20, b'{"seq": 1, "ti', b"{}\n", b"[]\n", b"7\n", b'"x"\n', b"\xff\xfe\n", b"[" * 9000 + b"\n",
    b'{"seq": -1, "time": "", "who": "", "kind": "", "edits": []}\n',
    b'{"seq": 1.5, "time": "", "who": "", "kind": "", "edits": []}\n',
    b'{"seq": 1, "time": "", "who": "", "kind": "", "edits": [{"name": "a", "old": null, "new": NaN}]}\n',
    b'{"seq": 1, "time": "", "who": "", "kind": "", "edits": [{"name": "a", "old": null, "new": "5"}]}\n',
    b'{"seq": 1, "time": "", "who": "", "kind": "", "edits": [7]}\n',
    b'{"seq": 1, "time": 0, "who": "", "kind": "", "edits": []}\n',
])  # fmt: skip


@given(st.lists(st.tuples(any_change, rubbish), max_size=8))
def test_changes_read_back_as_appended_whatever_lies_between(pieces: list[tuple[Change, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder) / "history.jsonl")
        places = []
        for change, left in pieces:
            places.append(history.append(change))
            with history.path.open("ab") as out:
                out.write(left)
        wanted = [change for change, _ in pieces]
        assert history.changes() == History(history.path).changes() == wanted
        assert history.after(BEGINNING) == list(zip(wanted, places, strict=True))
        assert list(history.backwards()) == wanted[::-1]
        for number, place in enumerate(places, start=1):
            assert history.holds(place)
            assert [change for change, _ in history.after(place)] == wanted[number:]


def change(seq: int, kind: str = "set", edits: int = 1) -> Change:
    time = f"2026-05-01T12:00:00.{seq % 1000:03}+00:00"
    return Change(seq, time, "eva", kind, tuple(Edit(f"p{number}.jpg", None, float(seq)) for number in range(edits)))


def test_long_lines_are_found_from_the_end(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    wanted = [change(1), change(2, edits=5000), change(3), change(4, edits=2000), change(5)]
    for one in wanted:
        history.append(one)
    assert list(history.backwards()) == wanted[::-1]


def test_what_others_append_is_read_on(tmp_path: Path) -> None:
    one, two = History(tmp_path / "history.jsonl"), History(tmp_path / "history.jsonl")
    assert one.changes() == []
    two.append(change(1))
    assert one.changes() == [change(1)]
    two.append(change(2))
    assert one.changes() == [change(1), change(2)]


def test_a_change_that_was_taken_back_has_not_happened(tmp_path: Path) -> None:
    one, two = History(tmp_path / "history.jsonl"), History(tmp_path / "history.jsonl")
    one.append(change(1))
    place = one.append(change(2))
    assert len(two.changes()) == 2
    one.cut(place)
    again = one.append(change(3))
    assert two.changes() == one.changes() == [change(1), change(3)]
    assert one.holds(again)
    assert not one.holds(place)


def test_another_file_does_not_hold_the_place(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    assert history.holds(BEGINNING)
    assert not history.holds(Position(1, "x", 0, 10))
    history.append(change(1))
    place = history.append(change(2))
    content = history.path.read_bytes()
    assert history.holds(place)
    for other in (b"", content[:-20], content.replace(b"00.002", b"00.009"), content[5:], content[: place.start]):
        history.path.write_bytes(other)
        assert not history.holds(place)
    history.path.write_bytes(content + b"more\n")
    assert history.holds(place)


def test_the_line_says_moves_only_where_there_are_some(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.append(change(1))
    history.append(Change(2, "", "", "remove", (), (Move("a.jpg", "photos/x/a.jpg", True),)))
    first, second = (json.loads(line) for line in history.path.read_text("utf-8").splitlines())
    assert "moves" not in first
    assert second["moves"] == [{"name": "a.jpg", "trash": "photos/x/a.jpg", "out": True}]


def stacks(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Return what can be undone and what can be redone, the next one last: the plain way."""
    done: list[Change] = []
    undone: list[Change] = []
    for change in changes:
        if change.kind == "undo":
            if done:
                undone.append(done.pop())
        elif change.kind == "redo":
            if undone:
                done.append(undone.pop())
        else:
            done.append(change)
            undone.clear()
    return done, undone


@given(st.lists(st.sampled_from(["set", "undo", "redo"]), max_size=30))
def test_the_next_undo_and_redo_from_the_end_are_those_of_the_stacks(wishes: list[str]) -> None:
    changes: list[Change] = []
    for seq, kind in enumerate(wishes, start=1):
        done, undone = stacks(changes)
        if kind == "undo" and done:
            edits, _ = done[-1].inverted()
        elif kind == "redo" and undone:
            edits = list(undone[-1].edits)
        elif kind == "set":
            edits = [Edit("a.jpg", None, float(seq))]
        else:
            continue
        changes.append(Change(seq, "", "", kind, tuple(edits)))
    done, undone = stacks(changes)
    next_undo, next_redo = latest_done(iter(changes[::-1])), latest_undone(iter(changes[::-1]))
    assert (next_undo.edits if next_undo else None) == (done[-1].edits if done else None)
    assert (next_redo.inverted()[0] if next_redo else None) == (list(undone[-1].edits) if undone else None)
