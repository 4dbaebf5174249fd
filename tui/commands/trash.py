"""``beholder trash``: what was deleted, and deleting it for good."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import NotFound
from tui.commands.label_words import confirmed, local_time, size_text
from tui.help_pages import add_command, add_group
from tui.i18n import t, texts
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "trash", help=t("labels.trash.help"), example="beholder trash list", default=bare)
    add_command(group, "list", list_items, help=t("labels.trash.list.help"), example="beholder trash list --json")
    add_command(group, "empty", empty, help=t("labels.trash.empty.help"), example="beholder trash empty --yes")


def bare(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """List what lies in the trash when no command is named."""
    if context.invoked_subcommand is None:
        list_items(context, as_json)


def list_items(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print what lies in the trash, newest first."""
    from engine.trash import list_trash

    session = Session.of(context)
    items = list_trash(session.existing_workspace())
    if as_json:
        keys = ("name", "kind", "bytes", "time")
        session.console.json([{**{key: getattr(item, key) for key in keys}, "path": str(item.path)} for item in items])
        return
    if not items:
        session.console.note(t("labels.trash.none"))
        return
    headings = [t(f"labels.trash.{key}") for key in ("name", "kind", "size", "time")]
    rows = [(item.name, _kind(item.kind), size_text(item.bytes), local_time(item.time)) for item in items]
    session.console.table(headings, rows, right=[2])
    session.console.note(t("labels.trash.count", n=len(items), size=size_text(sum(item.bytes for item in items))))


def empty(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=t("cli.option.yes"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Delete for good what lies in the trash, after a question."""
    from engine.trash import empty_trash, list_trash

    session = Session.of(context)
    workspace = session.existing_workspace()
    items = list_trash(workspace)
    if not items:
        raise NotFound("The trash is empty.", remedy="There is nothing to delete.")
    size = size_text(sum(item.bytes for item in items))
    if not confirmed(session, t("labels.trash.empty.ask", n=len(items), size=size), yes):
        return
    count, bytes_won = empty_trash(workspace)
    if as_json:
        session.console.json({"items": count, "bytes": bytes_won})
    else:
        session.console.line(t("labels.trash.empty.done", n=count, size=size_text(bytes_won)))


def _kind(kind: str) -> str:
    return t(f"labels.trash.kind_{kind}") if f"labels.trash.kind_{kind}" in texts("en") else kind
