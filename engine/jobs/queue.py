"""Who trains when: on each device of the machine one job at a time, within a workspace the earlier one first."""

from __future__ import annotations

import functools
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.errors import BeholderError, Interrupted
from engine.events import StopCheck, raise_if_stopped
from engine.jobs import lock
from engine.jobs.events import ENDS, EVENTS_NAME, last_line
from engine.jobs.spec import SPEC_NAME, JobSpec
from engine.storage import disk_errors
from engine.workspace import Workspace

QUEUED_KINDS = frozenset({"train", "compare", "tune"})
_POLL = 0.15  # seconds between two looks
_DRIVER = Path("/dev/nvidiactl")

_log = logging.getLogger(__name__)
_NOT_ASKED = object()


@functools.cache
def _has_gpu() -> bool:
    if not _DRIVER.exists():
        return False  # told without the second that torch takes to import
    import torch

    return torch.cuda.is_available()


def device_of(kind: str, payload: Mapping[str, Any], has_gpu: Callable[[], bool] = _has_gpu) -> str:
    """Return the device that a job trains on: ``cuda:0`` for a family of networks where there is one, else ``cpu``.

    >>> device_of("train", {"model": "ridge"}, lambda: True), device_of("train", {"model": "frozen"}, lambda: True)
    ('cpu', 'cuda:0')
    """
    from engine.models.catalog import FAMILIES

    if kind == "compare":
        models = list(payload.get("models") or FAMILIES)
    else:
        models = [dict(payload.get("base") or payload).get("model", "")]
    families = [FAMILIES[name] for name in models if name in FAMILIES]
    is_network = any("epochs" in family.options for family in families)
    return "cuda:0" if is_network and has_gpu() else "cpu"


def wait_for_device(
    workspace: Workspace,
    spec: JobSpec,
    *,
    folder: Path,
    should_stop: StopCheck,
    tell: Callable[[str | None], object],
) -> int | None:
    """Wait until it is this job's turn on its device, and take the device for as long as the process lives.

    Args:
        workspace: the job's workspace.
        spec: the job.
        folder: where the devices' locks lie; one folder for the whole machine.
        should_stop: asked several times a second.
        tell: called when the waiting begins and whenever another job is waited for, with that job's id; None where it
            is none of this workspace.

    Returns:
        The descriptor that holds the device's lock; None where no lock can be made: then the order is lost, but not
        the training.

    Raises:
        Interrupted: `should_stop` said so.
    """
    device = device_of(spec.kind, spec.payload)
    path = folder / device
    try:
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        told: object = _NOT_ASKED
        while True:
            raise_if_stopped(should_stop)
            behind: str | None = _earlier(workspace, spec, device)
            if behind is None:
                handle = lock.take_file(path)
                if handle is not None:
                    _sign(handle, workspace.jobs / spec.job_id)
                    return handle
                behind, is_leaving = _holder(workspace, path)
                if is_leaving:
                    time.sleep(_POLL)  # Python with torch in it takes a second to end: that is no waiting to tell of
                    continue
            if behind != told:
                tell(behind)
                told = behind
            time.sleep(_POLL)
    except Interrupted:
        raise
    except BeholderError as error:
        _log.warning("training without a queue: %s", error)
        return None


def _earlier(workspace: Workspace, spec: JobSpec, device: str) -> str | None:
    """Return the last of the living jobs that were created before this one and want the same device."""
    mine = (spec.created, spec.job_id)
    found: list[tuple[str, str]] = []
    with disk_errors(workspace.jobs):
        folders = [item for item in workspace.jobs.iterdir() if item.name[0] != "." and item.name != spec.job_id]
    for folder in folders:
        try:
            if not lock.is_held(folder):
                continue
            other = json.loads((folder / SPEC_NAME).read_bytes())
            place = (str(other["created"]), folder.name)
            queues = other["kind"] in QUEUED_KINDS and other.get("queue", True)
            if not queues or place >= mine or device_of(other["kind"], other["payload"]) != device:
                continue
            last = last_line(folder / EVENTS_NAME)
        except (BeholderError, OSError, ValueError, LookupError, TypeError):
            continue  # a damaged job holds nobody up
        if last is None or last.get("type") not in ENDS:
            found.append(place)
    return max(found)[1] if found else None


def _sign(handle: int, job: Path) -> None:
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, os.fsencode(job.absolute()), 0)
    except OSError as error:  # the others can't say whom they wait for; they wait all the same
        _log.warning("%s", error)


def _holder(workspace: Workspace, path: Path) -> tuple[str | None, bool]:
    """Return the id of the job that holds the device, if it is one of this workspace; and whether it has ended."""
    try:
        job = Path(os.fsdecode(path.read_bytes()))
        is_ours = job.parent == workspace.jobs.absolute()
        last = last_line(job / EVENTS_NAME) if lock.is_held(job) else None
    except (BeholderError, OSError, ValueError):
        return None, False
    return job.name if is_ours and last is not None else None, last is not None and last.get("type") in ENDS
