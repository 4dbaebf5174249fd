"""``beholder init``: make a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import display_name
from engine.workspace import Scale, Workspace
from tui.help_pages import add_command
from tui.i18n import t
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(app, "init", init, help=t("cli.init.help"), example="beholder init ~/taste --scale 1-5")


def init(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help=t("cli.init.folder"))] = None,
    scale: Annotated[str, typer.Option("--scale", metavar="LO-HI", help=t("cli.init.scale"))] = "",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Make a new workspace; an existing one is kept."""
    session = Session.of(context)
    workspace = Workspace.find(folder) if folder is not None else session.workspace
    before = workspace.settings_file.exists()
    workspace.create(Scale.parse(scale) if scale else None)
    if as_json:
        session.console.json({"workspace": str(workspace.root), "scale": str(workspace.scale), "made": not before})
        return
    session.console.line(
        t("cli.init.kept" if before else "cli.init.made", path=display_name(workspace.root), scale=workspace.scale)
    )
    session.console.note(t("cli.init.next"))
