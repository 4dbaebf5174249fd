"""``beholder jobs``: list, follow, cancel and read the logs of background work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from engine.errors import BeholderError, Interrupted, Message, display_name
from tui.console import Console
from tui.help_pages import add_command, add_group
from tui.i18n import say, t
from tui.progress_line import ProgressLine, phase_name
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "jobs", help=t("cli.jobs.help"), example="beholder jobs follow latest", default=bare)
    add_command(group, "list", list_jobs, help=t("cli.jobs.list.help"), example="beholder jobs list --json")
    add_command(group, "follow", follow, help=t("cli.jobs.follow.help"), example="beholder jobs follow latest --jsonl")
    add_command(group, "cancel", cancel, help=t("cli.jobs.cancel.help"), example="beholder jobs cancel latest")
    add_command(group, "logs", logs, help=t("cli.jobs.logs.help"), example="beholder jobs logs latest")


def bare(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """List the jobs when no command is named."""
    if context.invoked_subcommand is None:
        list_jobs(context, as_json)


def list_jobs(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Print all jobs, newest first."""
    from engine.jobs import client

    session = Session.of(context)
    jobs = client.list_jobs(session.existing_workspace())
    keys = ("job_id", "kind", "state", "created", "model_id")
    if as_json:
        session.console.json([{key: _plain(getattr(job, key)) for key in keys} for job in jobs])
        return
    if not jobs:
        session.console.note(t("cli.jobs.none"))
        return
    rows = [[job.job_id, job.kind, t(f"cli.state.{job.state.value}"), job.created, job.model_id] for job in jobs]
    session.console.table([t(f"cli.jobs.{key}") for key in keys], rows)


def _plain(value: object) -> object:
    return None if value is None else str(value)


def follow(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="ID", help=t("cli.jobs.id"))],
    jsonl: Annotated[bool, typer.Option("--jsonl", help=t("cli.option.jsonl"))] = False,
) -> int:
    """Print a job's events from its first to its last; Ctrl+C ends the following, not the job."""
    from engine.jobs import client

    session = Session.of(context)
    console, workspace = session.console, session.existing_workspace()
    job_id = client.find_job(workspace, job).job_id
    last: Mapping[str, Any] = {}
    failed = False
    with ProgressLine(console) as progress:
        for event in client.follow(workspace, job_id):
            last = event
            failed |= event["type"] == "item_failed"
            if jsonl:
                print(json.dumps(event), file=console.out, flush=True)
            else:
                _print_event(console, progress, event)
    if last.get("type") == "cancelled":
        return Interrupted.exit_code
    raise_if_it_failed(job_id, last)
    return 1 if failed else 0


def raise_if_it_failed(job_id: str, last: Mapping[str, Any]) -> None:
    """Raise what the last event of a job tells of, if it did not finish.

    Raises:
        BeholderError: it failed, for the reason that its worker gave, or crashed.
    """
    if last.get("type") == "failed":
        raise BeholderError.from_dict(last)
    if last.get("type") == "crashed":
        raise BeholderError(
            "The job {job} ended without a word.",
            remedy="See why with: beholder jobs logs {job}. Then start it again.",
            job=job_id,
        )


def _print_event(console: Console, progress: ProgressLine, event: Mapping[str, Any]) -> None:
    kind = event["type"]
    if kind == "progress":
        progress.show(event)
        return
    progress.clear()
    if kind == "phase":
        console.line(f"{phase_name(str(event['phase']))} …")
    elif kind == "notice":
        console.line(say(Message.from_dict(event["message"])))
    elif kind == "item_failed":
        console.failure(event["path"], say(Message.from_dict(event["reason"])))
    elif kind == "metrics":
        shown = ", ".join(f"{key} {value:g}" for key, value in event["values"].items() if value is not None)
        console.line(f"{event['part']}: {shown}")
    elif kind == "finished":
        console.line(t("cli.jobs.finished", id=event["result"].get("model_id") or "–"))
    elif kind == "cancelled":
        console.line(t("cli.jobs.was_cancelled"))


def cancel(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="ID", help=t("cli.jobs.id"))],
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Stop a job; what it has computed is kept."""
    from engine.jobs import client

    session = Session.of(context)
    workspace = session.existing_workspace()
    job_id = client.find_job(workspace, job).job_id
    state = client.cancel(workspace, job_id)
    if as_json:
        session.console.json({"job_id": job_id, "state": state.value})
        return
    session.console.line(t("cli.jobs.cancelled", job=job_id, state=t(f"cli.state.{state.value}")))


def logs(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="ID", help=t("cli.jobs.id"))],
) -> None:
    """Print what a job's worker printed."""
    from engine.jobs import client

    session = Session.of(context)
    workspace = session.existing_workspace()
    text = client.log_text(workspace, client.find_job(workspace, job).job_id)
    for line in text.splitlines():
        session.console.line(display_name(line))
    if not text.strip():
        session.console.note(t("cli.jobs.no_log"))
