"""``beholder import``: copy photos and their scores into the workspace."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from engine.errors import UsageError, display_name
from engine.events import Event, ItemFailed, Notice
from engine.workspace import Scale, format_score
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.interrupts import StopSwitch
from tui.progress_line import ProgressLine
from tui.session import Session

if TYPE_CHECKING:
    from engine.labels.importing import ImportPlan

Result = TypeVar("Result")


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "import",
        import_photos,
        help=t("cli.import.help"),
        example="beholder import ~/Pictures --dry-run\nbeholder import ~/Pictures --scores ratings.csv --scale 1-5"
        "\nbeholder import ~/Pictures --stars",
    )


def import_photos(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help=t("cli.import.folder"))],
    scores: Annotated[Path | None, typer.Option("--scores", metavar="FILE.csv", help=t("cli.import.scores"))] = None,
    pattern: Annotated[str, typer.Option("--pattern", metavar="REGEX", help=t("cli.import.pattern"))] = "",
    stars: Annotated[bool, typer.Option("--stars", help=t("labels.import_stars"))] = False,
    scale: Annotated[str, typer.Option("--scale", metavar="LO-HI", help=t("cli.import.scale"))] = "",
    recursive: Annotated[bool, typer.Option("--recursive/--no-recursive", help=t("cli.import.recursive"))] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=t("cli.import.dry_run"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Plan the import, show it or carry it out, and say what became of every file."""
    from engine.labels.importing import ImportOptions, plan_import, run_import

    session = Session.of(context)
    console, workspace = session.console, session.workspace
    options = ImportOptions(
        given_path(folder), scores, pattern or None, Scale.parse(scale) if scale else None, recursive, stars
    )
    with StopSwitch(console) as stop, ProgressLine(console) as progress:
        plan = finish(plan_import(workspace, options, should_stop=stop), progress)
        if dry_run:
            result = _as_result(plan)
        else:
            result = finish(run_import(workspace, plan, should_stop=stop), progress).to_dict()
    if dry_run and not as_json:
        _show_plan(session, plan)
    elif as_json:
        console.json(result)
    _name_skipped(session, plan)
    if not as_json:
        _summary(session, result, dry_run)
    return 1 if result["skipped"] else 0


def given_path(word: str) -> Path:
    """Return the path that a person wrote.

    Raises:
        UsageError: it is empty, as an unset variable makes it; the current folder is surely not meant.
    """
    if not word:
        raise UsageError("A path is empty.", remedy="Write the path; a dot stands for the current folder.")
    return Path(word)


def finish(work: Generator[Event, None, Result], progress: ProgressLine) -> Result:
    """Run work to its end, its events going to the progress line, and return what it returns."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        show(event, progress)


def show(event: Event, progress: ProgressLine) -> None:
    """Show one event: progress on the line, notices and failed items above it."""
    if isinstance(event, Notice):
        progress.note(say(event.message))
    elif isinstance(event, ItemFailed):
        progress.failure(event.path, say(event.reason))
    else:
        progress.show(event.to_dict())


def _as_result(plan: ImportPlan) -> dict[str, Any]:
    """Return what the import would report, in the contract's form, with nothing imported."""
    sound = [item for item in plan.items if item.state != "bad"]
    return {
        "found": len(plan.items),
        "imported": 0,
        "scored": sum(item.score is not None for item in sound),
        "unscored": sum(item.score is None for item in sound),
        "skipped": [
            {"file": str(item.source), "reason": str(item.reason)} for item in plan.items if item.state == "bad"
        ],
        "renamed": {item.source.relative_to(plan.folder).as_posix(): item.name for item in sound if item.renamed},
    }


def _show_plan(session: Session, plan: ImportPlan) -> None:
    headings = [t("cli.table.file"), t("cli.table.score"), t("cli.table.state"), t("cli.table.reason")]
    names = {state: t(f"cli.import.state.{state}") for state in ("new", "same", "bad")}
    rows = [
        (
            item.name if item.state != "bad" else item.source.name,
            format_score(item.score),
            names[item.state],
            say(item.reason),
        )
        for item in plan.items
    ]
    session.console.table(headings, rows, right=[1])


def _name_skipped(session: Session, plan: ImportPlan) -> None:
    for item in plan.items:
        if item.state == "bad":
            session.console.failure(item.source, say(item.reason))


def _summary(session: Session, result: Mapping[str, Any], dry_run: bool) -> None:
    console = session.console
    counts = {key: result[key] for key in ("found", "imported", "scored", "unscored")}
    console.line(t("cli.import.would" if dry_run else "cli.import.done", skipped=len(result["skipped"]), **counts))
    for old, new in result["renamed"].items():
        console.note(t("cli.import.renamed", old=display_name(old), new=display_name(new)))
    if not dry_run:
        from engine.models.catalog import FEWEST_SCORES

        console.note(t("cli.import.next" if result["scored"] >= FEWEST_SCORES else "cli.import.next_unscored"))
