"""``beholder compare``: several families on several backbones under one split, as a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from engine.errors import Message
from tui.commands.following import run_job
from tui.commands.job_lines import metric
from tui.commands.training_options import option
from tui.console import Console
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.progress_line import duration
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "compare",
        compare,
        help=t("training_cli.compare.help"),
        example="beholder compare\nbeholder compare ridge svr frozen --backbone efficientnet_lite0 --backbone resnet18",
    )


def compare(
    context: typer.Context,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]…", help=t("training_cli.compare.models"))
    ] = None,
    backbones: Annotated[list[str] | None, option("--backbone", "NAME")] = None,
    weights: Annotated[str, option("--weights", "default|none|FILE")] = "default",
    split: Annotated[str, option("--split", "T/V/E")] = "70/15/15",
    folds: Annotated[int | None, option("--folds", "K")] = None,
    seed: Annotated[int, option("--seed", "S")] = 0,
    epochs: Annotated[int | None, option("--epochs", "N")] = None,
    detach: Annotated[bool, option("--detach")] = False,
    no_queue: Annotated[bool, option("--no-queue")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Start the job; follow it unless detached."""
    from engine.training.spec import parse_split

    session = Session.of(context)
    session.existing_workspace()
    payload: dict[str, Any] = {
        "models": models or [],
        "weights": weights,
        "split": parse_split(split),
        "folds": folds,
        "seed": seed,
        "epochs": epochs,
    }
    if backbones:
        payload["backbones"] = [name for text in backbones for name in text.split(",") if name]
    ended = run_job(session, "compare", payload, detach=detach, as_json=as_json, queue=not no_queue)
    if ended is None:
        return 0
    result, failed = ended
    if as_json:
        session.console.json(result["rows"])
    else:
        _print(session.console, result["rows"], float(result["seconds"]))
    return 1 if failed else 0


def _print(console: Console, rows: Sequence[Mapping[str, Any]], seconds: float) -> None:
    keys = ("model", "backbone", "cv", "test", "mae", "time", "verdict")
    headings = [t(f"training_cli.board.{key}") for key in keys]
    console.table(headings, [_cells(row) for row in rows], right=range(2, 6))
    console.line()
    console.line(t("training_cli.compare.done", n=len(rows), time=duration(seconds)))
    if rows and rows[0].get("model_id"):
        console.note(t("training_cli.compare.next", id=rows[0]["model_id"]))


def _cells(row: Mapping[str, Any]) -> list[str | None]:
    metrics = row.get("metrics") or {}
    told = row.get("error") or row.get("verdict")
    return [
        row["model"],
        row["backbone"],
        metric(metrics.get("cv", {}).get("srcc")),
        metric(metrics.get("test", {}).get("srcc")),
        metric(metrics.get("test", {}).get("mae")),
        None if row.get("seconds") is None else duration(float(row["seconds"])),
        say(Message.from_dict(told)) if told else None,
    ]
