"""A job is ended early and keeps its best, goes on where it stopped, or goes into the trash."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DamagedFile, NeedMissing, NotFound, UsageError
from engine.jobs import client
from engine.jobs.client import JobState
from engine.trash import list_trash
from engine.workspace import Workspace
from tests.waiting import wait_until

_WORKER = Path(__file__).with_name("job_work.py")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """An empty workspace on a machine of its own; whatever still works in it after the test is ended."""
    monkeypatch.setenv("BEHOLDER_CACHE", str(tmp_path / "cache"))
    place = Workspace(tmp_path / "album")
    place.ensure()
    yield place
    for job in client.list_jobs(place):
        if job.state.alive:
            client.cancel(place, job.job_id, grace=0.1)


def command(work: str) -> list[str]:
    return [sys.executable, str(_WORKER), work]


def begin(workspace: Workspace, work: str, kind: str = "train") -> str:
    payload = {"paths": ["x"]} if kind == "predict" else {}
    return client.start(workspace, kind, payload, command=command(work))


def wait_for_event(workspace: Workspace, job: str, kind: str) -> None:
    wait_until(
        lambda: any(event["type"] == kind for event in client.read_events(workspace, job)[0]), f"an event {kind}"
    )


def ended(workspace: Workspace, job: str) -> list[dict[str, Any]]:
    return list(client.follow(workspace, job))


def test_an_early_end_keeps_what_is_done(workspace: Workspace) -> None:
    job = begin(workspace, "early")
    wait_for_event(workspace, job, "curve")
    assert client.finish(workspace, job).alive
    events = ended(workspace, job)
    assert (events[-1]["type"], events[-1]["result"]["model_id"]) == ("finished", "m3")
    assert events[-1]["result"]["epochs"] == sum(event["type"] == "curve" for event in events)
    assert client.finish(workspace, job) is JobState.FINISHED


def test_there_is_no_early_end_of_what_has_nothing_yet(workspace: Workspace) -> None:
    scoring = begin(workspace, "gate", "predict")
    training = begin(workspace, "early")
    wait_for_event(workspace, training, "curve")
    waiting = begin(workspace, "early")
    wait_for_event(workspace, waiting, "waiting")
    for job in (scoring, waiting):
        with pytest.raises(UsageError, match=f"beholder jobs cancel {job}"):
            client.finish(workspace, job)
        assert not (workspace.jobs / job / "finish").exists()


def test_a_killed_job_goes_on_from_its_checkpoint(workspace: Workspace) -> None:
    job = begin(workspace, "steps")
    assert ended(workspace, job)[-1]["type"] == "crashed"
    assert client.find_job(workspace, job).resumable
    client.resume(workspace, job, command=command("steps"))
    events = ended(workspace, job)
    assert events[-1]["type"] == "finished", client.log_text(workspace, job)
    assert [event["x"] for event in events if event["type"] == "curve"] == [1, 2, 3, 4]
    assert [event["run"] for event in events if event["type"] == "started"] == [1, 2]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len(events[-1]["result"]["processes"]) == 2
    wait_until(lambda: not (workspace.jobs / job / "checkpoint").exists(), "the checkpoint to be cleared away")
    assert not client.find_job(workspace, job).resumable


def test_a_cancelled_job_is_asked_neither_to_stop_nor_to_end_when_it_goes_on(workspace: Workspace) -> None:
    job = begin(workspace, "early")
    wait_for_event(workspace, job, "curve")
    client.finish(workspace, job)
    client.cancel(workspace, job, grace=20)
    ended(workspace, job)
    (workspace.jobs / job / "events.jsonl").open("a").write('{"seq": 99, "type": "cancelled"}\n')
    assert client.state_of(workspace, job) is JobState.CANCELLED
    client.resume(workspace, job, command=command("early"))
    assert client.state_of(workspace, job).alive
    before = len(client.read_events(workspace, job)[0])
    wait_until(
        lambda: any(event["type"] == "curve" for event in client.read_events(workspace, job)[0][before:]),
        "an epoch of the second run",
    )
    client.finish(workspace, job)
    events = ended(workspace, job)
    assert [event["type"] for event in events if event["type"] in {"cancelled", "finished"}][-1] == "finished"


def test_what_can_not_go_on_is_refused_and_left_alone(workspace: Workspace) -> None:
    running = begin(workspace, "gate")
    with pytest.raises(UsageError, match="running already"):
        client.resume(workspace, running)
    wait_for_event(workspace, running, "curve")
    (workspace.root / "gate").touch()
    done = ended(workspace, running)
    assert done[-1]["type"] == "finished"
    with pytest.raises(UsageError, match="has finished"):
        client.resume(workspace, running)
    assert ended(workspace, running) == done
    with pytest.raises(NotFound):
        client.resume(workspace, "nothing")
    (workspace.jobs / running / "spec.json").write_text("{")
    with pytest.raises(DamagedFile):
        client.resume(workspace, running)


def test_a_resumed_job_whose_process_does_not_start_has_failed_and_says_why(workspace: Workspace) -> None:
    job = begin(workspace, "fault")
    assert ended(workspace, job)[-1]["type"] == "failed"
    with pytest.raises(NeedMissing, match="No process could be started"):
        client.resume(workspace, job, command=["/no/such/program"])
    assert client.state_of(workspace, job) is JobState.FAILED
    assert "/no/such/program" not in client.log_text(workspace, job)
    assert "No process" in ended(workspace, job)[-1]["message"]["text"]


def test_a_job_goes_into_the_trash_unless_it_runs(workspace: Workspace) -> None:
    job = begin(workspace, "gate")
    wait_for_event(workspace, job, "curve")
    with pytest.raises(UsageError, match=f"beholder jobs cancel {job}"):
        client.remove(workspace, job)
    client.cancel(workspace, job, grace=20)
    place = client.remove(workspace, job)
    assert client.list_jobs(workspace) == []
    assert (place / "events.jsonl").exists()
    (item,) = list_trash(workspace)
    assert (item.name, item.kind, item.path) == (job, "job", place)
    with pytest.raises(NotFound):
        client.remove(workspace, job)


@pytest.mark.parametrize("damage", ["empty", "spec", "lock"])
def test_a_damaged_job_can_be_removed(workspace: Workspace, damage: str) -> None:
    folder = workspace.jobs / "20260101-000000-train-dead"
    folder.mkdir(parents=True)
    if damage == "spec":
        (folder / "spec.json").write_text("[" * 100_000)
    if damage == "lock":
        (folder / "lock").mkdir()
    assert [job.job_id for job in client.list_jobs(workspace)] == [folder.name]
    client.remove(workspace, folder.name)
    assert client.list_jobs(workspace) == []
