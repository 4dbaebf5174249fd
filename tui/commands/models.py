"""``beholder models``: list, sort, filter and remove what was trained; the group's other commands register here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.errors import UsageError, display_name
from tui.commands import model_care, model_diff, model_show, model_travel
from tui.commands.train import metric
from tui.help_pages import add_command, add_group
from tui.i18n import t
from tui.session import Session

if TYPE_CHECKING:
    from engine.models.bundle import BundleInfo

Key = Literal["date", "name", "model", "backbone", "n", "srcc", "mae"]
_KEYS = "date|name|model|backbone|n|srcc|mae"

Sort = Annotated[Key, typer.Option("--sort", metavar=_KEYS, help=t("models_cli.sort"))]
Reverse = Annotated[bool, typer.Option("--reverse", help=t("models_cli.reverse"))]
Filter = Annotated[str, typer.Option("--filter", metavar="TEXT", help=t("models_cli.filter"))]
AsJson = Annotated[bool, typer.Option("--json", help=t("cli.option.json"))]


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "models", help=t("cli.models.help"), example="beholder models list", default=bare)
    add_command(
        group,
        "list",
        list_models,
        help=t("cli.models.list.help"),
        example="beholder models list --json\nbeholder models list --sort srcc --filter forest",
    )
    model_show.register(group)
    model_diff.register(group)
    model_care.register(group)
    add_command(group, "rm", remove, help=t("cli.models.rm.help"), example="beholder models rm latest --yes")
    model_travel.register(group)


def bare(
    context: typer.Context, sort: Sort = "date", reverse: Reverse = False, text: Filter = "", as_json: AsJson = False
) -> None:
    """List the models when no command is named."""
    if context.invoked_subcommand is None:
        list_models(context, sort, reverse, text, as_json)


def list_models(
    context: typer.Context, sort: Sort = "date", reverse: Reverse = False, text: Filter = "", as_json: AsJson = False
) -> None:
    """Print the models, newest first where no other order is asked for."""
    from engine.models.bundle import (
        damaged_bundles,
        default_model,
        filtered_bundles,
        list_bundles,
        sorted_bundles,
    )

    session = Session.of(context)
    everything = list_bundles(session.existing_workspace())
    for model_id in damaged_bundles(session.workspace, everything):
        session.console.failure(model_id, t("cli.models.damaged", id=model_id))
    bundles = sorted_bundles(filtered_bundles(everything, text), sort, reverse)
    marked = default_model(session.workspace)
    if as_json:
        session.console.json([{**info.to_dict(), "default": info.model_id == marked} for info in bundles])
        return
    if not bundles:
        session.console.note(t("models_cli.no_match", text=display_name(text)) if everything else t("cli.models.none"))
        return
    keys = ("model_id", "name", "model", "backbone", "created", "n")
    rows = [
        [
            *(getattr(info, key) or None for key in keys),
            _starred(info, "srcc"),
            _starred(info, "mae"),
            t("models_cli.is_default") if info.model_id == marked else "",
        ]
        for info in bundles
    ]
    session.console.table([*(t(f"cli.models.{key}") for key in keys), "SRCC", "MAE", ""], rows, right=[5, 6, 7])
    if not all(info.is_cross_validated for info in bundles):
        session.console.note(t("models_cli.test_alone"))


def _starred(info: BundleInfo, name: str) -> str | None:
    """Return a figure over unseen photos, with a star where it is of the test part alone."""
    shown = metric(info.unseen(name))
    return shown if shown is None or info.is_cross_validated else f"{shown}*"


def remove(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="ID", help=t("cli.models.id"))],
    yes: Annotated[bool, typer.Option("--yes", "-y", help=t("cli.option.yes"))] = False,
    as_json: AsJson = False,
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
    session.console.line(t("models_cli.removed", model=info.model_id, path=display_name(place)))
    session.console.note(t("models_cli.restore", path=display_name(info.path)))
    return 0
