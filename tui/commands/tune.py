"""``beholder tune``: search for better hyper-parameters and train the best."""

from __future__ import annotations

from typing import Annotated

import typer

from tui.commands.following import run_job
from tui.commands.job_lines import settings_text
from tui.commands.train import print_result
from tui.commands.training_options import option, read_params
from tui.help_pages import add_command
from tui.i18n import t
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "tune",
        tune,
        help=t("training_cli.tune.help"),
        example="beholder tune svr --trials 50\nbeholder tune frozen --loss huber --study evening --no-queue",
    )


def tune(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help=t("training_cli.option.model"))],
    trials: Annotated[int, option("--trials", "N")] = 30,
    storage: Annotated[str, option("--storage", "FILE")] = "",
    study: Annotated[str, option("--study", "NAME")] = "",
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
    from engine.training.search_space import require_search
    from engine.training.spec import make_spec, parse_split

    session = Session.of(context)
    session.existing_workspace()
    base = make_spec(
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
    require_search(base)
    payload = {"base": base.model_dump(mode="json"), "trials": trials, "study": study, "storage": storage}
    ended = run_job(session, "tune", payload, detach=detach, as_json=as_json, queue=not no_queue)
    if ended is None:
        return 0
    result, failed = ended
    console = session.console
    if as_json:
        console.json(result)
        return 1 if failed else 0
    best = result["best"]
    console.line(t("training_cli.tune.done", n=result["trials"], trial=best["trial"], value=f"{best['value']:.3f}"))
    console.line(settings_text(best["params"]))
    console.line()
    print_result(console, session.workspace, {"seconds": result["seconds"], **result["training"]})
    console.note(t("training_cli.tune.next", study=result["study"]))
    return 1 if failed else 0
