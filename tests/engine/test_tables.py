"""Tables: every format gives back what went in, streams, and never leaves half a file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NeedMissing, NotFound, UsageError
from engine.outputs.tables import FORMATS, Format, format_of, write_rows

COLUMNS = ("path", "score", "error")
ROWS: list[dict[str, Any]] = [
    {"path": 'a,"b"\n美.jpg', "score": 81.25, "error": None, "more": "left out"},
    {"path": os.fsdecode(b"x\xff[/b].jpg"), "score": None, "error": "broken"},
]


def _read(path: Path, form: Format) -> list[dict[str, Any]]:
    if form == "csv":
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return list(csv.DictReader(stream))
    text = path.read_text("utf-8")  # strict: JSON must be valid UTF-8 whatever the names are
    return json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_a_file_gives_back_exact_names_and_values(tmp_path: Path, form: Format) -> None:
    out = tmp_path / f"rows.{form}"
    assert write_rows(ROWS, COLUMNS, out, form) == 2
    read = _read(out, form)
    assert [row["path"] for row in read] == [row["path"] for row in ROWS]
    assert os.fsencode(read[1]["path"]) == b"x\xff[/b].jpg"
    assert list(read[0]) == list(COLUMNS)
    nothing = "" if form == "csv" else None
    assert [float(read[0]["score"]), read[1]["score"], read[0]["error"]] == [81.25, nothing, nothing]


@pytest.mark.parametrize(("form", "text"), [("csv", "path,score,error\n"), ("json", "[]\n"), ("jsonl", "")])
def test_no_rows_make_a_valid_table(tmp_path: Path, form: Format, text: str) -> None:
    write_rows([], COLUMNS, tmp_path / "out", form)
    assert (tmp_path / "out").read_text() == text


def test_rows_reach_stdout_before_the_next_one_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(2):
            yield {"path": f"{number}.jpg"}
            seen.append(capsys.readouterr().out)

    write_rows(rows(), ("path",), None, "csv")
    assert seen == ["path\n0.jpg\n", "1.jpg\n"]


def test_an_interrupted_file_stays_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    out.write_text("old")

    def rows() -> Iterator[dict[str, Any]]:
        yield ROWS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(rows(), COLUMNS, out, "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
    assert out.read_text() == "old"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\."):
        write_rows(ROWS, COLUMNS, tmp_path / "nowhere" / "x.csv", "csv")


def test_a_full_disk_is_said_and_a_device_stays_one() -> None:
    device = Path("/dev/full")
    with pytest.raises(NeedMissing, match="full"):
        write_rows(ROWS, COLUMNS, device, "csv")
    assert device.is_char_device()


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "target.csv")
    write_rows(ROWS, COLUMNS, tmp_path / "link.csv", "csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_text("utf-8", "surrogateescape").startswith("path,score,error\n")


def test_the_suffix_names_the_format() -> None:
    assert [format_of(Path(name)) for name in ("a.CSV", "b.json", "c.jsonl", "d.parquet")] == list(FORMATS)
    with pytest.raises(UsageError, match=r"\.csv, \.json, \.jsonl or \.parquet"):
        format_of(Path("scores.txt"))
