"""Jobs in real processes of their own: they outlive their face, can be followed, stopped and killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BeholderError, NotFound, UsageError
from engine.jobs import client, lock
from engine.jobs.client import JobState
from engine.jobs.events import now_utc
from engine.workspace import Workspace
from tests.waiting import wait_until

_WORKER = Path(__file__).with_name("job_work.py")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace; whatever still works in it after the test is ended."""
    place = Workspace(tmp_path / "album")
    place.ensure()
    yield place
    for job in client.list_jobs(place):
        if job.state.alive:
            client.cancel(place, job.job_id, grace=0.1)


def begin(workspace: Workspace, work: str, path: str = "photos") -> str:
    return client.start(workspace, "predict", {"paths": [path]}, command=[sys.executable, str(_WORKER), work])


def state(workspace: Workspace, job: str) -> JobState:
    return client.state_of(workspace, job)


def types(workspace: Workspace, job: str) -> list[str]:
    return [event["type"] for event in client.read_events(workspace, job)[0]]


def wait_for_event(workspace: Workspace, job: str, kind: str) -> None:
    wait_until(lambda: kind in types(workspace, job), f"an event {kind}")


def pid_of(workspace: Workspace, job: str) -> int:
    wait_for_event(workspace, job, "started")
    return int(client.read_events(workspace, job)[0][0]["pid"])


def ended(workspace: Workspace, job: str) -> list[dict[str, Any]]:
    return list(client.follow(workspace, job))


def test_a_job_runs_to_its_end_and_its_curve_can_be_read(workspace: Workspace) -> None:
    job = begin(workspace, "curve")
    events = ended(workspace, job)
    assert [event["type"] for event in events] == ["started", "phase", *["curve"] * 5, "finished"]
    assert [event["seq"] for event in events] == list(range(1, 9))
    assert [event["x"] for event in events if event["type"] == "curve"] == [1, 2, 3, 4, 5]
    info = client.find_job(workspace, "latest")
    assert (info.job_id, info.kind, info.state, info.model_id) == (job, "predict", "finished", "m1")
    assert events[0]["run"] == 1
    assert info.latest is None
    assert info.payload["model"] == "default"


def test_paths_are_meant_from_where_the_person_is(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = b"caf\xe9 \xe7\x8c\xab".decode("utf-8", "surrogateescape")
    here = Workspace(workspace.root.relative_to(tmp_path))
    finished = ended(here, begin(here, "curve", f"x/../{name}"))[-1]
    assert finished["result"]["paths"] == [str(tmp_path / name)]


def test_a_job_is_queued_from_the_start_and_runs_until_it_is_done(workspace: Workspace) -> None:
    waiting = client.start(workspace, "predict", {"paths": ["x"]}, command=["sh", "-c", "exec sleep 60"])
    assert state(workspace, waiting) is JobState.QUEUED
    job = begin(workspace, "gate")
    assert state(workspace, job).alive
    wait_for_event(workspace, job, "curve")
    assert state(workspace, job) is JobState.RUNNING
    later = now_utc() + timedelta(seconds=31)
    assert client.state_of(workspace, job, now=later) is JobState.SILENT
    (workspace.root / "gate").touch()
    assert ended(workspace, job)[-1]["type"] == "finished"
    assert client.state_of(workspace, job, now=later) is JobState.FINISHED
    assert client.cancel(workspace, waiting, grace=0.1) is JobState.CANCELLED


def test_a_killed_worker_is_crashed_not_running(workspace: Workspace) -> None:
    job = begin(workspace, "gate")
    wait_for_event(workspace, job, "curve")
    os.kill(pid_of(workspace, job), signal.SIGKILL)
    wait_until(lambda: state(workspace, job) is JobState.CRASHED, "the job to count as crashed")
    assert [event["type"] for event in ended(workspace, job)] == ["started", "phase", "curve", "crashed"]
    assert client.cancel(workspace, job) is JobState.CRASHED


def test_a_worker_survives_the_loss_of_its_terminal(workspace: Workspace) -> None:
    job = begin(workspace, "gate")
    wait_for_event(workspace, job, "curve")
    pid = pid_of(workspace, job)
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGHUP)
    (workspace.root / "gate").touch()
    assert ended(workspace, job)[-1]["type"] == "finished"


