"""train, jobs, models, predict and demo on the command line, with a really trained model."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.jobs import client
from engine.workspace import Workspace
from tui import cli

Output = pytest.CaptureFixture[str]
Run = Callable[..., tuple[int, str, str]]
COLUMNS = ["path", "score", "low", "high", "model_id", "error"]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs beholder and returns exit code, stdout and stderr, native libraries' included."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def _models(run: Run, workspace: Workspace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run("-w", workspace.root, "models", "--json")[1])
    return rows


def test_training_follows_a_job_and_prints_its_result(run: Run, workspace_with_model: Workspace) -> None:
    workspace = workspace_with_model
    code, out, _ = run("-w", workspace.root, "train", "random-forest", "--name", "wood", "--folds", "3", "--json")
    assert code == 0
    result = json.loads(out)
    assert {"model_id", "model", "backbone", "n", "metrics", "baseline", "seconds"} <= set(result)
    assert (result["model"], result["n"]) == ("random-forest", 30)
    assert set(result["metrics"]["test"]) == {"srcc", "plcc", "kendall", "mae", "rmse", "r2", "n"}
    assert {row["name"] for row in _models(run, workspace)} == {"first", "wood"}

    jobs = json.loads(run("-w", workspace.root, "jobs", "list", "--json")[1])
    assert [set(job) for job in jobs] == [{"job_id", "kind", "state", "created", "model_id"}]
    assert (jobs[0]["kind"], jobs[0]["state"], jobs[0]["model_id"]) == ("train", "finished", result["model_id"])

    code, out, _ = run("-w", workspace.root, "jobs", "follow", "latest", "--jsonl")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert events[-1]["type"] == "finished"
    assert events[-1]["result"] == result
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    code, out, _ = run("-w", workspace.root, "jobs", "follow", "latest", "--lang", "zh")
    assert code == 0
    assert result["model_id"] in out.splitlines()[-1]
    assert run("-w", workspace.root, "jobs", "logs", "latest")[0] == 0
    code, out, _ = run("-w", workspace.root, "jobs", "cancel", jobs[0]["job_id"])
    assert (code, out) == (0, f"{jobs[0]['job_id']}: finished\n")


def test_a_detached_training_can_be_cancelled(run: Run, workspace_with_model: Workspace) -> None:
    workspace = workspace_with_model
    code, out, _ = run("-w", workspace.root, "train", "--detach", "--json")
    job_id = json.loads(out)["job_id"]
    assert code == 0
    code, out, _ = run("-w", workspace.root, "jobs", "cancel", job_id[:20], "--json")
    assert (code, json.loads(out)) == (0, {"job_id": job_id, "state": "cancelled"})
    assert run("-w", workspace.root, "jobs", "follow", job_id)[0] == 130
    assert client.state_of(workspace, job_id) is client.JobState.CANCELLED
    assert len(_models(run, workspace)) == 1


def test_a_training_around_a_damaged_photo_names_it_and_says_so_by_its_code(run: Run, workspace: Workspace) -> None:
    (workspace.data / "broken.jpg").write_bytes(b"no picture")
    code, out, error = run("-w", workspace.root, "train", "--json")
    assert code == 1
    assert json.loads(out)["n"] == 30
    assert "broken.jpg" in error
    assert run("-w", workspace.root, "jobs", "follow", "latest")[0] == 1


def test_the_reason_of_a_failed_job_comes_back_with_its_exit_code(run: Run, workspace: Workspace) -> None:
    workspace.scores_file.write_text("".join(workspace.scores_file.read_text().splitlines(keepends=True)[:5]))
    code, out, error = run("-w", workspace.root, "train")
    assert (code, out) == (3, "")
    assert "5" in error.splitlines()[-2]
    assert "Traceback" not in error
    assert run("-w", workspace.root, "jobs", "follow", "latest")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tasty"], "taste"),
        (["--backbone", "resnet51"], "resnet50"),
        (["--split", "1/2"], "70/15/15"),
        (["--folds", "1"], "folds"),
    ],
)
def test_a_training_that_makes_no_sense_starts_no_job(
    run: Run, workspace: Workspace, arguments: list[str], words: str
) -> None:
    code, _, error = run("-w", workspace.root, "train", *arguments)
    assert code == 2
    assert words in error
    assert client.list_jobs(workspace) == []


def test_models_are_shown_by_name_and_prefix_and_go_to_the_trash(run: Run, workspace_with_model: Workspace) -> None:
    workspace = workspace_with_model
    at = ("-w", workspace.root, "models")
    (row,) = _models(run, workspace)
    assert {"model_id", "name", "model", "backbone", "created", "n", "metrics"} <= set(row)
    for ref in ("first", "latest", "best", row["model_id"][:-2]):
        manifest = json.loads(run(*at, "show", ref, "--json")[1])
        assert manifest["model_id"] == row["model_id"]
        assert {"fingerprint", "files", "scale", "spec"} <= set(manifest)
    assert row["model_id"] in run(*at, "show")[1]
    assert run(*at, "show", "nonesuch")[0] == 3

    code, _, error = run(*at, "rm", "first")
    assert code == 2
    assert "--yes" in error
    assert len(_models(run, workspace)) == 1
    (workspace.models / row["model_id"] / "manifest.json").write_text("damaged")
    code, out, error = run(*at, "list", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert row["model_id"] in error
    code, out, _ = run(*at, "rm", row["model_id"], "--yes", "--json")
    (trashed,) = (workspace.trash / "models").iterdir()
    assert (code, json.loads(out)) == (0, {"model_id": row["model_id"], "path": str(trashed)})
    assert _models(run, workspace) == []
    assert (trashed / "manifest.json").is_file()
    assert run(*at, "rm", "first", "--yes")[0] == 3


def test_predictions_come_in_every_format(
    run: Run, trained_workspace: Workspace, new_photos: Path, tmp_path: Path
) -> None:
    at = ("-w", trained_workspace.root, "predict", new_photos)
    code, out, _ = run(*at, "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == COLUMNS
    assert [Path(row["path"]).name for row in rows] == [f"new-{letter}.jpg" for letter in "abcde"]
    assert all(0 <= float(row["low"]) <= float(row["score"]) <= float(row["high"]) <= 100 for row in rows)

    as_json = json.loads(run(*at, "--format", "json")[1])
    lines = [json.loads(line) for line in run(*at, "--format", "jsonl")[1].splitlines()]
    assert as_json == lines
    assert [row["score"] for row in as_json] == [float(row["score"]) for row in rows]

    for name in ("out.csv", "out.jsonl"):
        code, out, _ = run(*at, "--out", tmp_path / name)
        assert (code, out) == (0, "")
    assert list(csv.DictReader((tmp_path / "out.csv").open())) == rows
    assert run(*at, "--out", tmp_path / "out.txt")[0] == 2

    scores = [row["score"] for row in json.loads(run(*at, "--format", "json", "--sort", "score")[1])]
    assert scores == sorted(scores, reverse=True)
    best = json.loads(run(*at, "--format", "json", "--top", "2")[1])
    assert [row["score"] for row in best] == scores[:2]
    code, out, _ = run(*at, "--top", "1")
    assert code == 0
    assert len(out.splitlines()) == 2


def test_bad_photos_are_rows_with_reasons_and_exact_names(
    run: Run, trained_workspace: Workspace, new_photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    odd = os.fsdecode("美\x1b\n".encode() + b"\xff.jpg")
    shutil.copy(new_photos / "new-a.jpg", folder / odd)
    (folder / "text.jpg").write_text("not a picture")
    at = ("-w", trained_workspace.root, "predict", folder, tmp_path / "gone.jpg")
    code, out, error = run(*at, "--format", "json")
    assert code == 1
    rows = {Path(row["path"]).name: row for row in json.loads(out)}
    assert rows[odd]["score"] is not None
    assert all(rows[name]["score"] is None and rows[name]["error"] for name in ("text.jpg", "gone.jpg"))
    assert "text.jpg: " in error
    assert "gone.jpg: " in error
    code, out, error = run(*at)
    assert code == 1
    assert "\x1b" not in out + error
    assert r"美\x1b\n\udcff.jpg" in out


def test_paths_come_from_standard_input(
    run: Run, trained_workspace: Workspace, new_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        buffer = io.BytesIO(b"".join(os.fsencode(new_photos / f"new-{letter}.jpg") + b"\n" for letter in "ca"))

    monkeypatch.setattr("sys.stdin", Stdin())
    code, out, _ = run("-w", trained_workspace.root, "predict", "-", "--format", "jsonl")
    assert code == 0
    assert [Path(json.loads(line)["path"]).name for line in out.splitlines()] == ["new-c.jpg", "new-a.jpg"]
    monkeypatch.setattr(Stdin, "buffer", io.BytesIO(b"\n"))
    assert run("-w", trained_workspace.root, "predict", "-")[0] == 3


def test_nothing_to_predict_is_not_found(run: Run, trained_workspace: Workspace, workspace: Workspace) -> None:
    empty = workspace.root / "empty"
    empty.mkdir()
    assert run("-w", trained_workspace.root, "predict", empty)[0] == 3
    assert run("-w", trained_workspace.root, "predict", empty / "gone")[0] == 3
    code, _, error = run("-w", workspace.root, "predict", workspace.data)
    assert code == 3
    assert "beholder train" in error
    assert run("-w", trained_workspace.root, "predict", workspace.data, "--model", "nonesuch")[0] == 3


@pytest.mark.slow
def test_the_demo_does_the_whole_job_and_a_second_run_keeps_it(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("demo", tmp_path / "demo")
    assert code == 0
    assert "A rule gave these scores" in out
    assert sum(line.startswith("new-") for line in out.splitlines()) == 20
    workspace = Workspace(tmp_path / "demo")
    models = {row["name"]: row["model_id"] for row in _models(run, workspace)}
    assert set(models) == {"demo-taste", "demo-forest"}
    code, out, _ = run("demo", tmp_path / "demo", "--lang", "zh")
    assert code == 0
    assert {row["name"]: row["model_id"] for row in _models(run, workspace)} == models
    assert "已存在" in out
