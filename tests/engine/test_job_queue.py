"""Trainings wait for their device: one at a time, in order, told whom they wait for, and free to be cancelled."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.jobs import client, lock
from engine.jobs.client import JobState
from engine.jobs.queue import device_of
from engine.workspace import Workspace
from tests.waiting import wait_until

_WORKER = Path(__file__).with_name("job_work.py")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, and so devices that no other test waits for."""
    place = tmp_path / "cache"
    monkeypatch.setenv("BEHOLDER_CACHE", str(place))
    return place


@pytest.fixture
def places() -> Iterator[list[Workspace]]:
    """The workspaces of the test; whatever still works in one of them is ended."""
    made: list[Workspace] = []
    yield made
    for workspace in made:
        for job in client.list_jobs(workspace):
            if job.state.alive:
                client.cancel(workspace, job.job_id, grace=0.1)


@pytest.fixture
def workspace(tmp_path: Path, places: list[Workspace]) -> Workspace:
    places.append(Workspace(tmp_path / "album"))
    places[0].ensure()
    return places[0]


def begin(workspace: Workspace, kind: str = "train", **settings: Any) -> str:
    payload = {"train": {}, "compare": {}, "tune": {"base": {"model": "svr"}}, "predict": {"paths": ["x"]}}[kind]
    return client.start(workspace, kind, payload, command=[sys.executable, str(_WORKER), "place"], **settings)


def turns(workspace: Workspace) -> list[str]:
    file = workspace.root / "turns"
    return file.read_text().split() if file.exists() else []


def waits(workspace: Workspace, job: str) -> list[str | None]:
    return [event["behind"] for event in client.read_events(workspace, job)[0] if event["type"] == "waiting"]


def release(workspace: Workspace, job: str) -> None:
    (workspace.root / job).touch()
    assert list(client.follow(workspace, job))[-1]["type"] == "finished"


def test_trainings_take_turns_in_the_order_in_which_they_were_created(workspace: Workspace) -> None:
    first = begin(workspace)
    wait_until(lambda: turns(workspace) == [first], "the first to train")
    second = begin(workspace, "compare")
    wait_until(lambda: waits(workspace, second) == [first], "the second to wait for the first")
    third = begin(workspace, "tune")
    wait_until(lambda: waits(workspace, third) == [second], "the third to wait for the second")
    states = [str(job.state) for job in client.list_jobs(workspace)]
    assert states == ["queued", "queued", "running"]
    waiting = client.find_job(workspace, third)
    assert waiting.latest is not None
    assert (waiting.latest["type"], waiting.latest["behind"]) == ("waiting", second)
    assert turns(workspace) == [first]

    assert client.cancel(workspace, second, grace=20) is JobState.CANCELLED
    wait_until(lambda: waits(workspace, third) == [second, first], "the third to wait for the first")
    release(workspace, first)
    wait_until(lambda: turns(workspace) == [first, third], "the third to train")
    release(workspace, third)


def test_predictions_and_those_told_not_to_wait_do_not_queue(workspace: Workspace) -> None:
    first = begin(workspace)
    wait_until(lambda: turns(workspace) == [first], "the first to train")
    others = [begin(workspace, "predict"), begin(workspace, queue=False)]
    wait_until(lambda: set(turns(workspace)) == {first, *others}, "all to work at once")
    assert [waits(workspace, job) for job in others] == [[], []]
    for job in others:
        release(workspace, job)


def test_a_training_that_was_killed_holds_nobody_up(workspace: Workspace) -> None:
    first = begin(workspace)
    wait_until(lambda: turns(workspace) == [first], "the first to train")
    second = begin(workspace)
    wait_until(lambda: waits(workspace, second) == [first], "the second to wait")
    os.kill(client.read_events(workspace, first)[0][0]["pid"], signal.SIGKILL)
    wait_until(lambda: turns(workspace) == [first, second], "the second to train")
    assert client.state_of(workspace, first) is JobState.CRASHED
    release(workspace, second)


def test_two_workspaces_of_one_machine_share_its_device(
    workspace: Workspace, places: list[Workspace], tmp_path: Path
) -> None:
    other = Workspace(tmp_path / "other")
    other.ensure()
    places.append(other)
    first = begin(workspace)
    wait_until(lambda: turns(workspace) == [first], "the first to train")
    second = begin(other)
    wait_until(lambda: waits(other, second) == [None], "the other workspace's job to wait")
    assert turns(other) == []
    release(workspace, first)
    wait_until(lambda: turns(other) == [second], "the other workspace's job to train")
    release(other, second)


def test_a_job_that_came_earlier_but_waits_is_not_overtaken_by_a_resumed_one(workspace: Workspace) -> None:
    first = begin(workspace)
    wait_until(lambda: turns(workspace) == [first], "the first to train")
    assert client.cancel(workspace, first, grace=20) is JobState.CANCELLED
    second = begin(workspace)
    wait_until(lambda: turns(workspace) == [first, second], "the second to train")
    client.resume(workspace, first, command=[sys.executable, str(_WORKER), "place"])
    wait_until(lambda: waits(workspace, first)[-1:] == [second], "the resumed one to wait for who trains")
    assert client.state_of(workspace, first) is JobState.QUEUED
    release(workspace, second)
    wait_until(lambda: turns(workspace) == [first, second, first], "the resumed one to train")
    release(workspace, first)


def test_a_folder_for_locks_that_can_not_be_made_costs_the_order_not_the_training(
    workspace: Workspace, machine: Path
) -> None:
    machine.write_text("a file where the cache folder should be")
    job = begin(workspace)
    wait_until(lambda: turns(workspace) == [job], "the job to train")
    release(workspace, job)
    assert "without a queue" in client.log_text(workspace, job)


def test_a_device_is_taken_for_the_life_of_the_worker(workspace: Workspace, machine: Path) -> None:
    job = begin(workspace)
    wait_until(lambda: turns(workspace) == [job], "the job to train")
    assert lock.take_file(machine / "devices" / "cpu") is None
    release(workspace, job)

    def is_free() -> bool:
        handle = lock.take_file(machine / "devices" / "cpu")
        if handle is not None:
            os.close(handle)
        return handle is not None

    wait_until(is_free, "the device to be free")


@pytest.mark.parametrize(
    ("kind", "payload", "device"),
    [
        ("train", {"model": "svr"}, "cpu"),
        ("train", {"model": "finetune"}, "cuda:0"),
        ("compare", {"models": ["ridge", "gp"]}, "cpu"),
        ("compare", {"models": []}, "cuda:0"),
        ("tune", {"base": {"model": "frozen"}}, "cuda:0"),
        ("tune", {"base": {"model": "random-forest"}}, "cpu"),
    ],
)
def test_networks_want_the_gpu_where_there_is_one(kind: str, payload: dict[str, Any], device: str) -> None:
    assert device_of(kind, payload, lambda: True) == device
    assert device_of(kind, payload, lambda: False) == "cpu"
