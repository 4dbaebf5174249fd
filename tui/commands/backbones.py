"""``beholder backbones``: the networks whose features a model learns from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tui.help_pages import add_command, add_group
from tui.i18n import t
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "backbones", help=t("cli.backbones.help"), example="beholder backbones list", default=bare)
    add_command(group, "list", list_all, help=t("cli.backbones.list.help"), example="beholder backbones list --json")


def bare(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """List the backbones when no command is named."""
    if context.invoked_subcommand is None:
        list_all(context, as_json)


def list_all(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print the backbones, and whether their weights are on this machine."""
    from engine.features.backbones import is_available, list_backbones

    console = Session.of(context).console
    rows = [backbone.to_dict(is_available(backbone)) for backbone in list_backbones()]
    if as_json:
        console.json(rows)
        return
    columns = ("name", "source", "parameters", "input", "licence", "available")
    headings = [t(f"cli.backbones.{column}") for column in columns]
    console.table(headings, [_cells(row, columns) for row in rows], right=[2, 3])


def _cells(row: dict[str, Any], columns: tuple[str, ...]) -> list[str]:
    shown = dict(row)
    shown["parameters"] = f"{row['parameters'] / 1e6:.1f} M"
    shown["available"] = t("cli.yes") if row["available"] else t("cli.no")
    if row["default"]:
        shown["available"] += f" · {t('cli.backbones.default')}"
    return [str(shown[column]) for column in columns]