def test_a_job_outlives_the_process_that_started_it(workspace: Workspace) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.jobs import client;"
        "from engine.workspace import Workspace;"
        "print(client.start(Workspace(Path(sys.argv[1])), 'predict', {'paths': ['x']},"
        " command=[sys.executable, sys.argv[2], 'gate']))"
    )
    face = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(workspace.root), str(_WORKER)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        start_new_session=True,
    )
    assert face.stderr == ""
    job = face.stdout.strip()
    assert state(workspace, job).alive
    (workspace.root / "gate").touch()
    assert ended(workspace, job)[-1]["type"] == "finished"


def test_cancel_asks_politely_first(workspace: Workspace) -> None:
    job = begin(workspace, "gate")
    wait_for_event(workspace, job, "curve")
    assert client.cancel(workspace, job, grace=20) is JobState.CANCELLED
    assert types(workspace, job) == ["started", "phase", "curve", "cancelled"]
    assert ended(workspace, job)[-1]["type"] == "cancelled"


def test_cancel_ends_a_worker_that_does_not_look(workspace: Workspace) -> None:
    job = begin(workspace, "busy")
    wait_for_event(workspace, job, "phase")
    assert client.cancel(workspace, job, grace=0.3) is JobState.CANCELLED
    assert types(workspace, job) == ["started", "phase", "cancelled"]


def test_cancel_ends_a_fit_that_takes_no_signal(workspace: Workspace) -> None:
    job = begin(workspace, "native")
    wait_for_event(workspace, job, "phase")
    pid = pid_of(workspace, job)
    assert client.cancel(workspace, job) is JobState.CANCELLED
    assert types(workspace, job) == ["started", "phase", "cancelled"]
    assert not (workspace.root / "fitted").exists()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the process to be gone")


@pytest.mark.parametrize("work", ["deaf", "stopped"])
def test_cancel_kills_a_worker_that_ignores_everything(workspace: Workspace, work: str) -> None:
    job = begin(workspace, "gate" if work == "stopped" else work)
    wait_for_event(workspace, job, "phase")
    if work == "stopped":
        os.kill(pid_of(workspace, job), signal.SIGSTOP)
    assert client.cancel(workspace, job, grace=0.3) is JobState.CANCELLED
    assert types(workspace, job)[-1] == "cancelled"
    assert not lock.is_held(workspace.jobs / job)


def test_a_job_cancelled_before_its_first_event_is_cancelled(workspace: Workspace) -> None:
    job = client.start(workspace, "predict", {"paths": ["x"]}, command=["sh", "-c", "sleep 60; true"])
    assert client.cancel(workspace, job, grace=0.1) is JobState.CANCELLED
    assert [event["type"] for event in ended(workspace, job)] == ["cancelled"]


def test_a_sigterm_from_the_machine_stops_the_job_cleanly(workspace: Workspace) -> None:
    job = begin(workspace, "busy")
    wait_for_event(workspace, job, "phase")
    os.kill(pid_of(workspace, job), signal.SIGTERM)
    assert ended(workspace, job)[-1]["type"] == "cancelled"
    assert state(workspace, job) is JobState.CANCELLED


def test_a_worker_that_dies_at_import_is_crashed_and_its_log_says_why(workspace: Workspace) -> None:
    job = client.start(workspace, "predict", {"paths": ["x"]}, command=[sys.executable, "-c", "import no_such_thing"])
    assert [event["type"] for event in ended(workspace, job)] == ["crashed"]
    assert state(workspace, job) is JobState.CRASHED
    assert "no_such_thing" in client.log_text(workspace, job)


