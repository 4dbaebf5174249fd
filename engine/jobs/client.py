"""What a face does with jobs: start, list, find, follow and cancel them, all through the job's folder."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine
from engine.errors import BeholderError, NeedMissing, UsageError
from engine.jobs import lock
from engine.jobs.events import (
    ENDS,
    EVENTS_NAME,
    ROWS_NAME,
    EventWriter,
    iso_time,
    last_line,
    now_utc,
    read_lines,
)
from engine.jobs.listing import CANCEL_NAME, JobInfo, JobState, find_job, job_folder, list_jobs, state_of
from engine.storage import disk_errors, require_space
from engine.workspace import Workspace

__all__ = [
    "JobInfo",
    "JobState",
    "afollow",
    "cancel",
    "find_job",
    "follow",
    "list_jobs",
    "log_text",
    "read_events",
    "read_rows",
    "start",
    "state_of",
]

LOG_NAME = "worker.log"
# events, features and a model of some hundred photos; with less, a job could not even say why it failed
_LEAST_SPACE = 16 << 20
_POLL = 0.1  # seconds between two looks at a job's files
_TERMINAL_NOISE = ("FORCE_COLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "LINES")


def start(workspace: Workspace, kind: str, payload: Mapping[str, Any], *, command: Sequence[str] | None = None) -> str:
    """Start a job in a process of its own, which outlives this one.

    Args:
        workspace: where the job works and where its folder lies.
        kind: ``train`` or ``predict``.
        payload: the fields of `TrainSpec` or of `PredictRequest`.
        command: another worker than beholder's own; the job's folder and the lock's descriptor are appended.

    Returns:
        The job's id; from now on its state is at least ``queued``.

    Raises:
        UsageError: the payload makes no sense.
        BeholderError: the workspace can't be written, or no process can be started.
    """
    from engine.jobs.spec import JobSpec, check_payload, new_job_id, save_spec

    checked = check_payload(kind, payload)
    moment = now_utc()
    job_id = new_job_id(kind, moment, secrets.token_hex(2))
    while (workspace.jobs / job_id).exists():
        job_id = new_job_id(kind, moment, secrets.token_hex(2))
    spec = JobSpec.model_validate({"job_id": job_id, "kind": kind, "created": iso_time(moment), "payload": checked})
    workspace.ensure()
    require_space(workspace.internal, _LEAST_SPACE)
    # Built under a hidden name, so that nobody ever sees half a job.
    folder, hidden = workspace.jobs / job_id, workspace.jobs / f".{job_id}.part"
    with disk_errors(folder):
        hidden.mkdir(parents=True)
    try:
        handle = lock.take(hidden)
        if handle is None:
            raise UsageError("The job {job} is running already.", remedy="Try again.", job=job_id)
        try:
            save_spec(hidden, spec)
            with disk_errors(folder):
                hidden.rename(folder)
            _launch(workspace, folder, handle, command or [sys.executable, "-P", "-m", "engine.jobs.worker"])
        finally:
            os.close(handle)  # the worker's copy of it holds the lock from here on
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return job_id


def _launch(workspace: Workspace, folder: Path, handle: int, command: Sequence[str]) -> None:
    with disk_errors(folder / LOG_NAME), (folder / LOG_NAME).open("ab") as log:
        try:
            process = subprocess.Popen(
                [*command, str(folder.absolute()), str(handle)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=workspace.root,
                env=_environment(os.environ),
                close_fds=True,
                pass_fds=[handle],
                start_new_session=True,
            )
        except OSError as error:
            raise NeedMissing(
                "No process could be started for the job: {cause}.",
                remedy="Close other programs and try again.",
                cause=error.strerror or type(error).__name__,
            ) from error
    lock.sign(handle, process.pid)
    # Somebody must wait for the process, or it stays as a zombie for as long as this one lives.
    threading.Thread(target=process.wait, name=f"reap-{folder.name}", daemon=True).start()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in environ.items() if key not in _TERMINAL_NOISE}
    kept |= {"TERM": "dumb", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    kept["PYTHONIOENCODING"] = "utf-8:backslashreplace"
    home = Path(engine.__file__).parent.parent
    if home.name not in {"site-packages", "dist-packages"}:
        # A checkout: the worker must run the same code as the face, installed or not.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(home), environ.get("PYTHONPATH", "")]))
    return kept


def read_events(workspace: Workspace, job_id: str, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return a job's events from a byte offset on, and the offset to go on from.

    Raises:
        NotFound: there is no such job.
    """
    return read_lines(job_folder(workspace, job_id) / EVENTS_NAME, offset)


