"""Where the jobs of a workspace stand: derived from their folders each time, never stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.errors import BeholderError, NotFound, UsageError
from engine.jobs import lock
from engine.jobs.events import ENDS, EVENTS_NAME, iso_time, last_line, last_lines, now_utc
from engine.storage import disk_errors
from engine.workspace import Workspace

CANCEL_NAME = "cancel"
FINISH_NAME = "finish"
CHECKPOINT_NAME = "checkpoint"
FINISHABLE = frozenset({"train", "compare", "tune"})
"""Kinds of jobs that can end early and keep what is best so far; any kind can be gone on with."""
SILENT_AFTER = 30.0  # seconds
_TELLING = frozenset({"phase", "progress", "epoch", "waiting"})  # events that say how far a job is


class JobState(StrEnum):
    """Where a job stands; derived from its folder, never stored."""

    QUEUED = "queued"
    RUNNING = "running"
    SILENT = "silent"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CRASHED = "crashed"

    @property
    def alive(self) -> bool:
        """Whether the job's worker lives."""
        return self in {JobState.QUEUED, JobState.RUNNING, JobState.SILENT}


@dataclass(frozen=True)
class JobInfo:
    """One job in a list.

    Args:
        job_id: name of its folder.
        kind: ``train`` or ``predict``; ``?`` when its spec can't be read.
        state: where it stands.
        created: ISO 8601, UTC.
        model_id: the model that it made or used, once it finished.
        payload: what was asked.
        latest: its last event that says how far it is (``phase``, ``progress``, ``epoch`` or ``waiting``), while it
            lives.
    """

    job_id: str
    kind: str
    state: JobState
    created: str
    model_id: str | None
    payload: Mapping[str, Any]
    latest: Mapping[str, Any] | None = None

    @property
    def resumable(self) -> bool:
        """Whether `engine.jobs.client.resume` can go on with it."""
        stopped = self.state in {JobState.FAILED, JobState.CANCELLED, JobState.CRASHED}
        return stopped and self.kind != "?"


def job_folder(workspace: Workspace, job_id: str) -> Path:
    """Return the folder of a job.

    Raises:
        NotFound: there is no such job.
    """
    folder = workspace.jobs / job_id
    if not job_id or job_id.startswith(".") or Path(job_id).name != job_id or not folder.is_dir():
        raise NotFound("There is no job {job}.", remedy="See the jobs with: beholder jobs list.", job=job_id)
    return folder


def _state(folder: Path, now: datetime, silent_after: float) -> tuple[JobState, dict[str, Any] | None]:
    # The lock first: a worker writes its last event before it lets go.
    held = lock.is_held(folder)
    last = last_line(folder / EVENTS_NAME)
    kind = last.get("type") if last else None
    if kind in ENDS:
        return JobState(str(kind)), last
    if not held:
        asked = (folder / CANCEL_NAME).exists()
        return (JobState.CANCELLED if asked else JobState.CRASHED), last
    if last is None or kind == "waiting":
        return JobState.QUEUED, last
    quiet = (now - _moment(last, now)).total_seconds()
    return (JobState.SILENT if quiet > silent_after else JobState.RUNNING), last


def _moment(event: Mapping[str, Any], otherwise: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(str(event.get("time")))
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else otherwise


def state_of(
    workspace: Workspace, job_id: str, *, now: datetime | None = None, silent_after: float = SILENT_AFTER
) -> JobState:
    """Return where a job stands.

    Args:
        workspace: the job's workspace.
        job_id: the whole id.
        now: the present moment, with a time zone; None means: now.
        silent_after: seconds without an event after which a living job counts as silent.

    Raises:
        NotFound: there is no such job.
    """
    return _state(job_folder(workspace, job_id), now or now_utc(), silent_after)[0]


def _info(folder: Path) -> JobInfo | None:
    if not folder.is_dir():
        return None  # removed while the list was made
    # A damaged job must stay in the list, or nobody could find out about it.
    state, last = JobState.CRASHED, None
    try:
        state, last = _state(folder, now_utc(), SILENT_AFTER)
        spec = json.loads((folder / "spec.json").read_bytes())
        kind, created, payload = str(spec["kind"]), str(spec["created"]), dict(spec["payload"])
    except (BeholderError, OSError, ValueError, KeyError, TypeError, RecursionError):
        kind, created, payload = "?", iso_time(_made(folder)), {}
    result = last.get("result") if last and state is JobState.FINISHED else None
    model_id = result.get("model_id") if isinstance(result, dict) else None
    latest = _latest(folder) if state.alive else None
    return JobInfo(folder.name, kind, state, created, str(model_id) if model_id else None, payload, latest)


def _latest(folder: Path) -> Mapping[str, Any] | None:
    try:
        lines = last_lines(folder / EVENTS_NAME)
    except BeholderError:
        return None
    return next((line for line in reversed(lines) if line.get("type") in _TELLING), None)


def _made(folder: Path) -> datetime:
    try:
        return datetime.strptime(folder.name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def list_jobs(workspace: Workspace) -> list[JobInfo]:
    """Return all jobs of a workspace, newest first; damaged ones are listed too, with the kind ``?``.

    Raises:
        BeholderError: the folder of jobs can't be read.
    """
    with disk_errors(workspace.jobs):
        if not workspace.jobs.is_dir():
            return []
        folders = [item for item in workspace.jobs.iterdir() if item.is_dir() and item.name[0] != "."]
        found = [job for folder in folders if (job := _info(folder)) is not None]
    return sorted(found, key=lambda job: (job.created, job.job_id), reverse=True)


def find_job(workspace: Workspace, ref: str) -> JobInfo:
    """Return the job that is meant.

    Args:
        workspace: where to look.
        ref: an id, the beginning of one that no other job shares, or ``latest``.

    Raises:
        NotFound: there is no such job.
        UsageError: several jobs begin like that.
    """
    jobs = list_jobs(workspace)
    if not jobs:
        raise NotFound("There are no jobs yet.", remedy="Start one with: beholder train --detach.")
    if ref == "latest":
        return jobs[0]
    fitting = [job for job in jobs if ref and job.job_id.startswith(ref)]
    exact = [job for job in fitting if job.job_id == ref]
    if len(fitting) > 1 and not exact:
        raise UsageError(
            "{count} jobs begin with {job}.",
            remedy="Write more of the id of one of them: {found}.",
            count=len(fitting),
            job=ref,
            found=", ".join(job.job_id for job in fitting[:10]) + (", …" if len(fitting) > 10 else ""),
        )
    if not fitting:
        raise NotFound("There is no job {job}.", remedy="See the jobs with: beholder jobs list.", job=ref)
    return (exact or fitting)[0]