def test_an_error_of_ours_arrives_with_its_remedy_and_exit_code(workspace: Workspace) -> None:
    job = begin(workspace, "missing")
    *_, item, failed = ended(workspace, job)
    assert item["type"] == "item_failed"
    assert failed["type"] == "failed"
    error = BeholderError.from_dict(failed)
    assert isinstance(error, NotFound)
    assert error.exit_code == failed["exit_code"] == 3
    assert str(error) == f"There is no folder {workspace.root / 'x'}. Check the spelling."
    assert state(workspace, job) is JobState.FAILED


@pytest.mark.parametrize(
    ("work", "code", "cause"),
    [
        ("fault", 1, "ZeroDivisionError: by nought"),
        ("leave", 1, "SystemExit: 3"),
        ("greedy", 5, "not enough memory"),
        ("nothing", 1, "without a result"),
    ],
)
def test_a_fault_is_told_in_one_sentence_and_its_traceback_is_in_the_log(
    workspace: Workspace, work: str, code: int, cause: str
) -> None:
    job = begin(workspace, work)
    failed = ended(workspace, job)[-1]
    assert (failed["type"], failed["exit_code"]) == ("failed", code)
    assert cause in failed["message"]["text"]
    assert "Traceback" not in failed["message"]["text"]
    assert "Traceback" in client.log_text(workspace, job)


def test_a_full_disk_ends_the_job_and_the_log_says_so(workspace: Workspace) -> None:
    job = begin(workspace, "full")
    assert ended(workspace, job)[-1]["type"] == "crashed"
    assert state(workspace, job) is JobState.CRASHED
    assert "events.jsonl" in client.log_text(workspace, job)


def test_a_process_that_a_worker_leaves_behind_does_not_keep_the_job_alive(workspace: Workspace) -> None:
    job = begin(workspace, "child")
    assert ended(workspace, job)[-1]["type"] == "finished"
    pid = int((workspace.root / "child").read_text())
    try:
        wait_until(lambda: not lock.is_held(workspace.jobs / job), "the lock to be free")
        os.kill(pid, 0)  # it does live
    finally:
        os.kill(pid, signal.SIGKILL)


