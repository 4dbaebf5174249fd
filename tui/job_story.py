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
    """The sum of a job's events; `add` takes each batch once, in order.

    A ``started`` event begins a new run of the same job, which tells again what was done before: all but the notices
    is forgotten then.

    Attributes:
        seen: how many events were taken in, over all runs.
        run: how many runs have begun.
        curve: the points of the live curve.
        epoch: the newest ``epoch`` event. step: the newest ``step`` event.
        rows: table → key → values of the lines of tables that grow.
        is_waiting: it waits for its device. behind: the job it waits for, where that is known.
    """

    seen: int = 0
    run: int = 0
    phase: str = ""
    progress: Event | None = None
    curve: list[Event] = field(default_factory=list)
    epoch: Event | None = None
    step: Event | None = None
    rows: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    metrics: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    notices: list[Message] = field(default_factory=list)
    failures: list[tuple[str, Message]] = field(default_factory=list)
    is_waiting: bool = False
    behind: str = ""
    result: Mapping[str, Any] | None = None
    error: BeholderError | None = None
    end: str = ""

    @property
    def state(self) -> str:
        """Where the job stands, as far as its events tell: one of `STATES`."""
        return self.end or ("queued" if self.is_waiting or not self.seen else "running")

    def add(self, events: Iterable[Event]) -> list[Event]:
        """Take in further events and return those that are new points of the curve."""
        points: list[Event] = []
        for event in events:
            self.seen += 1
            kind = str(event.get("type"))
            if kind == "started":
                self._begin_again()
                points = []
            elif kind == "curve":
                points.append(event)
                self.curve.append(event)
            self.is_waiting = kind == "waiting"
            self._take(kind, event)
        return points

    def _begin_again(self) -> None:
        self.run += 1
        self.phase, self.progress, self.epoch, self.step = "", None, None, None
        self.curve, self.rows, self.metrics, self.failures = [], {}, {}, []
        self.result, self.error, self.end = None, None, ""

    def _take(self, kind: str, event: Event) -> None:
        if kind == "phase":
            self.phase, self.progress = str(event["phase"]), None
        elif kind == "progress":
            self.phase, self.progress = str(event["phase"]), event
        elif kind == "epoch":
            self.epoch, self.step = event, None
        elif kind == "step":
            self.step = event
        elif kind == "row":
            self.rows.setdefault(str(event["table"]), {})[str(event["key"])] = event["values"]
        elif kind == "metrics":
            self.metrics[str(event["part"])] = event["values"]
        elif kind == "notice":
            notice = Message.from_dict(event["message"])
            if notice not in self.notices:  # a run that goes on says what the one before it said
                self.notices.append(notice)
        elif kind == "item_failed":
            self.failures.append((str(event["path"]), Message.from_dict(event["reason"])))
        elif kind == "waiting":
            self.behind = str(event.get("behind") or "")
        elif kind == "finished":
            self.result, self.end = event.get("result") or {}, kind
        elif kind == "failed":
            self.error, self.end = BeholderError.from_dict(event), kind
        elif kind in {"cancelled", "crashed"}:
            self.end = kind

    def fraction(self) -> float | None:
        """Return how much of the present phase is done, from 0 to 1; None while nobody knows."""
        if self.progress is not None and self.progress.get("total"):
            return min(1.0, float(self.progress["done"]) / float(self.progress["total"]))
        if self.epoch is not None and self.phase in {"", "fitting"} and self.epoch.get("epochs"):
            return min(1.0, float(self.epoch["epoch"]) / float(self.epoch["epochs"]))
        return None

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
