"""A room that shows one job: it hears of the job's events, asks where it stands, and tells its story."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual import on
from textual.message import Message

from engine.errors import NotFound
from engine.jobs import client
from tui.job_story import ENDED, Event, JobStory
from tui.messages import JobProgress
from tui.screens.base import BaseScreen

_STATE_SECONDS = 1.0


@dataclass
class EventsRead(Message):
    """All events of a job that nobody follows any more."""

    job_id: str
    events: Sequence[dict[str, Any]]


@dataclass
class StateSeen(Message):
    """Where a job stands now; a worker that hangs sends no event, so somebody must ask."""

    job_id: str
    state: str


class JobRoom(BaseScreen):
    """A room with a job in it, or none.

    A subclass calls `show_job` and shows `story` in `job_moved`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.job_id = ""
        self.state = ""
        self.story = JobStory()

    def on_mount(self) -> None:
        """Listen to the jobs."""
        self.beholder.job_progress.subscribe(self, self._progressed)
        self.set_interval(_STATE_SECONDS, self._ask_state)

    def show_job(self, job_id: str, state: str) -> None:
        """Show a job from its first event on.

        Args:
            job_id: which one.
            state: where it stands, one of `tui.job_story.STATES`.
        """
        self.job_id, self.state, self.story = job_id, state, JobStory()
        if state not in ENDED:
            self.beholder.follow_job(job_id)
        if job_id in self.beholder.job_events:
            self._advance()
        else:
            self.job_moved([], begun=True)
            self.in_background(partial(self._read_events, job_id), f"{self.area}-events")

    def forget_job(self) -> None:
        """Show no job; the job itself goes on."""
        self.job_id, self.state, self.story = "", "", JobStory()
        self.job_moved([], begun=True)

    def job_moved(self, points: Sequence[Event], *, begun: bool) -> None:
        """Show the story as it is now.

        Args:
            points: the new points of the curve.
            begun: the story begins anew: what was drawn of another job or run is to be forgotten.
        """

    def _progressed(self, progress: JobProgress) -> None:
        if progress.job_id == self.job_id:
            self._advance()

    def _advance(self) -> None:
        """Take in what the app has heard of the shown job and this room has not."""
        self._take(self.beholder.job_events.get(self.job_id, [])[self.story.seen :])

    async def _read_events(self, job_id: str) -> None:
        try:
            events, _ = await asyncio.to_thread(client.read_events, self.workspace, job_id)
        except NotFound:
            return  # removed meanwhile
        self.post_message(EventsRead(job_id, events))

    @on(EventsRead)
    def _events_read(self, message: EventsRead) -> None:
        if message.job_id == self.job_id and self.story.seen == 0:
            self._take(message.events)

    def _take(self, events: Sequence[dict[str, Any]]) -> None:
        is_first, run = self.story.seen == 0, self.story.run
        points = self.story.add(events)
        if events:
            # A crash stands in no file: where the events are read after it, they end in the middle.
            told = self.story.state
            self.state = self.state if self.state in ENDED and told not in ENDED and is_first else told
        self.job_moved(points, begun=is_first or self.story.run != run)

    def _ask_state(self) -> None:
        if self.is_current and self.job_id and self.state not in ENDED:
            self.in_background(partial(self._read_state, self.job_id), f"{self.area}-state")

    async def _read_state(self, job_id: str) -> None:
        try:
            state = await asyncio.to_thread(client.state_of, self.workspace, job_id)
        except NotFound:
            return  # removed meanwhile; whoever did it shows so
        self.post_message(StateSeen(job_id, str(state)))

    @on(StateSeen)
    def _state_seen(self, message: StateSeen) -> None:
        # An end is taken from the events, which may still be on their way, so that nothing of the curve is missing.
        if message.job_id == self.job_id and message.state not in ENDED and self.state not in ENDED:
            self.state = "queued" if self.story.is_waiting else message.state
            self.job_moved([], begun=False)
