"""``beholder backbones``: the networks whose features a model learns from; list them, fetch or add their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import display_name
from tui.commands.importing import show
from tui.help_pages import add_command, add_group
from tui.i18n import t
from tui.interrupts import StopSwitch
from tui.progress_line import ProgressLine
from tui.running import consume
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "backbones", help=t("cli.backbones.help"), example="beholder backbones list", default=bare)
    add_command(group, "list", list_all, help=t("cli.backbones.list.help"), example="beholder backbones list --json")
    add_command(
        group,
        "fetch",
        fetch,
        help=t("cli.backbones.fetch.help"),
        example="beholder backbones fetch resnet50\nbeholder backbones fetch timm:vit_base_patch16_clip_224.openai",
    )
    add_command(
        group,
        "add",
        add,
        help=t("cli.backbones.add.help"),
        example="beholder backbones add resnet50 resnet50-11ad3fa6.pth",
    )


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


def fetch(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("cli.backbones.fetch.name"))],
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Download a network's weights from its publisher."""
    from engine.features.backbones import get_backbone
    from engine.features.fetching import fetch as fetch_weights

    console = Session.of(context).console
    with StopSwitch(console) as stop, ProgressLine(console) as progress:
        backbone = get_backbone(name)
        path = consume(fetch_weights(backbone, should_stop=stop), lambda event: show(event, progress))
    if as_json:
        console.json({"name": backbone.name, "path": str(path)})
    else:
        console.line(t("cli.backbones.fetch.done", name=backbone.name, path=display_name(path)))


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("cli.backbones.add.name"))],
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help=t("cli.backbones.add.weights"))],
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Make a weights file a network's own."""
    from engine.features.adding import add_weights
    from engine.features.backbones import get_backbone

    console = Session.of(context).console
    backbone = get_backbone(name)
    added = add_weights(backbone, weights)
    if as_json:
        replaced = None if added.replaced is None else str(added.replaced)
        result = {"name": backbone.name, "path": str(added.path), "replaced": replaced, "tensors": added.tensors}
        console.json(result)
        return
    path = display_name(added.path)
    console.line(t("cli.backbones.add.done", name=backbone.name, tensors=added.tensors, path=path))
    if added.replaced == added.path:
        console.note(t("cli.backbones.add.again"))
    elif added.replaced is not None:
        console.note(t("cli.backbones.add.instead", path=display_name(added.replaced)))


def _cells(row: dict[str, Any], columns: tuple[str, ...]) -> list[str]:
    shown = dict(row)
    shown["parameters"] = f"{row['parameters'] / 1e6:.1f} M"
    shown["available"] = t("cli.yes") if row["available"] else t("cli.no")
    if row["default"]:
        shown["available"] += f" · {t('cli.backbones.default')}"
    return [str(shown[column]) for column in columns]
