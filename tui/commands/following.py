"""Start a job from the command line and stay with it: progress on stderr, Ctrl+C, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import BeholderError, Interrupted, Message
from engine.workspace import Workspace
from tui.commands.job_lines import row_line, waiting_line
from tui.console import Console
from tui.i18n import say, t
from tui.progress_line import ProgressLine
from tui.session import Session


def run_job(
    session: Session, kind: str, payload: Mapping[str, Any], *, detach: bool, as_json: bool, queue: bool
) -> tuple[Mapping[str, Any], int] | None:
    """Start a job and follow it to its end.

    Returns:
        Its result, and how many photos and rows failed; None where it was detached, which has been said then.

    Raises:
        Interrupted: the person stopped it, here or from elsewhere.
        BeholderError: it could not be started, failed or crashed.
    """
    from engine.jobs import client

    workspace, console = session.existing_workspace(), session.console
    job_id = client.start(workspace, kind, payload, queue=queue)
    if not detach:
        return follow_to_end(workspace, job_id, console)
    if as_json:
        console.json({"job_id": job_id})
    else:
        console.line(t("cli.train.detached", job=job_id))
    return None


def follow_to_end(workspace: Workspace, job_id: str, console: Console) -> tuple[Mapping[str, Any], int]:
    """Show a job's progress until it ends; Ctrl+C cancels the job.

    Returns:
        Its result, and how many photos could not be read or rows of its table failed.

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
                kind = event["type"]
                if kind == "started":
                    failed = 0  # a run that goes on tells again what it meets
                elif kind == "notice":
                    progress.note(say(Message.from_dict(event["message"])))
                elif kind == "waiting":
                    progress.note(waiting_line(event))
                elif kind == "item_failed":
                    failed += 1
                    progress.failure(event["path"], say(Message.from_dict(event["reason"])))
                elif kind == "row":
                    failed += event["table"] == "leaderboard" and event["values"]["state"] == "failed"
                    if line := row_line(event):
                        progress.note(line)
                else:
                    progress.show(event)
    except KeyboardInterrupt as interrupt:
        console.note(t("cli.stopping"))
        client.cancel(workspace, job_id)
        raise _stopped(job_id) from interrupt
    if last.get("type") == "cancelled":
        raise _stopped(job_id)
    raise_if_it_failed(job_id, last)
    return last["result"], failed


def _stopped(job_id: str) -> Interrupted:
    return Interrupted(
        "The job was stopped; what it has done is kept.",
        remedy="Go on where it stopped: beholder jobs resume {job}",
        job=job_id,
    )


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
            remedy="See why with: beholder jobs logs {job}. Go on with: beholder jobs resume {job}",
            job=job_id,
        )
