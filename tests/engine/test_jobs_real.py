"""Real work as jobs: a training, and a prediction with the model that it made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.jobs import client
from engine.jobs.client import JobState
from engine.workspace import Workspace


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
    assert all(list(row) == ["path", "score", "low", "high", "model_id", "error"] for row in rows)
    scores = {Path(row["path"]).name: row["score"] for row in rows}
    assert sorted(scores) == ["broken.jpg", *(f"new-{letter}.jpg" for letter in "abcde")]
    assert [name for name, score in scores.items() if score is None] == ["broken.jpg"]
    failed = [event for event in events if event["type"] == "item_failed"]
    assert [Path(event["path"]).name for event in failed] == ["broken.jpg"]
    assert client.state_of(workspace, scoring) is JobState.FINISHED
