"""``beholder next``: which photos to score next, and why."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import NotFound
from tui.commands.importing import show
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.interrupts import StopSwitch
from tui.progress_line import ProgressLine
from tui.session import Session

if TYPE_CHECKING:
    from engine.events import StopCheck
    from engine.prediction.suggest import Suggestion

_ROUGH = 20  # width of a scale from which on a guess needs one decimal


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app, "next", suggest_next, help=t("companion.next.help"), example="beholder next -n 20\nbeholder next --json"
    )


def suggest_next(
    context: typer.Context,
    count: Annotated[int, typer.Option("-n", metavar="N", min=1, help=t("companion.next.count"))] = 10,
    model: Annotated[str, typer.Option("--model", metavar="ID", help=t("companion.next.model"))] = "default",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Print the unscored photos that teach a model most, the most useful first."""
    session = Session.of(context)
    failed: list[str] = []
    with StopSwitch(session.console) as stop, ProgressLine(session.console) as progress:
        found = _found(session, count, model, stop, progress, failed)
        progress.clear()
    if not found and not failed:
        raise NotFound(
            "There is no photo without a score in {path}.",
            remedy="Import more photos: beholder import FOLDER",
            path=session.workspace.data,
        )
    if as_json:
        session.console.json(
            [{"name": item.name, "score": _rounded(item.score), "reason": say(item.reason)} for item in found]
        )
    elif found:
        decimals = 1 if session.workspace.scale.span > _ROUGH else 2
        guesses = [None if item.score is None else f"{item.score:.{decimals}f}" for item in found]
        session.console.table(
            [t("cli.table.photo"), t("companion.next.guess"), t("companion.next.reason")],
            [[item.name, guess, say(item.reason)] for item, guess in zip(found, guesses, strict=True)],
            right=[1],
        )
    return 1 if failed else 0


def _found(
    session: Session, count: int, model: str, stop: StopCheck, progress: ProgressLine, failed: list[str]
) -> list[Suggestion]:
    from engine.events import ItemFailed
    from engine.models.bundle import find_bundle
    from engine.models.finding import DEFAULT_REFS
    from engine.models.manifest import bundle_folders
    from engine.prediction.suggest import Suggestion, suggest

    workspace = session.existing_workspace()
    found = []
    with ExitStack() as held:
        opened = None
        if model not in DEFAULT_REFS or any(bundle_folders(workspace)):
            from engine.prediction.open_model import OpenModel

            opened = held.enter_context(OpenModel(workspace, find_bundle(workspace, model)))
        for event in suggest(workspace, count, model=opened, should_stop=stop):
            if isinstance(event, Suggestion):
                found.append(event)
                continue
            if isinstance(event, ItemFailed):
                failed.append(event.path)
            show(event, progress)
    return found


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
