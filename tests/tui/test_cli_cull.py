"""``beholder cull`` as a person or a script uses it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.labels.stars import read_stars
from engine.workspace import Workspace
from tests.tui.test_imports import HEAVY, imported_by

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def earlier(tmp_path: Path, new_photos: Path) -> Path:
    """A CSV of predictions beside copies of five photos, one of them without a score."""
    shutil.copytree(new_photos, tmp_path / "album")
    lines = [
        f"album/new-{letter}.jpg,{score},,,gone,\n" for letter, score in zip("abcd", (10, 20, 40, 30), strict=True)
    ]
    lines.append("album/new-e.jpg,,,,gone,it is damaged\n")
    (tmp_path / "scores.csv").write_text("path,score,low,high,model_id,error\n" + "".join(lines))
    return tmp_path / "scores.csv"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_best_of_an_earlier_prediction_are_copied(run: Run, earlier: Path, tmp_path: Path) -> None:
    to = tmp_path / "best"
    code, out, err = run("cull", "--from", earlier, "--to", to, "--best", 2, "--dry-run")
    assert code == 1  # one has no score, and is named
    assert "Would be chosen: 2 of 4 photos" in err
    assert "new-e.jpg: no score: it is damaged" in err
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["40.00", "30.00"]
    assert not to.exists()
    code, out, _ = run("cull", "--from", earlier, "--to", to, "--best", 2, "--json")
    result = json.loads(out)
    assert (code, result["counts"]["new"], len(result["failed"]), result["how"]) == (1, 2, 1, "copy")
    assert names(to) == ["cull.jsonl", "new-c.jpg", "new-d.jpg"]
    code, out, _ = run("cull", tmp_path / "album" / "new-a.jpg", "--from", earlier, "--to", to, "--best", 9)
    assert (code, names(to)) == (0, ["cull.jsonl", "new-a.jpg", "new-c.jpg", "new-d.jpg"])
    assert "Chosen: 1 of 1 photos" in out


def test_a_move_is_taken_back(run: Run, earlier: Path, tmp_path: Path) -> None:
    to, album = tmp_path / "best", tmp_path / "album"
    before = names(album)
    assert run("cull", "--from", earlier, "--to", to, "--best", 2, "--move")[0] == 1
    assert names(album) == ["new-a.jpg", "new-b.jpg", "new-e.jpg"]
    code, out, _ = run("cull", "--undo", to)
    assert (code, out) == (0, "Brought back: 2 · failed: 0\n")
    assert names(album) == before
    code, _, err = run("cull", "--undo", to)
    assert code == 3
    assert "bring back" in err


def test_photos_are_scored_by_the_model_and_a_cull_inside_them_repeats(
    run: Run, trained_workspace: Workspace, tmp_path: Path, new_photos: Path
) -> None:
    workspace = shutil.copytree(trained_workspace.root, tmp_path / "workspace")
    album = shutil.copytree(new_photos, tmp_path / "album")
    (album / "bad.jpg").write_text("no picture")
    words = ("-w", workspace, "cull", album, "--to", album / "best", "--best", 2, "--move")
    assert run(*words)[0] == 1
    moved = names(album / "best")
    assert len(moved) == 3
    code, out, err = run(*words, "--json")
    assert (code, names(album / "best")) == (1, moved)
    assert {choice["state"] for choice in json.loads(out)["chosen"]} == {"there"}
    assert "bad.jpg" in err
    code, out, _ = run(
        "-w", workspace, "cull", album, "--to", tmp_path / "bursts", "--per-burst", 1, "--link", "symbolic"
    )
    assert "Bursts: 5." in out
    assert len(names(tmp_path / "bursts")) == 6


def test_stars_follow_the_workspaces_thresholds_unless_others_are_asked_for(
    run: Run, trained_workspace: Workspace, tmp_path: Path, new_photos: Path
) -> None:
    workspace = Workspace(Path(shutil.copytree(trained_workspace.root, tmp_path / "workspace")))
    album = Path(shutil.copytree(new_photos, tmp_path / "album"))

    def stars(*words: object) -> set[float | None]:
        assert run("-w", workspace.root, "predict", album, "--xmp", "lightroom", "--format", "csv", *words)[0] == 0
        return {found.count for path in album.glob("*.jpg") if (found := read_stars(path)) is not None}

    workspace.change_settings(star_thresholds="97,98,99,100")
    assert stars() == {1}
    assert stars("--stars", "0,1,2,3") == {5}
    workspace.change_settings(star_thresholds="97,98,99,101")
    code, _, err = run("-w", workspace.root, "predict", album, "--xmp", "lightroom")
    assert code == 2
    assert "four ascending" in err
    assert run("-w", workspace.root, "predict", album, "--format", "csv")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["cull", "--to", "best", "--best", "1"],
        ["cull", "x", "--best", "1"],
        ["cull", "x", "--to", "best"],
        ["cull", "x", "--to", "best", "--best", "0"],
        ["cull", "x", "--to", "best", "--best", "1", "--per-burst", "1"],
        ["cull", "x", "--to", "best", "--best", "1", "--copy", "--move"],
        ["cull", "x", "--to", "best", "--best", "1", "--move", "--link", "hard"],
        ["cull", "x", "--undo", "best"],
        ["cull", "x", "--to", "", "--best", "1"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    run: Run, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert names(tmp_path) == []


def test_culling_from_a_file_needs_no_heavy_library(earlier: Path, tmp_path: Path) -> None:
    words = ["cull", "--from", str(earlier), "--to", str(tmp_path / "best"), "--best", "2", "--quiet"]
    code = f"from tui.cli import main\nassert main({words!r}) == 1"
    assert imported_by(code, *(name for name in HEAVY if name != "numpy"), "textual") == []
