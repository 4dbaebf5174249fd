"""``beholder train``: start a training as a job, follow it, and say what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from engine.errors import display_name
from engine.workspace import Workspace
from tui.commands.following import run_job
from tui.commands.job_lines import metric
from tui.commands.training_options import option, read_params
from tui.console import Console
from tui.help_pages import add_command
from tui.i18n import t
from tui.progress_line import duration
from tui.session import Session

__all__ = ["METRICS", "metric", "print_result", "register"]

METRICS = ("srcc", "plcc", "kendall", "mae", "rmse", "r2")
_NAMES = {"srcc": "SRCC", "plcc": "PLCC", "kendall": "Kendall", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "train",
        train,
        help=t("cli.train.help"),
        example='beholder train taste --name "my taste"\nbeholder train frozen --epochs 100 --loss huber\n'
        "beholder train random-forest --set trees=500 --folds 5 --json",
    )


def train(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help=t("training_cli.option.model"))] = "taste",
    backbone: Annotated[str, option("--backbone", "NAME")] = "efficientnet_lite0",
    weights: Annotated[str, option("--weights", "default|none|FILE")] = "default",
    epochs: Annotated[int | None, option("--epochs", "N")] = None,
    lr: Annotated[float | None, option("--lr", "F")] = None,
    batch: Annotated[int | None, option("--batch", "N")] = None,
    loss: Annotated[str | None, option("--loss", "mse|mae|huber|rank")] = None,
    augment: Annotated[str | None, option("--augment", "none|light|strong")] = None,
    weight_decay: Annotated[float | None, option("--weight-decay", "F")] = None,
    dropout: Annotated[float | None, option("--dropout", "F")] = None,
    patience: Annotated[int | None, option("--patience", "N")] = None,
    settings: Annotated[list[str] | None, option("--set", "NAME=VALUE")] = None,
    prior: Annotated[str, option("--prior", "MODEL_ID")] = "",
    split: Annotated[str, option("--split", "T/V/E")] = "70/15/15",
    folds: Annotated[int | None, option("--folds", "K")] = None,
    seed: Annotated[int, option("--seed", "S")] = 0,
    name: Annotated[str, option("--name", "TEXT")] = "",
    detach: Annotated[bool, option("--detach")] = False,
    no_queue: Annotated[bool, option("--no-queue")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Start the job; follow it unless detached."""
    from engine.training.spec import make_spec, parse_split

    session = Session.of(context)
    session.existing_workspace()
    spec = make_spec(
        model=model,
        backbone=backbone,
        weights=weights,
        epochs=epochs,
        lr=lr,
        batch=batch,
        loss=loss,
        augment=augment,
        weight_decay=weight_decay,
        dropout=dropout,
        patience=patience,
        params=read_params(model, settings or ()),
        prior=prior,
        split=parse_split(split),
        folds=folds,
        seed=seed,
        name=name,
    )
    ended = run_job(session, "train", spec.model_dump(mode="json"), detach=detach, as_json=as_json, queue=not no_queue)
    if ended is None:
        return 0
    result, failed = ended
    if as_json:
        session.console.json(result)
    else:
        print_result(session.console, session.workspace, result)
    return 1 if failed else 0


def print_result(console: Console, workspace: Workspace, result: Mapping[str, Any]) -> None:
    """Print what a training gave: its figures and their intervals beside two baselines and the careless split."""
    model_id = str(result["model_id"])
    console.line(
        t(
            "cli.train.done",
            model=result["model"],
            n=result["n"],
            time=duration(float(result.get("seconds") or 0.0)),
            id=model_id,
        )
    )
    console.line()
    columns = _columns(result)
    rows = [[_NAMES[key], *(show(values.get(key)) for _, values, show in columns)] for key in METRICS]
    rows.append([t("cli.table.photos"), *(values.get("n") for _, values, _ in columns)])
    console.table(["", *(heading for heading, _, _ in columns)], rows, right=range(1, len(columns) + 1))
    console.line()
    console.line(t("cli.train.saved", path=display_name(workspace.models / model_id)))
    if _leaked(result):
        console.note(t("training_cli.about_leaked"))
    console.note(t("cli.train.next"))


def _columns(result: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], Any]]:
    """Return heading, values and their form for each column that there are figures for."""
    metrics, intervals = result["metrics"], result.get("intervals") or {}
    baselines, leaked = result.get("baselines") or {}, _leaked(result)
    found: list[tuple[str, Mapping[str, Any], Any]] = []
    for part in ("test", "cv"):
        if part not in metrics or (part == "cv" and metrics["cv"] == metrics.get("test")):
            continue  # where folds stand in for a test part, both are the same
        found.append((t(f"training_cli.head.{part}"), metrics[part], metric))
        if intervals.get(part):
            found.append((t("training_cli.head.interval"), intervals[part], _interval))
    found += [
        (t(f"training_cli.head.{kind}"), baselines[kind], metric) for kind in ("mean", "nearest") if kind in baselines
    ]
    if not baselines:
        found.append((t("training_cli.head.mean"), result.get("baseline") or {}, metric))
    if leaked:
        found.append((t("training_cli.head.leaked"), leaked, metric))
    return found


def _leaked(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the figures of the careless split; none where no photo has a look-alike, and both splits are the same."""
    figures: Mapping[str, Any] = (result.get("leaked") or {}).get("test") or {}
    return {} if figures == result["metrics"].get("test") else figures


def _interval(ends: object) -> str | None:
    if not isinstance(ends, list | tuple) or any(end is None for end in ends):
        return None
    return "…".join(f"{end:.2f}" for end in ends)
