"""``beholder train``: start a training as a job, follow it, and say what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from engine.errors import Interrupted, Message, display_name
from engine.workspace import Workspace
from tui.commands.jobs import raise_if_it_failed
from tui.console import Console
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.progress_line import ProgressLine, duration
from tui.session import Session

METRICS = ("srcc", "plcc", "mae", "rmse", "r2")


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "train",
        train,
        help=t("cli.train.help"),
        example='beholder train taste --name "my taste"\nbeholder train random-forest --folds 5 --json',
    )


def train(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help=t("cli.train.model"))] = "taste",
    backbone: Annotated[
        str, typer.Option("--backbone", metavar="NAME", help=t("cli.train.backbone"))
    ] = "efficientnet_lite0",
    weights: Annotated[
        str, typer.Option("--weights", metavar="default|none|FILE", help=t("cli.train.weights"))
    ] = "default",
    split: Annotated[str, typer.Option("--split", metavar="T/V/E", help=t("cli.train.split"))] = "70/15/15",
    folds: Annotated[int | None, typer.Option("--folds", metavar="K", help=t("cli.train.folds"))] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help=t("cli.train.seed"))] = 0,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help=t("cli.train.name"))] = "",
    detach: Annotated[bool, typer.Option("--detach", help=t("cli.train.detach"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Start the job; follow it unless detached."""
    from engine.jobs import client
    from engine.training.spec import make_spec, parse_split

    session = Session.of(context)
    workspace, console = session.existing_workspace(), session.console
    spec = make_spec(
        model=model,
        backbone=backbone,
        weights=weights,
        split=parse_split(split),
        folds=folds,
        seed=seed,
        name=name,
    )
    job_id = client.start(workspace, "train", spec.model_dump(mode="json"))
    if detach:
        if as_json:
            console.json({"job_id": job_id})
        else:
            console.line(t("cli.train.detached", job=job_id))
        return 0
    result, failed = follow_to_end(workspace, job_id, console)
    if as_json:
        console.json(result)
    else:
        print_result(console, workspace, result)
    return 1 if failed else 0


def follow_to_end(workspace: Workspace, job_id: str, console: Console) -> tuple[Mapping[str, Any], int]:
    """Show a job's progress until it ends; Ctrl+C cancels the job.

    Returns:
        Its result, and how many photos could not be read.

    Raises:
        Interrupted: the person stopped it, here or from elsewhere.
        BeholderError: it failed, for the reason that its worker gave, or crashed.
    """
    from engine.jobs import client

    last: Mapping[str, Any] = {}
    failed = 0
    try:
        with ProgressLine(console) as progress:
            for event in client.follow(workspace, job_id):
                last = event
                if event["type"] == "notice":
                    progress.note(say(Message.from_dict(event["message"])))
                elif event["type"] == "item_failed":
                    failed += 1
                    progress.failure(event["path"], say(Message.from_dict(event["reason"])))
                else:
                    progress.show(event)
    except KeyboardInterrupt as interrupt:
        console.note(t("cli.stopping"))
        client.cancel(workspace, job_id)
        raise _stopped() from interrupt
    if last.get("type") == "cancelled":
        raise _stopped()
    raise_if_it_failed(job_id, last)
    return last["result"], failed


def _stopped() -> Interrupted:
    return Interrupted(
        "The training was stopped.",
        remedy="The features that were computed are kept: the same command continues from them.",
    )


def print_result(console: Console, workspace: Workspace, result: Mapping[str, Any]) -> None:
    """Print what a training gave, beside always guessing the mean."""
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
    parts = {t(f"cli.part.{part}"): result["metrics"][part] for part in ("test", "cv") if part in result["metrics"]}
    parts[t("cli.part.baseline")] = _flat(result.get("baseline") or {})
    rows = [[name, *(metric(values.get(key)) for key in METRICS), values.get("n")] for name, values in parts.items()]
    console.line()
    headings = ["", "SRCC", "PLCC", "MAE", "RMSE", "R²", t("cli.table.photos")]
    console.table(headings, rows, right=range(1, 7))
    console.line()
    console.line(t("cli.train.saved", path=display_name(workspace.models / model_id)))
    console.note(t("cli.train.next"))


def _flat(baseline: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the baseline's figures, whether they stand alone or under the part ``test``."""
    inner = baseline.get("test")
    return inner if isinstance(inner, Mapping) else baseline


def metric(value: object) -> str | None:
    """Return a metric as it stands in tables; None where it doesn't exist."""
    return f"{value:.3f}" if isinstance(value, int | float) else None
