"""A prediction job that was broken off goes on: the same rows as without the break, none twice."""

from __future__ import annotations

from pathlib import Path

from engine.jobs import client
from engine.jobs.events import EVENTS_NAME, ROWS_NAME
from engine.jobs.listing import JobState
from engine.workspace import Workspace
from tests.waiting import wait_until


def test_a_killed_prediction_goes_on_without_what_is_done(
    workspace_with_model: Workspace, new_photos: Path, tmp_path: Path
) -> None:
    workspace, folder = workspace_with_model, tmp_path / "mixed"
    folder.mkdir()
    for photo in new_photos.iterdir():
        (folder / photo.name).hardlink_to(photo)
    (folder / "a-broken.jpg").write_bytes(b"nothing")  # the first
    job = client.start(workspace, "predict", {"paths": [str(folder)]})
    assert list(client.follow(workspace, job))[-1]["type"] == "finished", client.log_text(workspace, job)
    place = workspace.jobs / job
    whole = (place / ROWS_NAME).read_bytes().splitlines(keepends=True)
    assert len(whole) == 6

    # as a kill leaves it: some rows, half of one more, and no last event
    (place / ROWS_NAME).write_bytes(b"".join(whole[:3]) + whole[3][:20])
    events = (place / EVENTS_NAME).read_bytes().splitlines(keepends=True)
    (place / EVENTS_NAME).write_bytes(b"".join(events[:-1]))
    wait_until(lambda: client.state_of(workspace, job) is JobState.CRASHED, "the worker to be gone")
    client.resume(workspace, job)
    told = list(client.follow(workspace, job))
    assert told[-1]["result"] == {"model_id": told[-1]["result"]["model_id"], "n": 6, "failed": 1}
    rows, _ = client.read_rows(workspace, job)
    assert sorted(row["path"] for row in rows) == sorted(str(path) for path in folder.iterdir())
    again = [event for event in told if event["type"] == "started"][-1]
    later = told[told.index(again) :]
    assert [Path(event["path"]).name for event in later if event["type"] == "item_failed"] == ["a-broken.jpg"]


def test_rows_are_read_piece_by_piece(workspace_with_model: Workspace, new_photos: Path) -> None:
    workspace = workspace_with_model
    job = client.start(workspace, "predict", {"paths": [str(new_photos)]})
    assert list(client.follow(workspace, job))[-1]["type"] == "finished", client.log_text(workspace, job)
    pieces, offset = [], 0
    while True:
        rows, end = client.read_rows(workspace, job, offset, 10)
        if end == offset:
            break
        pieces.append(len(rows))
        offset = end
    assert pieces == [1, 1, 1, 1, 1]
