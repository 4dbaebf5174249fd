"""Runs long work of the engine in a thread and reports how far it is, a few times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from engine.events import Event, Progress

ResultT = TypeVar("ResultT")

_REPORT_SECONDS = 0.1


@dataclass(frozen=True)
class Stop:
    """A request to stop, shared by a screen and a thread."""

    flag: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask the work to stop."""
        self.flag.set()

    def __call__(self) -> bool:
        """Say whether a stop was asked for."""
        return self.flag.is_set()


def consume(work: Generator[Event, None, ResultT], report: Callable[[Event], object]) -> ResultT:
    """Run a generator of events to its end; call it in a thread.

    Args:
        work: the engine's generator.
        report: gets every event, but progress at most ten times a second and at the end of a phase.

    Returns:
        What the generator returns.
    """
    reported = 0.0
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        now = time.monotonic()
        if isinstance(event, Progress) and event.done != event.total and now - reported < _REPORT_SECONDS:
            continue
        reported = now
        report(event)