def read_rows(workspace: Workspace, job_id: str, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the rows that a prediction job has written from a byte offset on, and the offset to go on from.

    Raises:
        NotFound: there is no such job.
    """
    return read_lines(job_folder(workspace, job_id) / ROWS_NAME, offset)


def log_text(workspace: Workspace, job_id: str) -> str:
    """Return what the worker printed; it may hold control characters.

    Raises:
        NotFound: there is no such job.
    """
    path = job_folder(workspace, job_id) / LOG_NAME
    with disk_errors(path):
        return path.read_text("utf-8", "backslashreplace") if path.exists() else ""


@dataclass
class _Follower:
    """How far one reader has come."""

    folder: Path
    offset: int = 0
    ended: bool = False

    def read(self) -> list[dict[str, Any]]:
        held = lock.is_held(self.folder)  # before the events: see _state
        batch, self.offset = read_lines(self.folder / EVENTS_NAME, self.offset)
        self.ended = bool(batch) and batch[-1].get("type") in ENDS
        if not held and not self.ended:
            asked = (self.folder / CANCEL_NAME).exists()
            batch.append({"type": "cancelled" if asked else "crashed", "time": iso_time(now_utc())})
            self.ended = True
        return batch


def follow(workspace: Workspace, job_id: str) -> Iterator[dict[str, Any]]:
    """Yield a job's events from its first to its last, waiting for new ones; it ends when the job has ended.

    The last event is ``finished``, ``failed`` or ``cancelled``; for a worker that died, ``crashed`` is made up.

    Raises:
        NotFound: there is no such job.
    """
    follower = _Follower(job_folder(workspace, job_id))
    while True:
        yield from follower.read()
        if follower.ended:
            return
        time.sleep(_POLL)


async def afollow(workspace: Workspace, job_id: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield what `follow` yields, in batches, without ever blocking the event loop.

    Raises:
        NotFound: there is no such job.
    """
    follower = _Follower(job_folder(workspace, job_id))
    while True:
        if batch := await asyncio.to_thread(follower.read):
            yield batch
        if follower.ended:
            return
        await asyncio.sleep(_POLL)


def cancel(workspace: Workspace, job_id: str, grace: float = 5.0) -> JobState:
    """Stop a job: ask it, then SIGTERM its process group, then SIGKILL.

    Args:
        workspace: the job's workspace.
        job_id: the whole id.
        grace: seconds to wait after each of the three.

    Returns:
        Where the job stands then: ``cancelled``, or how it ended before it could be stopped.

    Raises:
        NotFound: there is no such job.
        BeholderError: it belongs to somebody else, or nothing stops it.
    """
    folder = job_folder(workspace, job_id)
    if not state_of(workspace, job_id).alive:
        return state_of(workspace, job_id)
    with disk_errors(folder):
        (folder / CANCEL_NAME).touch()
    for force in (None, signal.SIGTERM, signal.SIGKILL):
        if force is not None:
            _signal_group(folder, force)
        if _wait_until_free(folder, grace):
            break
    else:
        raise BeholderError(
            "The job {job} does not stop.",
            remedy="See what it does with: beholder jobs logs {job}.",
            job=job_id,
        )
    _write_cancelled(folder)
    return state_of(workspace, job_id)


def _signal_group(folder: Path, force: signal.Signals) -> None:
    pid = lock.holder(folder)
    # Only while the lock is held is the number surely that of our worker and not of a stranger.
    if pid is None or not lock.is_held(folder):
        return
    try:
        os.killpg(pid, force)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise NeedMissing(
            "The job {job} belongs to another user of this machine.",
            remedy="It was asked to stop; ask that user if it does not.",
            job=folder.name,
        ) from error


def _wait_until_free(folder: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while lock.is_held(folder):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL / 2)
    return True


def _write_cancelled(folder: Path) -> None:
    """Write the last event of a worker that was killed before it could."""
    handle = lock.take(folder)
    if handle is None:
        return  # another face is doing it
    try:
        last = last_line(folder / EVENTS_NAME)
        if last is None or last.get("type") not in ENDS:
            writer = EventWriter(folder / EVENTS_NAME)
            writer.write({"type": "cancelled"})
            writer.close()
    finally:
        os.close(handle)
