"""How a job is ended from outside: stopped, ended early with what it has, or put into the trash."""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path

from engine.errors import BeholderError, NeedMissing, UsageError
from engine.jobs import lock
from engine.jobs.events import ENDS, EVENTS_NAME, EventWriter, last_line
from engine.jobs.listing import CANCEL_NAME, FINISH_NAME, FINISHABLE, JobState, find_job, job_folder, state_of
from engine.storage import disk_errors
from engine.trash import put_into_trash
from engine.workspace import Workspace

_POLL = 0.05  # seconds between two looks at the lock
_LEAVES_WITHIN = 10.0  # seconds that Python may take to end after the last event, with torch in it
_KILLED_WITHIN = 5.0  # seconds that the kernel may take for a process that writes to a slow disk


def cancel(workspace: Workspace, job_id: str, grace: float = 1.0) -> JobState:
    """Stop a job: ask it, then SIGTERM its process group, then SIGKILL.

    A loop of ours looks often enough to stop when asked; scikit-learn and other native code don't look, and don't let
    Python take a signal either, so only the last of the three ends them.

    Args:
        workspace: the job's workspace.
        job_id: the whole id.
        grace: seconds until SIGTERM; after half of it again comes SIGKILL.

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
    steps = ((None, grace), (signal.SIGTERM, grace / 2), (signal.SIGKILL, _KILLED_WITHIN))
    for force, patience in steps:
        if force is not None:
            _signal_group(folder, force)
        if _wait_until_free(folder, patience):
            break
    else:
        raise BeholderError(
            "The job {job} does not stop.",
            remedy="See what it does with: beholder jobs logs {job}.",
            job=job_id,
        )
    _write_cancelled(folder)
    return state_of(workspace, job_id)


def finish(workspace: Workspace, job_id: str) -> JobState:
    """Ask a training, comparison or search to end early and to keep what is best so far; returns at once.

    Returns:
        Where the job stands: it goes on until its model is saved.

    Raises:
        NotFound: there is no such job.
        UsageError: it has not begun yet, or is a prediction; only `cancel` stops these.
        BeholderError: the job's folder can't be written.
    """
    job = find_job(workspace, job_folder(workspace, job_id).name)
    if not job.state.alive:
        return job.state
    if job.kind not in FINISHABLE or job.state is JobState.QUEUED:
        raise UsageError(
            "The job {job} has nothing yet that could be kept.",
            remedy="Cancel it with: beholder jobs cancel {job}",
            job=job_id,
        )
    folder = workspace.jobs / job_id
    with disk_errors(folder):
        (folder / FINISH_NAME).touch()
    return job.state


def remove(workspace: Workspace, job_id: str) -> Path:
    """Move a job's folder, damaged or not, into the workspace's trash and return its place there.

    Raises:
        NotFound: there is no such job.
        UsageError: it runs or waits.
        BeholderError: the place can't be written.
    """
    folder = job_folder(workspace, job_id)
    handle: int | None
    try:
        handle = take_when_ended(folder)  # and so nobody resumes it meanwhile
    except BeholderError:
        handle = -1  # what stands where the lock should be is none: nobody can hold it
    if handle is None:
        raise UsageError(
            "The job {job} is still running.", remedy="Stop it first: beholder jobs cancel {job}", job=job_id
        )
    place = workspace.trash / "jobs" / f"{job_id}-{secrets.token_hex(2)}"
    try:
        put_into_trash(folder, place)
    finally:
        if handle >= 0:
            os.close(handle)
    return place


def take_when_ended(folder: Path) -> int | None:
    """Take a job's lock for good; one that wrote its last event gets the moment that its process needs to leave.

    Returns:
        The descriptor that holds the lock; None where the job is still at work.

    Raises:
        BeholderError: the folder can't be written.
    """
    deadline = time.monotonic() + _LEAVES_WITHIN
    while True:
        handle = lock.take(folder)
        last = last_line(folder / EVENTS_NAME) if handle is None else None
        if handle is not None or last is None or last.get("type") not in ENDS or time.monotonic() >= deadline:
            return handle
        time.sleep(_POLL)


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
        time.sleep(_POLL)
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
