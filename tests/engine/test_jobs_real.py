"""Real work as jobs: a training, and a prediction with the model that it made."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from engine.jobs import client
from engine.jobs.client import JobState
from engine.models.bundle import find_bundle, list_bundles, read_manifest
from engine.workspace import Workspace
from tests.waiting import wait_until


@pytest.mark.slow
def test_a_model_is_trained_and_used_in_the_background(workspace: Workspace, new_photos: Path, tmp_path: Path) -> None:
    album = tmp_path / "new"
    shutil.copytree(new_photos, album)
    (album / "broken.jpg").write_text("not a picture")

    training = client.start(workspace, "train", {"model": "random-forest", "name": "first"})
    events = list(client.follow(workspace, training))
    assert events[-1]["type"] == "finished", client.log_text(workspace, training)
    assert {"started", "phase", "progress", "curve", "metrics"} <= {event["type"] for event in events}
    model_id = events[-1]["result"]["model_id"]
    assert client.find_job(workspace, "latest").model_id == model_id

    scoring = client.start(workspace, "predict", {"model": "first", "paths": [str(album)]})
    events = list(client.follow(workspace, scoring))
    assert events[-1]["type"] == "finished", client.log_text(workspace, scoring)
    assert events[-1]["result"] == {"model_id": model_id, "n": 6, "failed": 1}
    rows, _ = client.read_rows(workspace, scoring)
    assert all(list(row)[:6] == ["path", "score", "low", "high", "model_id", "error"] for row in rows)
    scores = {Path(row["path"]).name: row["score"] for row in rows}
    assert sorted(scores) == ["broken.jpg", *(f"new-{letter}.jpg" for letter in "abcde")]
    assert [name for name, score in scores.items() if score is None] == ["broken.jpg"]
    failed = [event for event in events if event["type"] == "item_failed"]
    assert [Path(event["path"]).name for event in failed] == ["broken.jpg"]
    assert client.state_of(workspace, scoring) is JobState.FINISHED


def _state(workspace: Workspace, model_id: str) -> dict[str, Any]:
    """Return what of a model must not depend on whether its training was broken off."""
    manifest = read_manifest(find_bundle(workspace, model_id))
    made = {name: digest for name, digest in manifest["files"].items() if name.endswith(".safetensors")}
    return {"files": made, **{key: manifest[key] for key in ("metrics", "intervals", "interval", "details")}}


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_with_the_same_model(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # sums of several threads differ in their last bits
    payload = {"model": "frozen", "epochs": 300, "patience": 300}
    through = list(client.follow(workspace, client.start(workspace, "train", payload)))
    assert through[-1]["type"] == "finished"

    job = client.start(workspace, "train", payload)
    checkpoint = workspace.jobs / job / "checkpoint"

    def has_begun() -> bool:
        assert client.state_of(workspace, job).alive, client.log_text(workspace, job)
        events, _ = client.read_events(workspace, job)
        epochs = [event["epoch"] for event in events if event["type"] == "epoch"]
        return bool(epochs) and max(epochs) >= 2 and any(file.is_file() for file in checkpoint.rglob("*"))

    wait_until(has_begun, "a checkpoint behind the second epoch", 120)
    started = client.read_events(workspace, job)[0][0]
    os.kill(started["pid"], signal.SIGKILL)
    wait_until(lambda: client.state_of(workspace, job) is JobState.CRASHED, "the job to be dead")
    assert len(list_bundles(workspace)) == 1
    client.resume(workspace, job)
    events = list(client.follow(workspace, job))
    assert events[-1]["type"] == "finished", client.log_text(workspace, job)
    wait_until(lambda: not checkpoint.exists(), "the checkpoint to be cleared away")

    second_run = events[[event["type"] for event in events].index("started", 1) :]
    curves = [
        [
            {key: event[key] for key in event.keys() - {"seq", "time", "eta"}}
            for event in run
            if event["type"] == "epoch"
        ]
        for run in (through, second_run)
    ]
    assert curves[0] == curves[1]
    models = [_state(workspace, run[-1]["result"]["model_id"]) for run in (through, events)]
    assert models[0] == models[1]
