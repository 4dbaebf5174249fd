"""``beholder scores set · add · rm · shift · rescale · flag · undo · redo``: everything that changes the labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import NotFound, UsageError, display_name
from engine.workspace import Scale, Workspace
from tui.commands.importing import given_path
from tui.commands.label_words import all_entries, confirmed, known_names, tell_change
from tui.help_pages import add_command
from tui.i18n import t
from tui.session import Session

if TYPE_CHECKING:
    from engine.labels.scorebook import ScoreBook

_NONE = {"-", "none", ""}
_NUMBERS = {"ignore_unknown_options": True}  # a negative number looks like an option


def register(group: typer.Typer) -> None:
    """Add the commands to the group of ``scores``."""
    add_command(
        group,
        "set",
        set_score,
        help=t("cli.scores.set.help"),
        example="beholder scores set sunset.jpg 85\nbeholder scores set sunset.jpg -",
        context_settings=_NUMBERS,
    )
    add_command(
        group,
        "add",
        add,
        help=t("labels.add.help"),
        example="beholder scores add ~/Pictures/sunset.jpg 85",
        context_settings=_NUMBERS,
    )
    add_command(group, "rm", remove, help=t("labels.rm.help"), example="beholder scores rm blurred.jpg")
    add_command(
        group,
        "shift",
        shift,
        help=t("labels.shift.help"),
        example='beholder scores shift -5 --filter "source:import"\nbeholder scores shift 10 sunset.jpg lake.jpg',
        context_settings=_NUMBERS,
    )
    add_command(
        group,
        "rescale",
        rescale,
        help=t("labels.rescale.help"),
        example='beholder scores rescale 0-100\nbeholder scores rescale 60-90 --filter "changed today"',
        context_settings=_NUMBERS,
    )
    add_command(group, "flag", flag, help=t("labels.flag.help"), example="beholder scores flag sunset.jpg lake.jpg")
    add_command(group, "undo", undo, help=t("cli.scores.undo.help"), example="beholder scores undo")
    add_command(group, "redo", redo, help=t("cli.scores.redo.help"), example="beholder scores redo")


def set_score(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("cli.scores.set.name"))],
    score: Annotated[str, typer.Argument(metavar="SCORE", help=t("cli.scores.set.score"))],
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Give one photo a score, or take its score away."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    wanted = _parse_score(score)
    with ScoreBook(session.existing_workspace()) as book:
        (photo,) = _names(book, [name])
        change = book.set(photo, wanted)
    tell_change(session, change, as_json)


def add(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help=t("labels.add.file"))],
    score: Annotated[str, typer.Argument(metavar="SCORE", help=t("labels.add.score"))] = "",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Take one picture into the workspace, with its score."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    wanted, source = _parse_score(score), given_path(file)
    with ScoreBook(session.existing_workspace()) as book:
        if not source.exists() and not _lies_in(book.workspace, file):
            raise NotFound("There is no file {path}.", remedy="Check the spelling of the path.", path=source)
        change = book.add(source, wanted)
    tell_change(session, change, as_json)


def remove(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help=t("labels.names"))],
    yes: Annotated[bool, typer.Option("--yes", "-y", help=t("cli.option.yes"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Move photos into the trash and take their scores away, after a question."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    with ScoreBook(session.existing_workspace()) as book:
        wanted = _names(book, names)
        one = len(wanted) == 1
        question = t("labels.rm.ask", name=display_name(wanted[0])) if one else t("labels.rm.ask_many", n=len(wanted))
        if not confirmed(session, question, yes):
            return
        change = book.remove(wanted)
    tell_change(session, change, as_json)


def shift(
    context: typer.Context,
    by: Annotated[str, typer.Argument(metavar="BY", help=t("labels.shift.by"))],
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help=t("labels.selected"))] = None,
    filter_text: Annotated[str, typer.Option("--filter", metavar="TEXT", help=t("labels.filter"))] = "",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Move scores up or down by a number of points."""
    from engine.labels.bulk import shifted
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    points = _points(by)
    with ScoreBook(session.existing_workspace()) as book:
        scores, unscored = _selected(book, names or [], filter_text)
        change = book.set_many(shifted(scores, points, book.workspace.scale), kind="shift")
    tell_change(session, change, as_json)
    return _name_unscored(session, unscored)


