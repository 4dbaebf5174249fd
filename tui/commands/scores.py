"""``beholder scores``: list and export the labels, and tell how they came about and how consistent they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.errors import display_name
from engine.workspace import format_score
from tui.commands import score_check, score_edits
from tui.commands.label_words import all_entries, local_time, size_text
from tui.help_pages import add_command, add_group
from tui.i18n import t, texts
from tui.session import Session

if TYPE_CHECKING:
    from engine.labels.scorebook import Change, Entry


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(
        app, "scores", help=t("cli.scores.help"), example="beholder scores set sunset.jpg 85", default=bare
    )
    add_command(
        group,
        "list",
        list_scores,
        help=t("cli.scores.list.help"),
        example='beholder scores list --sort score\nbeholder scores list --filter "score>80 changed today"',
    )
    score_edits.register(group)
    score_check.register(group)
    add_command(
        group,
        "consistency",
        tell_consistency,
        help=t("labels.consistency.help"),
        example="beholder scores consistency",
    )
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
    filter_text: Annotated[str, typer.Option("--filter", metavar="TEXT", help=t("labels.filter"))] = "",
    sort: Annotated[
        Literal["name", "score", "guess", "difference", "size", "date", "changed"],
        typer.Option("--sort", metavar="COLUMN", help=t("labels.list.sort")),
    ] = "name",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print the photos with their scores."""
    from engine.labels.scorebook import ScoreBook
    from tui.filter_words import photo_filter

    session = Session.of(context)
    with ScoreBook(session.existing_workspace()) as book:
        entries = all_entries(book)
    keep = photo_filter(filter_text)
    chosen = [entry for entry in entries if keep(entry) and not (unscored and entry.score is not None)]
    if sort != "name":
        chosen = _by(sort, chosen)
    if as_json:
        session.console.json([_as_dict(entry) for entry in chosen])
        return
    if chosen:
        _show(session, chosen, sort)
    scored = sum(entry.score is not None for entry in entries)
    if len(chosen) < len(entries):
        session.console.note(t("labels.list.shown", n=len(chosen), all=len(entries)))
    session.console.note(t("cli.scores.list.count", scored=scored, unscored=len(entries) - scored))


def _by(column: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with the most, largest or newest first, those where it is not known last."""
    value = _VALUES[column]
    known = [entry for entry in entries if value(entry) is not None]
    unknown = [entry for entry in entries if value(entry) is None]
    return [*sorted(known, key=value, reverse=True), *unknown]


_VALUES: dict[str, Callable[[Entry], Any]] = {
    "score": lambda entry: entry.score,
    "guess": lambda entry: entry.guess,
    "difference": lambda entry: None if entry.difference is None else abs(entry.difference),
    "size": lambda entry: entry.size,
    "date": lambda entry: entry.modified,
    "changed": lambda entry: entry.changed or None,
}


def _as_dict(entry: Entry) -> dict[str, object]:
    modified = None if entry.modified is None else datetime.fromtimestamp(entry.modified, UTC)
    return {
        "name": entry.name,
        "score": entry.score,
        "guess": entry.guess,
        "difference": None if entry.difference is None else round(entry.difference, 6),
        "present": entry.present,
        "flagged": entry.flagged,
        "size": entry.size,
        "modified": modified.isoformat(timespec="seconds") if modified else None,
        "source": entry.source or None,
        "changed": entry.changed or None,
    }


def _show(session: Session, entries: Sequence[Entry], sort: str) -> None:
    """Print a table: guesses where there are any, and the column by which it is sorted."""
    columns = ["name", "score"]
    if any(entry.guess is not None for entry in entries):
        columns += ["guess", "difference"]
    if sort not in (*columns, "guess", "difference"):
        columns.append(sort)
    headings = [t(f"labels.column.{column}") for column in columns]
    rows = [[*(_cell(entry, column) for column in columns), _states(entry)] for entry in entries]
    numbers = [place for place, column in enumerate(columns) if column not in {"name", "changed", "date"}]
    session.console.table([*headings, ""], rows, right=numbers)


def _cell(entry: Entry, column: str) -> str | None:
    match column:
        case "name":
            return entry.name
        case "score":
            return format_score(entry.score) or None
        case "guess":
            return None if entry.guess is None else f"{entry.guess:.1f}"
        case "difference":
            return None if entry.difference is None else f"{entry.difference:+.1f}"
        case "size":
            return size_text(entry.size)
        case "date":
            return None if entry.modified is None else f"{datetime.fromtimestamp(entry.modified):%Y-%m-%d %H:%M:%S}"
        case _:
            return local_time(entry.changed) or None


def _states(entry: Entry) -> str:
    words = []
    if not entry.present:
        words.append(t("cli.scores.list.missing"))
    if entry.flagged:
        words.append(t("labels.list.flagged"))
    return ", ".join(words)


def history(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print who changed which score, and when."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    with ScoreBook(session.existing_workspace()) as book:
        changes = book.history()
    rows = [row for change in changes for row in _history_rows(change)]
    if as_json:
        session.console.json(rows)
        return
    columns = ("seq", "time", "who", "kind", "name", "old", "new")
    headings = [t(f"cli.history.{column}") for column in columns]
    cells = [[_history_cell(row, column) for column in columns] for row in rows]
    session.console.table(headings, cells, right=[0, 5, 6])


def _history_rows(change: Change) -> list[dict[str, object]]:
    """Return a row for each score that changed, and for each photo that moved without one."""
    said = {"seq": change.seq, "time": str(change.time), "who": change.who, "kind": change.kind}
    moved = {move.name: "out" if move.out else "in" for move in change.moves}
    rows = []
    for edit in change.edits:
        photo = moved.pop(edit.name, None)
        rows.append({**said, "name": edit.name, "old": edit.old, "new": edit.new, "photo": photo})
    return rows + [{**said, "name": name, "old": None, "new": None, "photo": photo} for name, photo in moved.items()]


def _history_cell(row: Mapping[str, object], column: str) -> object:
    value = row[column]
    if column == "time":
        return local_time(str(value))
    if column == "kind":
        return t(f"labels.kind.{value}") if f"labels.kind.{value}" in texts("en") else value
    return _number(value) if column in {"old", "new"} else value


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
    with ScoreBook(session.existing_workspace()) as book:
        scores = book.scores()
    raw = out is not None or not sys.stdout.isatty()
    rows = [{"name": name if raw else display_name(name), "score": score} for name, score in scores.items()]
    count = write_rows(rows, ("name", "score"), out, form)
    if out is not None:
        session.console.note(t("cli.scores.export.done", n=count, path=display_name(out)))


def tell_consistency(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print how well second ratings, given blind, agree with the first ones."""
    from dataclasses import asdict

    from engine.labels.rerates import consistency, read_rerates

    session = Session.of(context)
    workspace = session.existing_workspace()
    found = consistency(read_rerates(workspace), workspace.scale)
    if as_json:
        known = asdict(found) if found.n else {**dict.fromkeys(asdict(found)), "n": 0}
        session.console.json(known)
        return
    if not found.n:
        session.console.paragraph(t("labels.consistency.none"))
        return
    console = session.console
    console.line(t("labels.consistency.n", n=found.n))
    console.line(t("labels.consistency.mae", points=f"{found.mae:.2f}", share=f"{found.share:.1%}"))
    console.line(t("labels.consistency.bias", points=f"{found.bias:+.2f}"))
    if found.srcc is not None:
        console.line(t("labels.consistency.srcc", srcc=f"{found.srcc:.3f}"))
    console.note(t("labels.consistency.meaning"))
