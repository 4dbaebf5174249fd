"""The lines of the history: a change of very many scores is written and read in pieces, and looks like any other."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.labels.history import Change, Edit, History, Move

NAMES = st.one_of(
    st.text(min_size=1), st.sampled_from(['a"b', '"edits": [', "}, {", "x\\y", "n\n", "]", '\\"edits\\": ['])
)
SCORES = st.one_of(st.none(), st.floats(-1e6, 1e6))
CHANGES = st.builds(
    Change,
    seq=st.integers(1, 10**6),
    time=st.just("2026-01-01T00:00:00.000+00:00"),
    who=NAMES,
    kind=st.sampled_from(["set", "import", "remove"]),
    edits=st.lists(st.builds(Edit, NAMES, SCORES, SCORES), max_size=3).map(tuple),
    moves=st.lists(st.builds(Move, NAMES, NAMES, st.booleans()), max_size=2).map(tuple),
)


def written(folder: Path, change: Change) -> Path:
    path = folder / "history.jsonl"
    path.unlink(missing_ok=True)
    History(path).append(change)
    return path


@given(CHANGES, st.sampled_from([1, 2000]))
def test_a_change_reads_as_it_was_written_however_long_it_is(
    tmp_path_factory: object, change: Change, times: int
) -> None:
    folder = tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    long = Change(change.seq, change.time, change.who, change.kind, change.edits * times, change.moves)
    path = written(folder, long)
    assert History(path).changes() == [long]
    assert json.loads(path.read_bytes()) == json.loads(json.dumps(long.to_dict()))


def test_a_long_line_that_was_cut_off_or_damaged_counts_for_nothing(tmp_path: Path) -> None:
    first = Change(1, "t", "me", "set", (Edit("a.jpg", None, 1.0),))
    long = Change(2, "t", "me", "import", tuple(Edit(f"{number}.jpg", None, 5.0) for number in range(5000)))
    path = written(tmp_path, first)
    begin = path.stat().st_size
    History(path).append(long)
    whole = path.read_bytes()
    for end in (begin + 20, begin + 1000, (begin + len(whole)) // 2, len(whole) - 3):
        path.write_bytes(whole[:end])
        assert History(path).changes() == [first]
    path.write_bytes(whole[:-1] + b" and more\n")
    assert History(path).changes() == [first]
    path.write_bytes(whole.replace(b'"4000.jpg"', b"4000"))
    assert History(path).changes() == [first]


def test_a_long_line_that_another_program_wrote_is_read_too(tmp_path: Path) -> None:
    long = Change(1, "t", "me", "set", tuple(Edit(f"{number}.jpg", None, 5.0) for number in range(5000)))
    path = tmp_path / "history.jsonl"
    for separators in ((",", ":"), (" , ", " : ")):
        path.write_text(json.dumps(long.to_dict(), separators=separators) + "\n", "utf-8")
        assert History(path).changes() == [long]
