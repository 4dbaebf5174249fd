"""What a face does with jobs: start, list, find, follow, end, resume and remove them, all through the job's folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.jobs import lock
from engine.jobs.ending import cancel, finish, remove
from engine.jobs.events import ENDS, EVENTS_NAME, ROWS_NAME, iso_time, now_utc, read_lines
from engine.jobs.launch import LOG_NAME, resume, start
from engine.jobs.listing import CANCEL_NAME, JobInfo, JobState, find_job, job_folder, list_jobs, state_of
from engine.storage import disk_errors
from engine.workspace import Workspace

__all__ = [
    "JobInfo",
    "JobState",
    "afollow",
    "cancel",
    "find_job",
    "finish",
    "follow",
    "list_jobs",
    "log_text",
    "read_events",
    "read_rows",
    "remove",
    "resume",
    "start",
    "state_of",
]

_POLL = 0.1  # seconds between two looks at a job's files


def read_events(workspace: Workspace, job_id: str, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return a job's events from a byte offset on, and the offset to go on from.

    Raises:
        NotFound: there is no such job.
    """
    return read_lines(job_folder(workspace, job_id) / EVENTS_NAME, offset)


def read_rows(workspace: Workspace, job_id: str, offset: int = 0, most: int = -1) -> tuple[list[dict[str, Any]], int]:
    """Return the rows that a prediction job has written from a byte offset on, and the offset to go on from.

    Args:
        workspace: the job's workspace.
        job_id: the whole id.
        offset: where to begin, in bytes.
        most: about how many bytes to read at once; below 0: all.

    Raises:
        NotFound: there is no such job.
    """
    return read_lines(job_folder(workspace, job_id) / ROWS_NAME, offset, most)


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
