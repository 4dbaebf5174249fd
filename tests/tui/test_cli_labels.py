"""init, import and scores on the command line."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.workspace import Workspace
from tests.conftest import draw_photo
from tui import cli

Output = pytest.CaptureFixture[str]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: Output) -> Run:
    """Return a function that runs beholder and returns exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _json(run: Run, *arguments: object) -> Any:
    code, out, _ = run(*arguments, "--json")
    assert code in {0, 1}
    return json.loads(out)


def test_init_makes_a_workspace_and_keeps_one_that_is_there(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "mine"
    assert run("init", place, "--scale", "1-5")[0] == 0
    assert str(Workspace(place).scale) == "1-5"
    assert run("init", place)[0] == 0
    code, _, error = run("init", place, "--scale", "0-10")
    assert code == 2
    assert "1-5" in error
    assert str(Workspace(place).scale) == "1-5"


def test_import_takes_scores_from_names_and_reports_as_json(run: Run, tmp_path: Path, photo_folder: Path) -> None:
    report = _json(run, "-w", tmp_path / "w", "import", photo_folder)
    assert report == {"found": 30, "imported": 30, "scored": 30, "unscored": 0, "skipped": [], "renamed": {}}
    assert _json(run, "-w", tmp_path / "w", "import", photo_folder)["imported"] == 0


def test_import_names_bad_files_and_goes_on(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    draw_photo(folder / "50.jpg", 1, 0.5)
    draw_photo(folder / "300.jpg", 2, 0.5)
    (folder / "60.jpg").write_bytes((folder / "50.jpg").read_bytes()[:300])
    (folder / "70.jpg").write_text("I am text")
    workspace = Workspace(tmp_path / "w")
    plan = _json(run, "-w", workspace.root, "import", folder, "--dry-run")
    assert not workspace.root.exists()
    report = _json(run, "-w", workspace.root, "import", folder)
    assert plan == report | {"imported": 0}
    assert (report["found"], report["imported"], report["scored"], report["unscored"]) == (4, 2, 1, 1)
    assert sorted(Path(item["file"]).name for item in report["skipped"]) == ["60.jpg", "70.jpg"]
    code, out, error = run("-w", tmp_path / "again", "import", folder)
    assert code == 1
    assert "4 found, 2 imported" in out
    assert all(name in error for name in ("60.jpg", "70.jpg"))


def test_a_dry_run_shows_what_would_happen(run: Run, tmp_path: Path) -> None:
    draw_photo(tmp_path / "IMG_2041.jpg", 1, 0.5)
    draw_photo(tmp_path / "85 (2).jpg", 2, 0.5)
    code, out, _ = run("-w", tmp_path / "w", "import", tmp_path, "--dry-run")
    assert code == 0
    lines = out.splitlines()
    assert any(line.startswith("85 (2).jpg") and " 85 " in line for line in lines)
    assert any(line.startswith("IMG_2041.jpg") for line in lines)
    assert not (tmp_path / "w").exists()


def test_import_takes_scores_from_a_table(run: Run, tmp_path: Path, new_photos: Path) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text("filename,score\nnew-a.jpg,4.5\nnew-b.jpg,1\n")
    run("-w", tmp_path / "w", "init", "--scale", "1-5")
    report = _json(run, "-w", tmp_path / "w", "import", new_photos, "--scores", table)
    assert (report["scored"], report["unscored"]) == (2, 3)
    rows = _json(run, "-w", tmp_path / "w", "scores", "list")
    assert [(row["name"], row["score"]) for row in rows[:2]] == [("new-a.jpg", 4.5), ("new-b.jpg", 1.0)]


@pytest.mark.parametrize("command", ["import", "predict"])
def test_an_empty_path_is_not_the_current_folder(
    run: Run, tmp_path: Path, photo_folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(photo_folder)
    code, _, error = run("-w", tmp_path / "w", command, "")
    assert code == 2
    assert "empty" in error
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(("folder", "code"), [("nowhere", 3), ("empty", 3), ("words", 3)])
def test_import_without_pictures_is_not_found(run: Run, tmp_path: Path, folder: str, code: int) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "notes.txt").write_text("no picture")
    result = run("-w", tmp_path / "w", "import", tmp_path / folder)
    assert result[0] == code
    assert folder in result[2]
    assert len(result[2].strip().splitlines()) == 2


def test_scores_are_set_undone_and_redone_across_runs(run: Run, workspace: Workspace) -> None:
    at = ("-w", workspace.root, "scores")
    name = "10_0.jpg"

    def score() -> float | None:
        return {row["name"]: row["score"] for row in _json(run, *at, "list")}[name]

    assert run(*at, "set", name, "77.5")[0] == 0
    assert f"{name}\t77.5\n" in workspace.scores_file.read_text()
    assert run(*at, "set", name, "-")[0] == 0
    assert score() is None
    assert run(*at, "undo")[0] == 0
    assert score() == 77.5
    assert run(*at, "undo")[0] == 0
    assert score() == 10
    assert run(*at, "redo")[0] == 0
    assert score() == 77.5
    changes = _json(run, *at, "history")
    assert [(row["kind"], row["old"], row["new"]) for row in changes][:2] == [("set", 10, 77.5), ("set", 77.5, None)]
    assert run(*at, "redo")[0] == 0
    assert run(*at, "redo")[0] == 3


@pytest.mark.parametrize(
    ("name", "score", "code", "words"),
    [
        ("10_0.jpg", "lots", 2, "“lots”"),
        ("10_0.jpg", "101", 2, "0-100"),
        ("10_0.jpg", "-5", 2, "0-100"),
        ("10_O.jpg", "5", 3, "10_0.jpg"),
    ],
)
def test_a_score_that_cannot_be_set_says_why(
    run: Run, workspace: Workspace, name: str, score: str, code: int, words: str
) -> None:
    before = workspace.scores_file.read_text()
    result = run("-w", workspace.root, "scores", "set", name, score)
    assert result[0] == code
    assert words in result[2]
    assert workspace.scores_file.read_text() == before


def test_a_damaged_scores_file_is_named_with_its_line_and_left_alone(run: Run, workspace: Workspace) -> None:
    text = "10_0.jpg\t10\n12_1.jpg\tmany\n"
    workspace.scores_file.write_text(text)
    for command in (["list"], ["set", "10_0.jpg", "5"], ["export", "-"]):
        code, _, error = run("-w", workspace.root, "scores", *command)
        assert code == 4
        assert "scores.txt" in error
        assert "line 2" in error
    assert workspace.scores_file.read_text() == text


def test_scores_are_listed_in_the_order_asked_for(run: Run, workspace: Workspace) -> None:
    run("-w", workspace.root, "scores", "set", "10_0.jpg", "none")
    rows = _json(run, "-w", workspace.root, "scores", "list", "--sort", "score")
    scores = [row["score"] for row in rows]
    assert scores[:-1] == sorted(scores[:-1], reverse=True)
    assert scores[-1] is None
    assert [row["name"] for row in _json(run, "-w", workspace.root, "scores", "list", "--unscored")] == ["10_0.jpg"]


def test_names_never_reach_the_terminal_raw_and_columns_stay_straight(run: Run, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.create()
    names = ["a\x1b[31m.jpg", "美丽的风景.jpg", "[b]x[red].jpg", "tab\there.jpg", os.fsdecode(b"\xff.jpg")]
    for number, name in enumerate(names):
        draw_photo(tmp_path / "x.jpg", number, 0.5)
        shutil.move(tmp_path / "x.jpg", workspace.data / name)
    code, out, _ = run("-w", workspace.root, "scores", "list")
    assert code == 0
    assert "\x1b" not in out
    assert "\t" not in out
    assert all(
        shown in out for shown in (r"a\x1b[31m.jpg", "美丽的风景.jpg", "[b]x[red].jpg", r"tab\there.jpg", r"\udcff")
    )
    from rich.cells import cell_len

    assert len({cell_len(line) for line in out.splitlines()}) == 1


def test_scores_are_exported_by_suffix_and_to_stdout(run: Run, workspace: Workspace, tmp_path: Path) -> None:
    for name in ("s.csv", "s.json", "s.jsonl"):
        assert run("-w", workspace.root, "scores", "export", tmp_path / name)[0] == 0
    rows = json.loads((tmp_path / "s.json").read_text())
    assert len(rows) == 30
    assert [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()] == rows
    _, out, _ = run("-w", workspace.root, "scores", "export", "-")
    assert out == (tmp_path / "s.csv").read_text()
    assert {row["name"]: float(row["score"]) for row in csv.DictReader(out.splitlines())} == {
        row["name"]: row["score"] for row in rows
    }
    assert run("-w", workspace.root, "scores", "export", tmp_path / "s.xls")[0] == 2


def test_every_change_of_scores_can_be_read_as_json(run: Run, tmp_path: Path) -> None:
    at = ("-w", tmp_path / "w")
    made = {"workspace": str(tmp_path / "w"), "scale": "1-7", "made": True}
    assert _json(run, "init", tmp_path / "w", "--scale", "1-7") == made
    draw_photo(tmp_path / "w" / "data" / "a.jpg", 1, 0.5)
    first = _json(run, *at, "scores", "set", "a.jpg", "6.5")
    assert (first["kind"], first["edits"]) == ("set", [{"name": "a.jpg", "old": None, "new": 6.5}])
    assert _json(run, *at, "scores", "undo")["edits"] == [{"name": "a.jpg", "old": 6.5, "new": None}]
    assert _json(run, *at, "scores", "redo")["seq"] == 3
    assert [(row["name"], row["score"]) for row in _json(run, *at, "scores")] == [("a.jpg", 6.5)]