def rescale(
    context: typer.Context,
    ends: Annotated[str, typer.Argument(metavar="LO-HI", help=t("labels.rescale.ends"))],
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help=t("labels.selected"))] = None,
    filter_text: Annotated[str, typer.Option("--filter", metavar="TEXT", help=t("labels.filter"))] = "",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Stretch scores evenly over a range."""
    from engine.labels.bulk import rescaled
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    target = Scale.parse(ends)
    with ScoreBook(session.existing_workspace()) as book:
        scores, unscored = _selected(book, names or [], filter_text)
        change = book.set_many(rescaled(scores, target.low, target.high, book.workspace.scale), kind="rescale")
    tell_change(session, change, as_json)
    return _name_unscored(session, unscored)


def flag(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME", help=t("labels.names"))],
    off: Annotated[bool, typer.Option("--off", help=t("labels.flag.off"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Mark photos to come back to, or take their marks away."""
    from engine.labels.flags import read_flags, set_flags
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    workspace = session.existing_workspace()
    with ScoreBook(workspace) as book:
        known = {entry.name for entry in book.entries()} | read_flags(workspace)
    changed = set_flags(workspace, known_names(workspace, names, known), not off)
    if as_json:
        session.console.json({"flagged": not off, "changed": changed})
        return
    for name in changed:
        session.console.line(t("labels.flag.taken" if off else "labels.flag.given", name=display_name(name)))
    if not changed:
        session.console.note(t("labels.unchanged"))


def undo(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Take the last change back."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    with ScoreBook(session.existing_workspace()) as book:
        change = book.undo()
    tell_change(session, change, as_json)


def redo(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Make the last change that was taken back again."""
    from engine.labels.scorebook import ScoreBook

    session = Session.of(context)
    with ScoreBook(session.existing_workspace()) as book:
        change = book.redo()
    tell_change(session, change, as_json)


def _parse_score(text: str) -> float | None:
    if text.strip().lower() in _NONE:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(
            "“{text}” is not a score.", remedy="Write a number such as 85, or - for no score.", text=text
        ) from error


def _points(text: str) -> float:
    try:
        points = float(text)
        if abs(points) < float("inf"):
            return points
    except ValueError:
        pass  # told below, as for a number without end
    raise UsageError("“{text}” is not a number of points.", remedy="Write a number such as 5 or -2.5.", text=text)


def _names(book: ScoreBook, words: Sequence[str]) -> list[str]:
    """Return the photos that were named; one that plainly lies there needs no list of all."""
    folder = book.workspace.data
    if all(_lies_in(book.workspace, word) for word in words):
        return list(dict.fromkeys(words))
    return known_names(book.workspace, words, {entry.name for entry in book.entries()}) if folder.is_dir() else [*words]


def _lies_in(workspace: Workspace, word: str) -> bool:
    from engine.images import is_picture_name

    return is_picture_name(word) and "/" not in word and "\0" not in word and (workspace.data / word).is_file()


def _selected(book: ScoreBook, words: Sequence[str], filter_text: str) -> tuple[dict[str, float], list[str]]:
    """Return the scores that are to be changed, and the named photos that have none.

    Raises:
        UsageError: photos are named and filtered at once.
        NotFound: a photo that was named is not there, or there is nothing to change.
    """
    from tui.filter_words import photo_filter

    if words and filter_text:
        raise UsageError("Photos are chosen by name or by filter, not both.", remedy="Leave one of them out.")
    entries = all_entries(book)
    chosen: Collection[str]
    if words:
        chosen = set(known_names(book.workspace, words, {entry.name for entry in entries}))
    else:
        keep = photo_filter(filter_text)
        chosen = {entry.name for entry in entries if keep(entry)}
    scores = {entry.name: entry.score for entry in entries if entry.name in chosen and entry.score is not None}
    if not scores:
        raise NotFound("None of the chosen photos has a score.", remedy="See which have one with: beholder scores list")
    return scores, [name for name in chosen if name not in scores] if words else []


def _name_unscored(session: Session, names: Sequence[str]) -> int:
    for name in names:
        session.console.failure(name, t("labels.no_score"))
    return 1 if names else 0
