"""``beholder models``: list, show and remove what was trained."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from engine.errors import UsageError, display_name
from tui.commands import model_diff
from tui.commands.train import METRICS, metric
from tui.help_pages import add_command, add_group
from tui.i18n import t
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "models", help=t("cli.models.help"), example="beholder models list", default=bare)
    add_command(group, "list", list_models, help=t("cli.models.list.help"), example="beholder models list --json")
    add_command(group, "show", show, help=t("cli.models.show.help"), example="beholder models show best")
    add_command(group, "rm", remove, help=t("cli.models.rm.help"), example="beholder models rm latest --yes")
    model_diff.register(group)


def bare(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """List the models when no command is named."""
    if context.invoked_subcommand is None:
        list_models(context, as_json)


def list_models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print all models, newest first."""
    from engine.models.bundle import damaged_bundles, list_bundles

    session = Session.of(context)
    bundles = list_bundles(session.existing_workspace())
    for model_id in damaged_bundles(session.workspace):
        session.console.failure(model_id, t("cli.models.damaged", id=model_id))
    if as_json:
        session.console.json([bundle.to_dict() for bundle in bundles])
        return
    if not bundles:
        session.console.note(t("cli.models.none"))
        return
    keys = ("model_id", "name", "model", "backbone", "created", "n")
    rows = [[*(getattr(bundle, key) or None for key in keys), metric(bundle.unseen("srcc"))] for bundle in bundles]
    session.console.table([*(t(f"cli.models.{key}") for key in keys), "SRCC"], rows, right=[5, 6])


def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="ID", help=t("cli.models.id"))] = "best",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print one model's manifest."""
    from engine.models.bundle import find_bundle, read_manifest

    session = Session.of(context)
    info = find_bundle(session.existing_workspace(), model)
    manifest = {"model_id": info.model_id, **read_manifest(info)}
    if as_json:
        session.console.json(manifest)
        return
    console = session.console
    for key in ("model_id", "name", "model", "backbone", "created", "n"):
        console.line(f"{t(f'cli.models.{key}')}: {display_name(str(getattr(info, key) or '–'))}")
    console.line(f"{t('cli.models.path')}: {display_name(info.path)}")
    console.line()
    rows = [
        [part, *(metric(values.get(key)) for key in METRICS), values.get("n")] for part, values in info.metrics.items()
    ]
    console.table(["", "SRCC", "PLCC", "MAE", "RMSE", "R²", t("cli.table.photos")], rows, right=range(1, 7))


def remove(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="ID", help=t("cli.models.id"))],
    yes: Annotated[bool, typer.Option("--yes", "-y", help=t("cli.option.yes"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Move a model into the workspace's trash, after a question."""
    from engine.models.bundle import find_bundle, remove_bundle

    session = Session.of(context)
    workspace = session.existing_workspace()
    info = find_bundle(workspace, model, even_damaged=True)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nobody is there to confirm.", remedy="Add --yes to remove without a question.")
        label = display_name(f"{info.model_id} {info.name}".strip())
        if not typer.confirm(t("cli.models.rm.ask", model=label), err=True):
            session.console.note(t("cli.models.rm.kept"))
            return 0
    place = remove_bundle(workspace, info)
    if as_json:
        session.console.json({"model_id": info.model_id, "path": str(place)})
        return 0
    session.console.line(t("cli.models.rm.done", model=info.model_id, path=display_name(place)))
    return 0
