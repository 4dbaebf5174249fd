"""The rows of a batch survive any cut: what is resumed ends up the same, in the same order, each photo once."""

from __future__ import annotations

import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BeholderError, DamagedFile, Interrupted, NeedMissing, NotFound, UsageError
from engine.outputs.journal import Journal, final_rows
from engine.outputs.out_file import OutFile, journal_path
from engine.outputs.table_reading import read_predictions
from engine.outputs.tables import FORMATS, Format, write_rows
from engine.prediction.predicted import COLUMNS

MODEL = "taste-1"
NAMES = ["a.jpg", "美.jpg", os.fsdecode(b"x\xff.jpg"), 'q"\n,.jpg', "z10.jpg", "z9.jpg", "back\\slash\r.jpg"]


def row(path: str, score: float | None = 50.0, model: str = MODEL) -> dict[str, Any]:
    error = None if score is not None else "broken"
    low, high = (None, None) if score is None else (score - 5, score + 5)
    return dict(zip(COLUMNS, (path, score, low, high, model, error), strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos with names of all kinds, of which only the files matter here."""
    place = tmp_path / "photos"
    place.mkdir()
    for name in NAMES:
        (place / name).write_bytes(b"x")
        os.utime(place / name, (1, 1))
    return place


def score_all(folder: Path, out: Path, format: Format, *, resume: bool, fails: frozenset[str] = frozenset()) -> int:
    """Do what the command does, with a score that the name gives; return how many photos had to be scored."""
    scored = 0
    with OutFile(out, format, MODEL, resume=resume) as file:
        for number, name in enumerate(NAMES):
            path = folder / name
            if file.done is not None and file.done.holds(path):
                continue
            scored += 1
            file.append([row(str(path), None if name in fails else float(number))])
        file.finish()
    return scored


def old(folder: Path) -> None:
    """Let the photos look as if they had been there for long, as far as the clock's ticks go."""
    import time

    newest = max(path.stat().st_ctime_ns for path in folder.iterdir())
    while time.time_ns() - 40_000_000 < newest:
        pass


@pytest.mark.parametrize("format", FORMATS)
def test_a_finished_file_is_left_alone_and_has_every_name_back(folder: Path, tmp_path: Path, format: Format) -> None:
    old(folder)
    out = tmp_path / f"out.{format}"
    assert score_all(folder, out, format, resume=False) == len(NAMES)
    assert [r["path"] for r in read_predictions(out, format)] == [str(folder / name) for name in NAMES]
    before = out.read_bytes(), out.stat().st_mtime_ns, out.stat().st_ino
    assert score_all(folder, out, format, resume=True) == 0
    assert (out.read_bytes(), out.stat().st_mtime_ns, out.stat().st_ino) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"out.{format}", "photos"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_changed_photo_a_new_one_and_a_failed_one_are_scored_again(
    folder: Path, tmp_path: Path, format: Format
) -> None:
    old(folder)
    out = tmp_path / f"out.{format}"
    (folder / NAMES[-1]).rename(tmp_path / "aside")
    with OutFile(out, format, MODEL) as file:
        file.append([row(str(folder / name), None if name == "a.jpg" else 1.0) for name in NAMES[:-1]])
        file.finish()
    (tmp_path / "aside").rename(folder / NAMES[-1])
    (folder / "z9.jpg").write_bytes(b"changed")
    assert score_all(folder, out, format, resume=True) == 3
    found = [(Path(r["path"]).name, r["score"]) for r in read_predictions(out, format)]
    wanted = {"a.jpg": 0.0, "z9.jpg": 5.0, NAMES[-1]: 6.0}
    assert found == [(name, wanted.get(name, 1.0)) for name in NAMES]


@settings(max_examples=30, deadline=None)
@given(
    cut=st.floats(0, 1), again=st.floats(0, 1), fails=st.frozensets(st.sampled_from(NAMES)), junk=st.binary(max_size=9)
)
def test_a_journal_cut_anywhere_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, cut: float, again: float, fails: frozenset[str], junk: bytes
) -> None:
    place = tmp_path_factory.mktemp("cut")
    folder = place / "photos"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(b"x")
    old(folder)
    whole, out = place / "whole.csv", place / "out.csv"
    score_all(folder, whole, "csv", resume=False)
    # a run in which some failed is cut, then one in which none did
    with OutFile(out, "csv", MODEL) as file:
        file.append([row(str(folder / n), None if n in fails else float(i)) for i, n in enumerate(NAMES)])
    journal = journal_path(out)
    for share, last in ((cut, False), (again, True)):
        data = journal.read_bytes()
        journal.write_bytes(data[: int(share * len(data))] + junk.replace(b"\n", b""))
        with OutFile(out, "csv", MODEL, resume=True) as file:
            assert file.done is not None
            todo = [(i, n) for i, n in enumerate(NAMES) if not file.done.holds(folder / n)]
            for number, name in todo[: None if last else len(todo) // 2]:
                file.append([row(str(folder / name), float(number))])
            if last:
                file.finish()
    assert out.read_bytes() == whole.read_bytes()
    assert not journal.exists()


def test_a_kill_while_the_file_is_written_costs_nothing(folder: Path, tmp_path: Path) -> None:
    old(folder)
    whole, out = tmp_path / "whole.json", tmp_path / "out.json"
    score_all(folder, whole, "json", resume=False)
    with OutFile(out, "json", MODEL) as file:
        file.append([row(str(folder / name), float(number)) for number, name in enumerate(NAMES)])
    (tmp_path / ".out.json.123.part").write_bytes(b"[\n half")  # what a kill leaves of it
    assert score_all(folder, out, "json", resume=True) == 0
    assert out.read_bytes() == whole.read_bytes()
    # and after it was renamed, but before the journal was removed
    with OutFile(out, "json", MODEL) as file:
        file.append([row(str(folder / name), float(number)) for number, name in enumerate(NAMES)])
    assert score_all(folder, out, "json", resume=True) == 0
    assert out.read_bytes() == whole.read_bytes()


def test_the_old_file_stays_until_the_new_one_is_whole(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    with OutFile(out, "csv", MODEL) as file:
        file.append([row(str(folder / "a.jpg"))])
        assert out.read_text() == "old"
        with pytest.raises(Interrupted, match=r"1 rows are kept in .*out\.csv\.part\.jsonl"):
            raise file.interrupted(Interrupted("Stopped."))
    assert out.read_text() == "old"
    assert json.loads(journal_path(out).read_text())["score"] == 50
    with OutFile(out, "csv", MODEL) as file:  # without --resume all begins anew
        assert file.dropped == 1
        file.finish()
    assert list(read_predictions(out, "csv")) == []


def test_another_models_rows_are_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    score_all(folder, out, "csv", resume=False)
    before = out.read_bytes()
    with pytest.raises(UsageError, match="taste-1, not from other"):
        OutFile(out, "csv", "other", resume=True)
    assert out.read_bytes() == before
    assert not journal_path(out).exists()


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "path,score,low,high,model_id,error\na,x,1,1,m,\n", '{"path": 1}\n'])
def test_a_file_that_is_no_table_is_not_gone_on_with(tmp_path: Path, text: str) -> None:
    out = tmp_path / "out.csv"
    out.write_text(text)
    with pytest.raises(DamagedFile, match="no table of predictions"):
        OutFile(out, "csv", MODEL, resume=True)
    assert out.read_text() == text


def test_places_that_make_no_sense_are_refused_before_the_work(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("x")
    for out, error in (
        (tmp_path, UsageError),
        (tmp_path / "gone" / "out.csv", NotFound),
        (folder / "a.jpg", UsageError),
        (tmp_path / "list.csv", UsageError),
    ):
        with pytest.raises(error):
            OutFile(out, "csv", MODEL, inputs=[tmp_path / "list.csv"])
    assert (folder / "a.jpg").read_bytes() == b"x"


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with OutFile(out, "csv", MODEL) as file:
        file.append([row("a.jpg")])
        with pytest.raises(BeholderError, match="Another beholder"):
            OutFile(out, "csv", MODEL)
        file.finish()
    assert [r["path"] for r in read_predictions(out, "csv")] == ["a.jpg"]


def test_no_room_in_the_middle_keeps_whole_rows(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with OutFile(out, "csv", MODEL) as file:
        file.append([row(f"{number}.jpg") for number in range(100)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal_path(out).stat().st_size + 300, before[1]))
        try:
            with pytest.raises(NeedMissing, match="100 rows are kept"):
                file.append([row(f"more-{number}.jpg") for number in range(100)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with OutFile(out, "csv", MODEL, resume=True) as file:
        assert file.kept == 100
        file.finish()
    assert len(list(read_predictions(out, "csv"))) == 100


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_rows_behind_a_finished_file_stand_whole(tmp_path: Path, form: Format) -> None:
    out = tmp_path / f"out.{form}"
    with OutFile(out, form, MODEL) as file:
        file.append([row("a.jpg", 1.0)])
        file.finish()
        file.add([row(NAMES[2], 2.0), row("a.jpg", 3.0)])
    assert [r["score"] for r in read_predictions(out, form)] == [1.0, 2.0, 3.0]
    with out.open("ab") as stream:
        stream.write(b'"half a li')
    with OutFile(out, form, MODEL, resume=True) as file:
        assert file.kept == 2
        file.append([row("b.jpg", 4.0)])
        file.finish()
    assert [r["score"] for r in read_predictions(out, form)] == [3.0, 2.0, 4.0]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=5), st.none() | st.integers(0, 5)), max_size=30), st.integers(1, 9)
)
def test_orders_are_those_of_python(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int | None]], top: int
) -> None:
    from engine.natural_order import natural_key
    from engine.outputs import row_order

    given_rows = [row(f"{name}-{number}", score) for number, (name, score) in enumerate(rows)]
    path = tmp_path_factory.mktemp("order") / "journal"
    with Journal(path) as journal:
        journal.append(given_rows)
    ranked = sorted(given_rows, key=lambda r: (r["score"] is None, -(r["score"] or 0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_order, "_RUN", 4)  # so that several runs are merged
        assert list(final_rows(path)) == given_rows
        assert list(final_rows(path, sort="score")) == ranked
        assert list(final_rows(path, top=top)) == ranked[:top]
        by_name = sorted(ranked[:top], key=lambda r: natural_key(r["path"]))
        assert list(final_rows(path, top=top, sort="name")) == by_name


def test_parquet_is_read_by_others(tmp_path: Path) -> None:
    import pandas

    write_rows((row(name, number) for number, name in enumerate(NAMES)), COLUMNS, tmp_path / "t.parquet", "parquet")
    table = pandas.read_parquet(tmp_path / "t.parquet")
    assert list(table.columns) == list(COLUMNS)
    assert table["score"].tolist() == [float(number) for number in range(len(NAMES))]
    assert table["path"][1] == "美.jpg"
    assert table["error"].isna().all()
    assert [r["path"] for r in read_predictions(tmp_path / "t.parquet", "parquet")] == NAMES
