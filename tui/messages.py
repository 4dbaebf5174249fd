"""The messages that workers post, so that none of them touches a widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from textual.message import Message


@dataclass
class JobProgress(Message):
    """New events of a followed job.

    Args:
        job_id: which job.
        events: what is new since the last such message, oldest first; all so far are in `app.job_events`.
    """

    job_id: str
    events: list[dict[str, Any]]


class ScoreNews(Message):
    """What the thread that keeps the scores has to tell; see `tui.score_keeper` for the kinds."""


@dataclass
class CompanionChanged(Message):
    """How the process that holds a model warm stands now; see `tui.companion`.

    Args:
        state: ``starting`` until it can answer; ``ready``; ``restarted``: it can answer again after it had died;
            ``failed``: it died three times in a minute, or can't be started; ``off`` before and after.
        reason: why it died, in the present language; empty where it did not.
    """

    state: Literal["off", "starting", "ready", "restarted", "failed"]
    reason: str = ""