def test_another_process_that_comes_later_sees_the_same_events(workspace: Workspace) -> None:
    job = begin(workspace, "gate")
    wait_for_event(workspace, job, "curve")
    code = (
        "import json, sys; from pathlib import Path; from engine.jobs import client;"
        "from engine.workspace import Workspace\n"
        "for event in client.follow(Workspace(Path(sys.argv[1])), sys.argv[2]):"
        " print(json.dumps(event), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(workspace.root), job], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        seen = [json.loads(other.stdout.readline()) for _ in range(3)]
        (workspace.root / "gate").touch()
        seen += [json.loads(line) for line in other.stdout]
    assert seen == ended(workspace, job) == client.read_events(workspace, job)[0]
    assert seen[-1]["type"] == "finished"


class _NoStream(io.StringIO):
    """What a running Textual app puts in the place of stderr."""

    def fileno(self) -> int:
        return -1


async def test_a_job_starts_and_is_followed_inside_a_full_screen_app(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", _NoStream())
    monkeypatch.setattr(sys, "stdout", _NoStream())
    job = begin(workspace, "gate")
    seen: list[dict[str, Any]] = []
    async for batch in client.afollow(workspace, job):
        assert batch
        seen += batch
        if any(event["type"] == "curve" for event in batch):
            (workspace.root / "gate").touch()
    assert seen == client.read_events(workspace, job)[0]
    assert seen[-1]["type"] == "finished"


def test_the_worker_of_beholder_itself_answers(workspace: Workspace) -> None:
    (workspace.root / "random.py").write_text("raise SystemExit('a file of the person was run')")
    job = client.start(workspace, "predict", {"model": "no-such-model", "paths": [str(workspace.data)]})
    failed = ended(workspace, job)[-1]
    assert (failed["type"], failed["error"]) == ("failed", "NotFound"), client.log_text(workspace, job)


def test_a_wrong_order_is_refused_and_leaves_nothing(workspace: Workspace) -> None:
    for kind, payload in (
        ("dance", {}),
        ("predict", {"paths": []}),
        ("predict", {"paths": [""]}),
        ("predict", {"paths": ["x"], "colour": 1}),
        ("train", {"model": "no-such-model"}),
        ("train", {"seed": "x"}),
        ("compare", {"models": ["ridge", "no-such-model"]}),
        ("compare", {"backbones": []}),
        ("tune", {}),
        ("tune", {"base": {"model": "svr"}, "trials": 0}),
    ):
        with pytest.raises(UsageError):
            client.start(workspace, kind, payload)
    assert client.list_jobs(workspace) == []
    assert not workspace.jobs.exists()


def test_a_program_that_can_not_be_started_is_an_error_and_leaves_nothing(workspace: Workspace) -> None:
    with pytest.raises(BeholderError, match="No process could be started"):
        client.start(workspace, "predict", {"paths": ["x"]}, command=["/no/such/program"])
    assert list(workspace.jobs.iterdir()) == []


@pytest.mark.parametrize("spec", ["{", "[" * 100_000])
def test_jobs_are_listed_newest_first_with_damaged_ones(workspace: Workspace, spec: str) -> None:
    assert client.list_jobs(workspace) == []
    first, second = begin(workspace, "curve"), begin(workspace, "curve")
    for job in (first, second):
        ended(workspace, job)
    damaged = workspace.jobs / "20200101-000000-train-dead"
    damaged.mkdir()
    (damaged / "spec.json").write_text(spec)
    (workspace.jobs / ".20300101-000000-train-beef.part").mkdir()
    (workspace.jobs / "notes.txt").write_text("not a job")
    jobs = client.list_jobs(workspace)
    assert [job.job_id for job in jobs] == [second, first, damaged.name]
    assert [(job.kind, job.state) for job in jobs][1:] == [("predict", "finished"), ("?", "crashed")]
    assert jobs[-1].created == "2020-01-01T00:00:00.000Z"


def test_a_job_is_found_by_the_beginning_of_its_id(workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        client.find_job(workspace, "latest")
    for name in ("20260101-000000-train-aaaa", "20260101-000000-train-aabb", "20260102-000000-train-aaaa"):
        (workspace.jobs / name).mkdir(parents=True)
    assert client.find_job(workspace, "20260102").job_id == "20260102-000000-train-aaaa"
    assert client.find_job(workspace, "20260101-000000-train-aabb").job_id.endswith("aabb")
    assert client.find_job(workspace, "latest").job_id == "20260102-000000-train-aaaa"
    with pytest.raises(UsageError, match=r"2 jobs begin with 20260101.*train-aabb, 20260101-000000-train-aaaa"):
        client.find_job(workspace, "20260101")
    for ref in ("2025", "", "..", "../jobs", "20260102-000000-train-aaaa/"):
        with pytest.raises(NotFound):
            client.find_job(workspace, ref)


@pytest.mark.parametrize("job", ["", "..", ".", "nothing", "../jobs"])
def test_a_job_that_is_not_there_is_not_found(workspace: Workspace, job: str) -> None:
    workspace.jobs.mkdir(parents=True)
    for ask in (client.state_of, client.read_events, client.read_rows, client.log_text, client.cancel):
        with pytest.raises(NotFound):
            ask(workspace, job)
    with pytest.raises(NotFound):
        list(client.follow(workspace, job))


def test_the_client_is_light() -> None:
    heavy = ("torch", "numpy", "sklearn", "pandas", "pydantic", "PIL")
    code = f"import engine.jobs.client, sys; print([name for name in {heavy!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "[]"
