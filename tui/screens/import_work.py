"""The Import screen's long work: the preview and the copying, in a thread, and one line that says how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from textual.message import Message

from engine.errors import Interrupted
from engine.events import Event, Progress
from engine.labels.importing import ImportReport, plan_import, run_import
from engine.labels.recent import recent_folders
from engine.workspace import Workspace
from tui.i18n import t
from tui.progress_line import duration
from tui.running import Stop, consume
from tui.screens.import_draft import Draft
from tui.widgets.import_form import Request, Values, read_request
from tui.widgets.job_bar import phase_name

ResultT = TypeVar("ResultT")
Tell = Callable[[Message], object]


@dataclass
class Worked(Message):
    """The engine reported an event."""

    event: Event


@dataclass
class Planned(Message):
    """The preview is over.

    Args:
        draft: what it found; None if it failed or was stopped.
        request: what was asked for; None if that could not be understood.
        was_stopped: whether the person stopped it.
    """

    draft: Draft | None
    request: Request | None = None
    was_stopped: bool = False


@dataclass
class Imported(Message):
    """The copying is over.

    Args:
        report: what was done; None if it failed or was stopped.
        was_stopped: whether the person stopped it.
        last: how far it came.
    """

    report: ImportReport | None
    was_stopped: bool = False
    last: Progress | None = None


@dataclass
class RecentRead(Message):
    """The folders of the latest imports were read."""

    folders: list[Path]


async def preview(workspace: Workspace, values: Values, before: Draft | None, stop: Stop, tell: Tell) -> None:
    """Look at every photo of the folder that a form names, without writing anything; tells `Planned` at its end."""
    request: Request | None = None
    draft: Draft | None = None

    def work() -> tuple[Request, Draft]:
        request = read_request(values)
        plan = consume(plan_import(workspace, request.options, should_stop=stop), lambda event: tell(Worked(event)))
        return request, Draft(plan, before)

    try:
        request, draft = await asyncio.to_thread(work)
    except Interrupted:
        pass
    finally:
        tell(Planned(draft, request, stop()))
        stop.ask()  # when the app closes, the thread must not keep it waiting


async def save(workspace: Workspace, draft: Draft, stop: Stop, tell: Tell) -> None:
    """Copy the photos of a draft and write their scores; tells `Imported` at its end."""
    report: ImportReport | None = None
    seen: list[Progress] = []

    def work() -> ImportReport:
        steps = _noting(run_import(workspace, draft.plan, should_stop=stop), seen)
        return consume(steps, lambda event: tell(Worked(event)))

    try:
        report = await asyncio.to_thread(work)
    except Interrupted:
        pass
    finally:
        tell(Imported(report, stop(), seen[-1] if seen else None))
        stop.ask()


def _noting(work: Generator[Event, None, ResultT], seen: list[Progress]) -> Generator[Event, None, ResultT]:
    """Run work and note the latest progress, of which only some reaches the screen."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(event, Progress):
            seen[:] = [event]
        yield event


async def read_recent(workspace: Workspace, tell: Tell) -> None:
    """Read the folders of the latest imports that are still there; tells `RecentRead`."""

    def work() -> list[Path]:
        return [folder for folder in recent_folders(workspace) if folder.is_dir()]

    tell(RecentRead(await asyncio.to_thread(work)))


def progress_text(event: Progress, width: int) -> str:
    """Return a line such as ``copying ▰▰▰▱▱ 60 of 100 · 12/s · 3 s left``.

    Args:
        event: how far the work is.
        width: cells that the line may take; a narrow one gets a shorter bar.
    """
    name = phase_name(event.phase)
    if not event.total:
        return f"{name} {event.done}"
    bar = 24 if width >= 80 else 10
    full = bar * event.done // event.total
    parts = [
        f"{name} {'▰' * full}{'▱' * (bar - full)} " + t("app.import.done_of", done=event.done, total=event.total),
    ]
    if event.rate:
        parts.append(t("importing.rate", rate=f"{event.rate:.0f}" if event.rate >= 10 else f"{event.rate:.1f}"))
    if event.eta is not None and event.eta >= 1:
        parts.append(t("importing.left", time=duration(event.eta)))
    return " · ".join(parts)
