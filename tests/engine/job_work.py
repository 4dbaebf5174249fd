"""A worker for the tests of jobs: the real one, doing small work that the tests steer by files."""

from __future__ import annotations

import os
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
from engine.jobs.listing import CHECKPOINT_NAME
from engine.jobs.spec import KINDS
from engine.jobs.worker import Handler, Stop, main
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


def native(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Sit in a fit of scikit-learn that takes minutes and lets Python take no signal."""
    import numpy as np
    from sklearn.svm import SVR

    random = np.random.default_rng(0)
    photos, scores = random.normal(size=(20_000, 200)), random.normal(size=20_000)
    yield Phase("fitting")
    SVR(C=1e6, gamma=1e-3, tol=1e-12).fit(photos, scores)
    (workspace.root / "fitted").touch()
    yield Finished({})


def early(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: Stop) -> Iterator[Event]:
    """Count epochs until somebody asks for an early end; the best so far is the last one."""
    yield Phase("fitting")
    epoch = 0
    while not stop.finish():
        raise_if_stopped(stop)
        epoch += 1
        yield CurvePoint("epochs", epoch, "loss", 1 / epoch, 2 / epoch)
        _PACE.wait(0.01)
    yield Finished({"model_id": "m3", "epochs": epoch})


def steps(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Do four steps, each kept in the checkpoint; die after the second one the first time."""
    yield Phase("fitting")
    kept = folder / CHECKPOINT_NAME
    kept.mkdir(exist_ok=True)
    done = len(list(kept.iterdir()))
    for step in range(done + 1, 5):
        (kept / str(step)).write_text(str(os.getpid()))
        yield CurvePoint("epochs", step, "loss", 1 / step, None)
        if step == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    yield Finished({"processes": sorted({file.read_text() for file in kept.iterdir()})})


def place(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: StopCheck) -> Iterator[Event]:
    """Write one's name down when one's turn comes, and work until the file of that name is there."""
    with (workspace.root / "turns").open("a") as turns:
        turns.write(f"{folder.name}\n")
    yield Phase("fitting")
    while not (workspace.root / folder.name).exists():
        raise_if_stopped(stop)
        _PACE.wait(0.02)
    yield Finished({"model_id": folder.name})


_ALL = (curve, gate, busy, deaf, child, missing, fault, leave, greedy, nothing, full, native, early, steps, place)
WORK: Mapping[str, Handler] = {work.__name__: work for work in _ALL}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    sys.exit(main(arguments, dict.fromkeys(KINDS, WORK[name])))
