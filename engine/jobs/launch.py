"""Begin work in a process of its own: a job's folder, its lock handed over, and the worker that outlives the face."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import engine
from engine.errors import BeholderError, NeedMissing, UsageError
from engine.jobs import lock
from engine.jobs.ending import take_when_ended
from engine.jobs.events import EVENTS_NAME, EventWriter, iso_time, last_line, now_utc
from engine.jobs.listing import CANCEL_NAME, FINISH_NAME, job_folder
from engine.storage import disk_errors, require_space
from engine.workspace import Workspace

LOG_NAME = "worker.log"
# events, features and a model of some hundred photos; with less, a job could not even say why it failed
_LEAST_SPACE = 16 << 20
_TERMINAL_NOISE = ("FORCE_COLOR", "CLICOLOR_FORCE", "COLORTERM", "COLUMNS", "LINES")


def start(
    workspace: Workspace,
    kind: str,
    payload: Mapping[str, Any],
    *,
    command: Sequence[str] | None = None,
    queue: bool = True,
) -> str:
    """Start a job in a process of its own, which outlives this one.

    Args:
        workspace: where the job works and where its folder lies.
        kind: ``train``, ``predict``, ``compare`` or ``tune``.
        payload: the fields of `TrainSpec`, `PredictRequest`, `CompareSpec` or `TuneSpec`.
        command: another worker than beholder's own; the job's folder and the lock's descriptor are appended.
        queue: whether a training waits until the device is free; otherwise it begins beside what runs there.

    Returns:
        The job's id; from now on its state is at least ``queued``.

    Raises:
        UsageError: the payload makes no sense.
        BeholderError: the workspace can't be written, or no process can be started.
    """
    from engine.jobs.spec import JobSpec, check_payload, new_job_id, save_spec

    checked = check_payload(kind, payload)
    moment = now_utc()
    job_id = new_job_id(kind, moment, secrets.token_hex(2))
    while (workspace.jobs / job_id).exists():
        job_id = new_job_id(kind, moment, secrets.token_hex(2))
    told = {"job_id": job_id, "kind": kind, "created": iso_time(moment), "payload": checked, "queue": queue}
    spec = JobSpec.model_validate(told)
    workspace.ensure()
    require_space(workspace.internal, _LEAST_SPACE)
    # Built under a hidden name, so that nobody ever sees half a job.
    folder, hidden = workspace.jobs / job_id, workspace.jobs / f".{job_id}.part"
    with disk_errors(folder):
        hidden.mkdir(parents=True)
    try:
        handle = lock.take(hidden)
        if handle is None:
            raise _runs_already(job_id)
        try:
            save_spec(hidden, spec)
            with disk_errors(folder):
                hidden.rename(folder)
            _launch(workspace, folder, handle, command)
        finally:
            os.close(handle)  # the worker's copy of it holds the lock from here on
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return job_id


def resume(workspace: Workspace, job_id: str, *, command: Sequence[str] | None = None) -> None:
    """Go on with a job that was cancelled, failed or died, in the same folder.

    What its checkpoints hold is not done again, nor are photos whose rows are written; its events are appended to those
    of the earlier runs.

    Args:
        workspace: the job's workspace.
        job_id: the whole id.
        command: as in `start`.

    Raises:
        NotFound: there is no such job.
        UsageError: it runs, or has finished.
        DamagedFile: nobody can read any more what it was asked to do.
        BeholderError: the workspace can't be written, or no process can be started.
    """
    from engine.jobs.spec import load_spec

    folder = job_folder(workspace, job_id)
    load_spec(folder)  # whether anybody can still read it
    require_space(workspace.internal, _LEAST_SPACE)
    handle = take_when_ended(folder)
    if handle is None:
        raise _runs_already(job_id)
    try:
        last = last_line(folder / EVENTS_NAME)
        if last is not None and last.get("type") == "finished":
            raise UsageError(
                "The job {job} has finished: there is nothing to go on with.",
                remedy="Start a new one to do it again.",
                job=job_id,
            )
        with disk_errors(folder):
            for name in (CANCEL_NAME, FINISH_NAME):
                (folder / name).unlink(missing_ok=True)
        # From here on its last event is no end any more, so that nobody takes it for a job that has ended.
        _append(folder, {"type": "waiting", "behind": None})
        try:
            _launch(workspace, folder, handle, command)
        except BeholderError as error:
            _append(folder, {"type": "failed", **error.to_dict()})
            raise
    finally:
        os.close(handle)


def _append(folder: Path, event: Mapping[str, Any]) -> None:
    writer = EventWriter(folder / EVENTS_NAME)
    try:
        writer.write(event)
    finally:
        writer.close()


def _runs_already(job_id: str) -> UsageError:
    return UsageError(
        "The job {job} is running already.", remedy="Follow it with: beholder jobs follow {job}.", job=job_id
    )


def _launch(workspace: Workspace, folder: Path, handle: int, command: Sequence[str] | None) -> None:
    words = command or [sys.executable, "-P", "-m", "engine.jobs.worker"]
    with disk_errors(folder / LOG_NAME), (folder / LOG_NAME).open("ab") as log:
        try:
            process = subprocess.Popen(
                [*words, str(folder.absolute()), str(handle)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=workspace.root,
                env=child_environment(os.environ),
                close_fds=True,
                pass_fds=[handle],
                start_new_session=True,
            )
        except OSError as error:
            raise NeedMissing(
                "No process could be started for the job: {cause}.",
                remedy="Close other programs and try again.",
                cause=error.strerror or type(error).__name__,
            ) from error
    lock.sign(handle, process.pid)
    # Somebody must wait for the process, or it stays as a zombie for as long as this one lives.
    threading.Thread(target=process.wait, name=f"reap-{folder.name}", daemon=True).start()


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that a face starts: of the face's own code, and without its terminal."""
    kept = {key: value for key, value in environ.items() if key not in _TERMINAL_NOISE}
    kept |= {"TERM": "dumb", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    kept["PYTHONIOENCODING"] = "utf-8:backslashreplace"
    home = Path(engine.__file__).parent.parent
    if home.name not in {"site-packages", "dist-packages"}:
        # A checkout: the worker must run the same code as the face, installed or not.
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(home), environ.get("PYTHONPATH", "")]))
    return kept
