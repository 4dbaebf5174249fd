"""What a person can do with a job from any room that shows one: end it, go on with it, read its log, remove it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from engine.jobs import client
from engine.workspace import Workspace
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.end_job import Ending, EndJobDialog
from tui.dialogs.job_log import JobLogDialog
from tui.i18n import t
from tui.screens.base import BaseScreen

RESUMABLE = frozenset({"cancelled", "crashed", "failed"})
"""States from which a job may go on where it was."""


@dataclass
class JobChanged(Message):
    """Somebody's wish about a job was carried out.

    Args:
        job_id: which job.
        change: ``asked`` to end, ``resumed`` or ``removed``.
    """

    job_id: str
    change: str


class JobActions(BaseScreen):
    """A room from which jobs can be steered; it gets a `JobChanged` when something was done."""

    def ask_to_end(self, job_id: str, kind: str) -> None:
        """Ask whether to end a job, and how; then do it."""

        def answered(ending: Ending | None) -> None:
            if ending == "finish":
                self.notify(t("jobs.finishing"), markup=False)
                self._do(client.finish, job_id, "asked")
            elif ending == "cancel":
                self._do(client.cancel, job_id, "asked")

        self.app.push_screen(EndJobDialog(kind), answered)

    def resume_job(self, job_id: str) -> None:
        """Go on with a job that was stopped or crashed, from where it was."""
        self._do(client.resume, job_id, "resumed")

    def ask_to_remove(self, job_id: str, title: str) -> None:
        """Ask, then move an ended job to the trash."""

        def answered(sure: bool | None) -> None:
            if sure:
                self._do(client.remove, job_id, "removed")

        question, detail = t("jobs.remove_title", what=title or job_id), t("jobs.remove_text")
        self.app.push_screen(ConfirmDialog(question, detail, yes=t("jobs.remove_yes"), dangerous=True), answered)

    def open_log(self, job_id: str, title: str) -> None:
        """Show what the job said, and what its worker printed."""
        self.app.push_screen(JobLogDialog(self.workspace, job_id, title))

    def _do(self, command: Callable[[Workspace, str], Any], job_id: str, change: str) -> None:
        async def carry_out() -> None:
            await asyncio.to_thread(command, self.workspace, job_id)
            self.post_message(JobChanged(job_id, change))

        self.in_background(carry_out, f"job-command-{job_id}")
