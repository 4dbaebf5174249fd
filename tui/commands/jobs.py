"""``beholder jobs``: list, follow, end, resume and remove background work, and read its logs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import Interrupted, Message, UsageError, display_name
from tui.commands.following import follow_to_end, raise_if_it_failed
from tui.commands.job_lines import epoch_line, latest_text, metrics_line, row_line, waiting_line
from tui.console import Console
from tui.help_pages import add_command, add_group
from tui.i18n import say, t
from tui.progress_line import ProgressLine, phase_name
from tui.session import Session

if TYPE_CHECKING:
    from engine.jobs.client import JobState


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "jobs", help=t("cli.jobs.help"), example="beholder jobs follow latest", default=bare)
    add_command(group, "list", list_jobs, help=t("cli.jobs.list.help"), example="beholder jobs list --json")
    add_command(group, "follow", follow, help=t("cli.jobs.follow.help"), example="beholder jobs follow latest --jsonl")
    add_command(group, "cancel", cancel, help=t("cli.jobs.cancel.help"), example="beholder jobs cancel latest")
    add_command(group, "stop", stop, help=t("training_cli.stop.help"), example="beholder jobs stop latest")
    add_command(group, "resume", resume, help=t("training_cli.resume.help"), example="beholder jobs resume latest")
    add_command(group, "rm", remove, help=t("training_cli.rm.help"), example="beholder jobs rm latest --yes")
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
    rows = [
        [job.job_id, job.kind, t(f"cli.state.{job.state.value}"), latest_text(job.latest), job.created, job.model_id]
        for job in jobs
    ]
    headings = [t(f"cli.jobs.{key}") for key in keys]
    session.console.table([*headings[:3], t("training_cli.progress"), *headings[3:]], rows)


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
            failed &= event["type"] != "started"  # a run that goes on tells again what it meets
            failed |= event["type"] == "item_failed"
            if jsonl:
                print(json.dumps(event), file=console.out, flush=True)
            else:
                _print_event(console, progress, event)
    if last.get("type") == "cancelled":
        return Interrupted.exit_code
    raise_if_it_failed(job_id, last)
    return 1 if failed else 0


def _print_event(console: Console, progress: ProgressLine, event: Mapping[str, Any]) -> None:
    kind = event["type"]
    if kind in {"progress", "step", "curve"}:
        progress.show(event)
        return
    progress.clear()
    if kind == "phase":
        console.line(f"{phase_name(str(event['phase']))} …")
    elif kind == "started" and int(event.get("run") or 1) > 1:
        console.line(t("training_cli.run", n=event["run"]))
    elif kind == "waiting":
        console.line(waiting_line(event))
    elif kind == "epoch":
        console.line(epoch_line(event))
    elif kind == "row":
        if line := row_line(event):
            console.line(line)
    elif kind == "notice":
        console.line(say(Message.from_dict(event["message"])))
    elif kind == "item_failed":
        console.failure(event["path"], say(Message.from_dict(event["reason"])))
    elif kind == "metrics":
        console.line(metrics_line(event))
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
    _tell_state(session.console, job_id, client.cancel(workspace, job_id), as_json)


def stop(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="ID", help=t("cli.jobs.id"))],
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """End a training early and keep what is best so far."""
    from engine.jobs import client

    session = Session.of(context)
    workspace = session.existing_workspace()
    job_id = client.find_job(workspace, job).job_id
    _tell_state(session.console, job_id, client.finish(workspace, job_id), as_json)


def _tell_state(console: Console, job_id: str, state: JobState, as_json: bool) -> None:
    """Say how a job stands that was asked to end; one that was asked to keep the best may live on for a while."""
    if as_json:
        console.json({"job_id": job_id, "state": state.value})
    elif state.alive:
        console.line(t("training_cli.stop.asked", job=job_id))
    else:
        console.line(t("cli.jobs.cancelled", job=job_id, state=t(f"cli.state.{state.value}")))


def resume(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="ID", help=t("cli.jobs.id"))],
    detach: Annotated[bool, typer.Option("--detach", help=t("cli.train.detach"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Go on with a job that was stopped, and follow it unless detached."""
    from engine.jobs import client

    session = Session.of(context)
    workspace, console = session.existing_workspace(), session.console
    job_id = client.find_job(workspace, job).job_id
    client.resume(workspace, job_id)
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
        console.line(t("cli.jobs.finished", id=result.get("model_id") or "–"))
    return 1 if failed else 0


def remove(
    context: typer.Context,
    job: Annotated[str, typer.Argument(metavar="ID", help=t("cli.jobs.id"))],
    yes: Annotated[bool, typer.Option("--yes", "-y", help=t("cli.option.yes"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Move a job into the workspace's trash, after a question; the model that it made stays."""
    from engine.jobs import client

    session = Session.of(context)
    workspace = session.existing_workspace()
    job_id = client.find_job(workspace, job).job_id
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nobody is there to confirm.", remedy="Add --yes to remove without a question.")
        if not typer.confirm(t("training_cli.rm.ask", job=display_name(job_id)), err=True):
            session.console.note(t("training_cli.rm.kept"))
            return 0
    place = client.remove(workspace, job_id)
    if as_json:
        session.console.json({"job_id": job_id, "path": str(place)})
    else:
        session.console.line(t("training_cli.rm.done", job=job_id, path=display_name(place)))
    return 0


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
