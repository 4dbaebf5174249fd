"""The messages that workers post, so that none of them touches a widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
