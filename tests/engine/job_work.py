"""A worker for the tests of jobs: the real one, doing small work that the tests steer by files."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import NotFound
from engine.events import CurvePoint, Event, Finished, ItemFailed, Message, Phase, StopCheck, raise_if_stopped
from engine.jobs.worker import main
from engine.workspace import Workspace

_PACE = threading.Event()


def curve(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Draw a curve of five points."""
    yield Phase("fitting")
    for x in range(1, 6):
        yield CurvePoint("epochs", x, "mae", 10 / x, 12 / x)
    yield Finished({"model_id": "m1", "paths": payload["paths"]})


def gate(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Work until somebody makes the file ``gate``; stops when asked."""
    yield Phase("fitting")
    yield CurvePoint("epochs", 1, "mae", 2.0, 3.0)
    while not (workspace.root / "gate").exists():
        raise_if_stopped(stop)
        _PACE.wait(0.02)
    yield CurvePoint("epochs", 2, "mae", 1.0, 2.0)
    yield Finished({"model_id": "m2"})


def busy(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Never look whether to stop."""
    yield Phase("fitting")
    while True:
        _PACE.wait(0.02)


def deaf(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Never look whether to stop, and ignore SIGTERM too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield from busy(workspace, payload, folder, stop)


def child(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Leave a process behind that was started as carelessly as can be."""
    process = subprocess.Popen(["sleep", "60"], close_fds=False, start_new_session=True)
    (workspace.root / "child").write_text(str(process.pid))
    yield Finished({})


def missing(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Fail with one of our errors."""
    yield ItemFailed("a.jpg", Message("Not a picture."))
    raise NotFound("There is no folder {path}.", remedy="Check the spelling.", path=workspace.root / "x")


def fault(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Fail with a fault of the program."""
    yield Phase("fitting")
    raise ZeroDivisionError("by nought")


def leave(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Leave the process as a careless library might."""
    yield Phase("fitting")
    sys.exit(3)


def greedy(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Run out of memory."""
    yield Phase("fitting")
    raise MemoryError


def nothing(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """End without a result."""
    yield Phase("fitting")


def full(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Write more events than the disk takes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    while True:
        yield Phase("fitting")


WORK = {work.__name__: work for work in (curve, gate, busy, deaf, child, missing, fault, leave, greedy, nothing, full)}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    sys.exit(main(arguments, {"predict": WORK[name]}))
