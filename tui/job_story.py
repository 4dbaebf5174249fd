"""What the events of one job tell so far, as one value that a screen can show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import BeholderError, Message
from tui.i18n import t
from tui.widgets.job_bar import phase_name

Event = Mapping[str, Any]

STATES = {
    "queued": "story.queued",
    "running": "story.running",
    "silent": "story.silent",
    "finished": "story.finished",
    "failed": "story.failed",
    "cancelled": "story.cancelled",
    "crashed": "story.crashed",
}
ENDED = frozenset({"finished", "failed", "cancelled", "crashed"})


def state_text(state: str) -> str:
    """Return the state's word in the present language."""
    return t(STATES[state]) if state in STATES else state


def duration_text(seconds: float) -> str:
    """Return a duration as people read it.

    >>> duration_text(7.2), duration_text(125), duration_text(7260)
    ('7 s', '2:05 min', '2:01 h')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


@dataclass
class JobStory:
    """The sum of a job's events; `add` takes each batch once, in order."""

    seen: int = 0
    phase: str = ""
    progress: Event | None = None
    curve: list[Event] = field(default_factory=list)
    metrics: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    notices: list[Message] = field(default_factory=list)
    failures: list[tuple[str, Message]] = field(default_factory=list)
    result: Mapping[str, Any] | None = None
    error: BeholderError | None = None
    end: str = ""

    def add(self, events: Iterable[Event]) -> list[Event]:
        """Take in further events and return those that are new points of the curve."""
        points: list[Event] = []
        for event in events:
            self.seen += 1
            kind = event.get("type")
            if kind == "curve":
                points.append(event)
            elif kind == "phase":
                self.phase, self.progress = str(event["phase"]), None
            elif kind == "progress":
                self.phase, self.progress = str(event["phase"]), event
            elif kind == "metrics":
                self.metrics[str(event["part"])] = event["values"]
            elif kind == "notice":
                self.notices.append(Message.from_dict(event["message"]))
            elif kind == "item_failed":
                self.failures.append((str(event["path"]), Message.from_dict(event["reason"])))
            else:
                self._take_end(str(kind), event)
        self.curve += points
        return points

    def _take_end(self, kind: str, event: Event) -> None:
        if kind == "finished":
            self.result, self.end = event.get("result") or {}, kind
        elif kind == "failed":
            self.error, self.end = BeholderError.from_dict(event), kind
        elif kind in {"cancelled", "crashed"}:
            self.end = kind

    def fraction(self) -> float | None:
        """Return how much of the present phase is done, from 0 to 1; None while nobody knows."""
        if self.progress is None or not self.progress.get("total"):
            return None
        return min(1.0, float(self.progress["done"]) / float(self.progress["total"]))

    def progress_text(self) -> str:
        """Return phase, count, rate and time left in one line; an empty text before the first phase."""
        parts = [phase_name(self.phase)] if self.phase else []
        if self.progress is not None:
            done, total = self.progress["done"], self.progress.get("total")
            parts.append(f"{done}/{total}" if total else f"{done}")
            if self.progress.get("rate"):
                parts.append(t("story.rate", rate=f"{self.progress['rate']:.3g}"))
            if self.progress.get("eta") is not None:
                parts.append(t("story.eta", time=duration_text(float(self.progress["eta"]))))
        return " · ".join(parts)
