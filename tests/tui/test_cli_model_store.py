"""models rename, note, default, verify, export, import and the list's orders on the command line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.models.bundle import default_model, find_bundle, list_bundles, rename_bundle
from engine.models.carrying import import_bundle
from engine.workspace import Workspace
from tui import cli

TWIN = "taste-20310101-000000-beef"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workspace(workspace_with_model: Workspace, tmp_path: Path) -> Workspace:
    """Two models: ``first``, and a twin of it with an id, name and figures of its own."""
    info = find_bundle(workspace_with_model, "first")
    twin = Path(shutil.copytree(info.path, tmp_path / "twin"))
    manifest = json.loads((twin / "manifest.json").read_text("utf-8"))
    manifest |= {"model_id": TWIN, "name": "second", "n": 7, "created": "2031-01-01T00:00:00+00:00"}
    manifest["metrics"] = {"cv": {"srcc": -0.5, "mae": 40.0}}
    (twin / "manifest.json").write_text(json.dumps(manifest))
    import_bundle(workspace_with_model, twin)
    return workspace_with_model


@pytest.fixture
def run(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs ``beholder models`` and returns exit code, stdout and stderr."""

    def call(*arguments: object, command: str = "models") -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(["-w", str(workspace.root), command, *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _names(run: Run, *arguments: object) -> list[str]:
    rows: list[dict[str, Any]] = json.loads(run(*arguments, "--json")[1])
    return [row["name"] for row in rows]


def test_the_list_is_sorted_and_filtered(run: Run) -> None:
    assert _names(run) == _names(run, "list") == ["second", "first"]
    assert _names(run, "--sort", "srcc") == _names(run, "list", "--sort", "mae") == ["first", "second"]
    assert _names(run, "list", "--sort", "n", "--reverse") == ["second", "first"]
    assert _names(run, "list", "--filter", "FIRST taste") == ["first"]
    assert run("list", "--sort", "colour")[0] == 2
    code, out, error = run("list", "--filter", "nothing\x1b")
    assert (code, out) == (0, "")
    assert r"nothing\x1b" in error
    code, out, _ = run("list", "--sort", "srcc")
    assert code == 0
    assert [("first" in line, "second" in line) for line in out.splitlines()[1:]] == [(True, False), (False, True)]


def test_a_model_gets_a_name_and_a_note(run: Run, workspace: Workspace) -> None:
    code, out, _ = run("rename", "second", "美\x1b[2J", "--json")
    assert (code, json.loads(out)["name"]) == (0, "美\x1b[2J")
    code, out, _ = run("rename", TWIN, "美\x1b[2J")
    assert code == 0
    assert "美\\x1b[2J" in out
    assert "\x1b" not in run("list")[1] + run("show", TWIN)[1]
    assert run("note", TWIN, "for the book\nsoon")[0] == 0
    shown = run("show", TWIN)[1]
    assert "for the book" in shown
    assert "soon" in shown
    assert _names(run, "list", "--filter", "BOOK") == ["美\x1b[2J"]
    assert run("note", TWIN, "")[0] == 0
    assert find_bundle(workspace, TWIN).note == ""
    assert run("rename", TWIN, "latest")[0] == 2
    assert run("rename", "gone", "x")[0] == 3
    assert run("rename", TWIN, "first")[0] == 0
    code, _, error = run("show", "first")
    assert code == 2
    assert TWIN in error


def test_the_default_predicts_where_no_model_is_named(run: Run, workspace: Workspace, new_photos: Path) -> None:
    photo = new_photos / "new-a.jpg"

    def used(*arguments: object) -> str:
        rows: list[dict[str, str]] = json.loads(run(photo, "--json", *arguments, command="predict")[1])
        return rows[0]["model_id"]

    best = find_bundle(workspace, "best").model_id
    assert json.loads(run("default", "--json")[1]) == {"default": None}
    code, out, _ = run("default", "second")
    assert code == 0
    assert TWIN in out
    assert [row["default"] for row in json.loads(run("--json")[1])] == [True, False]
    assert used() == TWIN
    assert used("--model", "best") == best
    assert json.loads(run("show", "--json")[1])["model_id"] == TWIN
    assert json.loads(run("default", "none", "--json")[1]) == {"default": None}
    assert run("default", TWIN, "--json")[1] == f'{{\n  "default": "{TWIN}"\n}}\n'
    assert run("rm", TWIN, "--yes")[0] == 0
    assert used() == best
    assert default_model(workspace) == ""
    assert run("default", TWIN)[0] == 3


def test_a_job_predicts_with_the_default_too() -> None:
    from engine.jobs.spec import PredictRequest

    assert PredictRequest(paths=["/x"]).model == "default"


def test_show_tells_what_a_person_wants_to_know(run: Run, workspace: Workspace) -> None:
    code, out, _ = run("show", "first")
    assert code == 0
    manifest = json.loads(run("show", "first", "--json")[1])
    for word in ("numpy", manifest["data_hash"][:16], "Kendall", "95 %", "30", "size: ", "nearest photo"):
        assert word in out
    assert f"{manifest['metrics']['cv']['srcc']:.3f}" in out
    low, high = manifest["intervals"]["cv"]["mae"]
    assert f"{low:.3f}…{high:.3f}" in out
    assert "over scores" in out  # the curve of taste counts scores
    assert "未指明" not in run("show", "first", "--lang", "zh")[1]
    run("default", "first")
    assert "未指明模型时使用它" in run("show", "first", "--lang", "zh")[1]


def test_verify_tells_sound_from_damaged(run: Run, workspace: Workspace) -> None:
    code, out, _ = run("verify", "first")
    assert code == 0
    assert "✖" not in out
    assert "taste.safetensors" in out
    (workspace.models / TWIN / "taste.safetensors").write_bytes(b"other")
    code, out, _ = run("verify", "--all")
    assert code == 4
    assert "✖ file: taste.safetensors" in out
    found = json.loads(run("verify", "--all", "--json")[1])
    assert {item["model_id"]: item["state"] for item in found}[TWIN] == "damaged"
    assert sorted(item["state"] for item in found) == ["damaged", "ok"]
    (workspace.models / TWIN / "manifest.json").write_text("{")
    code, out, _ = run("verify", TWIN, "--json")
    assert (code, json.loads(out)["checks"][0]["state"]) == (4, "damaged")
    assert TWIN in run("verify", "--all")[1]
    assert run("verify")[0] == run("verify", "first", "--all")[0] == 2
    for info in list_bundles(workspace):
        shutil.rmtree(info.path)
    shutil.rmtree(workspace.models / TWIN)
    assert run("verify", "--all")[0] == 3


def test_a_model_travels(run: Run, workspace: Workspace, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    code, out, error = run("export", "first", "--to", stick, "--json")
    model_id = find_bundle(workspace, "first").model_id
    assert (code, json.loads(out)) == (0, {"model_id": model_id, "format": "bundle", "path": str(stick / model_id)})
    assert "models import" in error
    code, _, error = run("export", "first", "--to", stick)
    assert code == 2
    assert "already" in error
    other = Workspace(tmp_path / "other")
    other.create()
    at = ["-w", str(other.root), "models"]
    assert cli.main([*at, "import", str(stick / model_id)]) == 0
    assert find_bundle(other, "first").model_id == model_id
    assert cli.main([*at, "verify", "--all", "--quiet"]) == 0
    assert run("import", stick / model_id)[0] == 3
    (stick / model_id / "taste.safetensors").write_bytes(b"other")
    rename_bundle(workspace, find_bundle(workspace, "first"), "renamed")
    shutil.rmtree(workspace.models / model_id)
    code, _, error = run("import", stick / model_id)
    assert code == 4
    assert "SHA-256" in error
    assert "Traceback" not in error
    assert run("import", tmp_path / "gone")[0] == 3
    assert [path.name for path in workspace.models.iterdir() if path.name != "README.md"] == [TWIN]


def test_a_removed_model_says_how_it_comes_back(run: Run, workspace: Workspace) -> None:
    code, out, error = run("rm", "second", "--yes")
    assert code == 0
    place = Path(out.split("moved to ")[1].strip())
    back = Path(error.split("back to ")[1].strip())
    assert back == workspace.models / TWIN
    os.rename(place, back)  # noqa: PTH104 - as a person would
    assert run("verify", "second")[0] == 0
