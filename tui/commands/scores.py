"""``beholder scores``: list, set, undo, redo, history and export the labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.errors import UsageError, display_name
from engine.workspace import format_score
from tui.help_pages import add_command, add_group
from tui.i18n import t
from tui.session import Session

if TYPE_CHECKING:
    from engine.labels.scorebook import Change, Entry

_NONE = {"-", "none", ""}


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(
        app, "scores", help=t("cli.scores.help"), example="beholder scores set sunset.jpg 85", default=bare
    )
    add_command(group, "list", list_scores, help=t("cli.scores.list.help"), example="beholder scores list --sort score")
    add_command(
        group,
        "set",
        set_score,
        help=t("cli.scores.set.help"),
        example="beholder scores set sunset.jpg 85\nbeholder scores set sunset.jpg -",
        context_settings={"ignore_unknown_options": True},  # a negative score looks like an option
    )
    add_command(group, "undo", undo, help=t("cli.scores.undo.help"), example="beholder scores undo")
    add_command(group, "redo", redo, help=t("cli.scores.redo.help"), example="beholder scores redo")
    add_command(group, "history", history, help=t("cli.scores.history.help"), example="beholder scores history")
    add_command(group, "export", export, help=t("cli.scores.export.help"), example="beholder scores export scores.csv")


def bare(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """List the scores when no command is named."""
    if context.invoked_subcommand is None:
        list_scores(context, as_json=as_json)


def list_scores(
    context: typer.Context,
    unscored: Annotated[bool, typer.Option("--unscored", help=t("cli.scores.list.unscored"))] = False,
    sort: Annotated[
        Literal["name", "score"], typer.Option("--sort", metavar="name|score", help=t("cli.scores.list.sort"))
    ] = "name",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print the photos with their scores."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    entries = ScoreBook(session.existing_workspace()).entries()
    chosen = [entry for entry in entries if not unscored or entry.score is None]
    if sort == "score":
        chosen.sort(key=lambda entry: -entry.score if entry.score is not None else float("inf"))
    if as_json:
        session.console.json([{"name": entry.name, "score": entry.score} for entry in chosen])
        return
    if chosen:
        headings = [t("cli.table.photo"), t("cli.table.score"), ""]
        session.console.table(headings, [_row(entry) for entry in chosen], right=[1])
    scored = sum(entry.score is not None for entry in entries)
    session.console.note(t("cli.scores.list.count", scored=scored, unscored=len(entries) - scored))


def _row(entry: Entry) -> tuple[str, str | None, str]:
    missing = "" if entry.present else t("cli.scores.list.missing")
    return entry.name, format_score(entry.score) or None, missing


def set_score(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("cli.scores.set.name"))],
    score: Annotated[str, typer.Argument(metavar="SCORE", help=t("cli.scores.set.score"))],
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Give one photo a score, or take its score away."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    change = ScoreBook(session.existing_workspace()).set(name, _parse_score(score))
    _say_change(session, change, as_json)


def _parse_score(text: str) -> float | None:
    if text.strip().lower() in _NONE:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(
            "“{text}” is not a score.", remedy="Write a number such as 85, or - for no score.", text=text
        ) from error


def undo(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Take the last change back."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    _say_change(session, ScoreBook(session.existing_workspace()).undo(), as_json)


def redo(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Make the last change that was taken back again."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    _say_change(session, ScoreBook(session.existing_workspace()).redo(), as_json)


def _say_change(session: Session, change: Change, as_json: bool) -> None:
    if as_json:
        session.console.json(change.to_dict())
        return
    for edit in change.edits:
        session.console.line(
            t(
                "cli.scores.changed",
                name=display_name(edit.name),
                old=format_score(edit.old) or "–",
                new=format_score(edit.new) or "–",
            )
        )


def history(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print who changed which score, and when."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    changes = ScoreBook(session.existing_workspace()).history()
    rows = [
        {
            "seq": change.seq,
            "time": str(change.time),
            "who": change.who,
            "kind": change.kind,
            "name": edit.name,
            "old": edit.old,
            "new": edit.new,
        }
        for change in changes
        for edit in change.edits
    ]
    if as_json:
        session.console.json(rows)
        return
    columns = ("seq", "time", "who", "kind", "name", "old", "new")
    headings = [t(f"cli.history.{column}") for column in columns]
    cells = [
        [row[column] if column not in {"old", "new"} else _number(row[column]) for column in columns] for row in rows
    ]
    session.console.table(headings, cells, right=[0, 5, 6])


def _number(value: object) -> str | None:
    return format_score(float(value)) if isinstance(value, int | float) else None


def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help=t("cli.scores.export.file"))],
) -> None:
    """Write names and scores into a table."""
    from engine.labels.scorebook import ScoreBook
    from engine.outputs.tables import format_of, write_rows

    session = Session.of(context)
    out = None if file == "-" else Path(file)
    form = "csv" if out is None else format_of(out)
    scores = ScoreBook(session.existing_workspace()).scores()
    raw = out is not None or not sys.stdout.isatty()
    rows = [{"name": name if raw else display_name(name), "score": score} for name, score in scores.items()]
    count = write_rows(rows, ("name", "score"), out, form)
    if out is not None:
        session.console.note(t("cli.scores.export.done", n=count, path=display_name(out)))
