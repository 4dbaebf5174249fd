"""``beholder models export`` and ``import``: carry a model to another machine, or out of beholder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.errors import display_name
from tui.commands.importing import given_path
from tui.help_pages import add_command
from tui.i18n import t
from tui.session import Session

Form = Literal["bundle", "onnx", "joblib"]
AsJson = Annotated[bool, typer.Option("--json", help=t("cli.option.json"))]


def register(group: typer.Typer) -> None:
    """Add the commands to the group ``models``."""
    add_command(
        group,
        "export",
        export,
        help=t("models_cli.export.help"),
        example="beholder models export best --to /media/stick\nbeholder models export best --to . --format onnx",
    )
    add_command(
        group,
        "import",
        take_in,
        help=t("models_cli.import.help"),
        example="beholder models import /media/stick/taste-20261123-121530-a1b2",
    )


def export(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="ID", help=t("cli.models.id"))],
    to: Annotated[str, typer.Option("--to", metavar="DIR", help=t("models_cli.export.to"))],
    form: Annotated[
        Form, typer.Option("--format", metavar="bundle|onnx|joblib", help=t("models_cli.export.format"))
    ] = "bundle",
    as_json: AsJson = False,
) -> None:
    """Write a model into a folder, as itself or in another form."""
    from engine.models.bundle import find_bundle

    session = Session.of(context)
    workspace = session.existing_workspace()
    info, folder = find_bundle(workspace, model), given_path(to)
    if form == "onnx":
        from engine.outputs.onnx_model import export_onnx

        place: Path = export_onnx(workspace, info, folder)
    elif form == "joblib":
        from engine.outputs.joblib_export import export_joblib

        place = export_joblib(workspace, info, folder)
    else:
        from engine.models.carrying import export_bundle

        place = export_bundle(workspace, info, folder)
    if as_json:
        session.console.json({"model_id": info.model_id, "format": form, "path": str(place)})
    else:
        session.console.line(t("models_cli.export.done", model=info.model_id, path=display_name(place)))
    if form == "joblib":
        session.console.note(t("models_cli.export.pickle"))
    elif form == "bundle":
        session.console.note(t("models_cli.export.next", path=display_name(place)))


def take_in(
    context: typer.Context,
    folder: Annotated[str, typer.Argument(metavar="DIR", help=t("models_cli.import.folder"))],
    as_json: AsJson = False,
) -> None:
    """Take a model from another machine in, after checking everything about it."""
    from engine.models.carrying import import_bundle

    session = Session.of(context)
    info = import_bundle(session.existing_workspace(), given_path(folder))
    if as_json:
        session.console.json(info.to_dict())
        return
    label = display_name(f"{info.model_id} {info.name}".strip())
    session.console.line(t("models_cli.import.done", model=label))
    session.console.note(t("models_cli.import.next", id=info.model_id))
