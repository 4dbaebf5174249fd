"""train, compare, tune and jobs on the command line: what is asked, what is printed, how jobs end and go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.jobs import client
from engine.jobs.client import JobState
from engine.models.bundle import find_bundle, list_bundles, read_manifest
from engine.workspace import Workspace
from tests.waiting import wait_until
from tui import cli

Run = Callable[..., tuple[int, str, str]]
_WORKER = Path(__file__).parent.parent / "engine" / "job_work.py"


@pytest.fixture(autouse=True)
def own_devices(isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queue on devices of the test's own, with the networks that are prepared already."""
    prepared, own = Path(os.environ["BEHOLDER_CACHE"]), tmp_path / "cache"
    if prepared.is_dir():
        shutil.copytree(prepared, own, ignore=shutil.ignore_patterns("devices"))
    monkeypatch.setenv("BEHOLDER_CACHE", str(own))


@pytest.fixture
def album(workspace_with_model: Workspace) -> Iterator[Workspace]:
    """30 scored photos whose features are known; whatever still works in it after the test is ended."""
    yield workspace_with_model
    for job in client.list_jobs(workspace_with_model):
        if job.state.alive:
            client.cancel(workspace_with_model, job.job_id, grace=0.1)


@pytest.fixture
def run(album: Workspace, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs beholder in the album and returns exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main(["-w", str(album.root), *map(str, arguments)])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def begin(album: Workspace, work: str, kind: str = "train", **settings: Any) -> str:
    payload = {"paths": ["x"]} if kind == "predict" else {}
    return client.start(album, kind, payload, command=[sys.executable, str(_WORKER), work], **settings)


def wait_for_event(album: Workspace, job: str, kind: str, seconds: float = 20.0) -> None:
    wait_until(
        lambda: any(event["type"] == kind for event in client.read_events(album, job)[0]), f"an event {kind}", seconds
    )


def test_every_setting_reaches_the_model_and_every_figure_the_table(run: Run, album: Workspace) -> None:
    code, out, _ = run("train", "random-forest", "--set", "trees=60", "--set", "max_features=0.2", "--seed", "3")
    assert code == 0
    (info,) = [model for model in list_bundles(album) if model.model == "random-forest"]
    spec = read_manifest(info)["spec"]
    assert (spec["params"], spec["seed"]) == ({"trees": 60, "max_features": "0.2"}, 3)
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert {"SRCC", "PLCC", "Kendall", "MAE", "RMSE", "R²", "photos"} <= set(lines)
    heading = next(line.split() for line in out.splitlines() if line.split()[:1] == ["test"])
    assert heading[:6] == ["test", "95", "%", "folds", "95", "%"]
    assert heading[6:8] == ["mean", "nearest"]
    manifest = read_manifest(find_bundle(album, info.model_id))
    assert lines["MAE"][1] == f"{manifest['metrics']['test']['mae']:.3f}"
    low, high = manifest["intervals"]["test"]["mae"]
    assert lines["MAE"][2] == f"{low:.2f}…{high:.2f}"
    assert lines["photos"][1] == str(manifest["metrics"]["test"]["n"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "svr", "--epochs", "3"], "no use for epochs"),
        (["train", "frozen", "--dropout", "1"], "dropout"),
        (["train", "frozen", "--loss", "cheerful"], "cheerful"),
        (["train", "random-forest", "--set", "trees"], "NAME=VALUE"),
        (["train", "random-forest", "--set", "leaves=3"], "trees"),
        (["train", "random-forest", "--set", "trees=many"], "50 … 1000"),
        (["compare", "ridgy"], "ridge"),
        (["compare", "--backbone", "resnet51"], "resnet50"),
        (["tune", "taste"], "nothing to search"),
        (["tune", "svr", "--trials", "0"], "trials"),
        (["tune", "svr", "--patience", "3"], "no use for patience"),
    ],
)
def test_what_makes_no_sense_starts_no_job(run: Run, album: Workspace, words: list[str], said: str) -> None:
    code, out, error = run(*words)
    assert (code, out) == (2, "")
    assert said in error
    assert client.list_jobs(album) == []


def test_a_search_without_optuna_says_how_to_get_it(
    run: Run, album: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, _, error = run("tune", "svr")
    assert code == 5
    assert "pip install 'beholder[tune]'" in error
    assert client.list_jobs(album) == []


@pytest.mark.slow
def test_a_comparison_is_a_leaderboard(run: Run, album: Workspace) -> None:
    code, out, error = run("compare", "svr", "ridge", "--seed", "1", "--json")
    assert code == 0, error
    rows = json.loads(out)
    assert {row["model"] for row in rows} == {"svr", "ridge"}
    assert all({"model", "backbone", "model_id", "metrics", "seconds"} <= set(row) for row in rows)
    cv = [row["metrics"]["cv"]["srcc"] for row in rows]
    assert cv == sorted(cv, reverse=True)
    assert all(f"{row['model']}/efficientnet_lite0:" in error for row in rows)
    code, out, _ = run("compare", "ridge", "--lang", "zh")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "模型",
        "网络",
        "SRCC（各折）",
        "SRCC（测试）",
        "MAE（测试）",
        "用时",
        "结论",
    ]
    assert [job.kind for job in client.list_jobs(album)] == ["compare", "compare"]


@pytest.mark.slow
def test_a_search_prints_its_trials_and_what_they_led_to(run: Run, album: Workspace, tmp_path: Path) -> None:
    words = ("tune", "svr", "--set", "weighting=variance", "--storage", tmp_path / "journal", "--study", "evening")
    code, out, error = run(*words, "--trials", "3", "--json")
    assert code == 0, error
    result = json.loads(out)
    assert (result["study"], result["trials"]) == ("evening", 3)
    assert set(result["best"]["params"]) == {"C", "epsilon", "width"}
    assert find_bundle(album, result["model_id"]).model == "svr"
    assert all(f"trial {number}:" in error for number in range(3))
    code, out, error = run(*words, "--trials", "4")
    assert code == 0, error
    assert out.startswith("4 trials; the best was number ")
    assert "Kendall" in out
    assert "--study evening" in error


def test_a_job_is_ended_early_and_put_into_the_trash(run: Run, album: Workspace) -> None:
    job = begin(album, "early")
    wait_for_event(album, job, "curve")
    assert run("jobs", "rm", "latest", "--yes")[0] == 2
    code, out, _ = run("jobs", "stop", "latest")
    assert (code, out) == (0, f"{job} ends with what is best so far.\n")
    assert list(client.follow(album, job))[-1]["type"] == "finished"
    assert run("jobs", "stop", "latest")[:2] == (0, f"{job}: finished\n")

    code, _, error = run("jobs", "rm", job)
    assert code == 2
    assert "--yes" in error
    code, out, _ = run("jobs", "rm", job, "--yes", "--json")
    assert code == 0
    assert Path(json.loads(out)["path"]).is_dir()
    assert client.list_jobs(album) == []
    assert [row["kind"] for row in json.loads(run("trash", "list", "--json")[1])] == ["job"]


def test_the_list_says_how_far_each_job_is(run: Run, album: Workspace) -> None:
    first = begin(album, "gate")
    wait_for_event(album, first, "curve")
    second = begin(album, "gate", "compare")
    wait_for_event(album, second, "waiting")
    _, out, _ = run("jobs")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "Learning" in lines[first]
    assert f"Waiting for its turn behind {first}" in lines[second]
    rows = json.loads(run("jobs", "list", "--json")[1])
    assert [set(row) for row in rows] == [{"job_id", "kind", "state", "created", "model_id"}] * 2
    assert [row["state"] for row in rows] == ["queued", "running"]
    assert run("jobs", "resume", second)[0] == 2
    assert client.cancel(album, second, grace=20) is JobState.CANCELLED
    code, out, _ = run("jobs", "follow", second)
    assert code == 130
    assert f"Waiting for its turn behind {first}." in out


def test_a_stopped_training_goes_on(run: Run, album: Workspace) -> None:
    job = json.loads(run("train", "ridge", "--detach", "--json")[1])["job_id"]
    assert client.cancel(album, job) is JobState.CANCELLED
    code, out, error = run("jobs", "resume", job, "--json")
    assert code == 0, error
    assert json.loads(out)["model"] == "ridge"
    assert run("jobs", "resume", job)[0] == 2
    code, out, _ = run("jobs", "follow", job)
    assert code == 0
    assert "— run 2 —" in out


@pytest.mark.slow
def test_ctrl_c_stops_a_training_and_says_how_it_goes_on(album: Workspace) -> None:
    words = [sys.executable, "-m", "tui", "-w", album.root, "train", "frozen", "--epochs", "10000"]
    face = subprocess.Popen(
        [*map(str, words), "--patience", "10000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: client.list_jobs(album), "the job", 60)
    (job,) = client.list_jobs(album)
    wait_for_event(album, job.job_id, "epoch", 60)
    face.send_signal(signal.SIGINT)
    out, error = face.communicate(timeout=60)
    assert (face.returncode, out) == (130, "")
    assert f"beholder jobs resume {job.job_id}" in error
    assert client.state_of(album, job.job_id) is JobState.CANCELLED
    assert client.find_job(album, job.job_id).resumable
