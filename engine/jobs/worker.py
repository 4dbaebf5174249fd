"""The process that does one job: ``python -m engine.jobs.worker FOLDER LOCK``; started by `engine.jobs.client`."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.errors import BeholderError, Interrupted, NeedMissing
from engine.events import Event, Finished, StopCheck, raise_if_stopped
from engine.jobs import lock
from engine.jobs.events import EVENTS_NAME, ROWS_NAME, EventWriter, read_lines
from engine.jobs.listing import CANCEL_NAME, CHECKPOINT_NAME, FINISH_NAME
from engine.workspace import Workspace

if TYPE_CHECKING:
    from engine.jobs.spec import JobSpec
    from engine.models.base import FitControl

_log = logging.getLogger(__name__)
_LOOK_EVERY = 0.1  # seconds between two looks for the cancel file
_NICE = 5  # the face goes first


class Stop:
    """Knows whether the job should stop: somebody left a ``cancel`` file or sent SIGTERM; or should end early.

    Args:
        folder: the job's; a file ``cancel`` in it asks for a stop, a file ``finish`` for an early end.
        timer: tells seconds.
    """

    def __init__(self, folder: Path, timer: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._timer = folder, timer
        self._next_look = float("-inf")
        self._asked = self._finish = False
        self.closing = False

    def __call__(self) -> bool:
        """Say whether to stop; cheap enough to ask for every photo."""
        self._look()
        return self._asked

    def finish(self) -> bool:
        """Say whether to end early and to keep what is best so far; as cheap."""
        self._look()
        return self._finish

    def _look(self) -> None:
        if self._timer() >= self._next_look:
            self._next_look = self._timer() + _LOOK_EVERY
            self._asked = self._asked or (self._folder / CANCEL_NAME).exists()
            self._finish = self._finish or (self._folder / FINISH_NAME).exists()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Note the wish, and break off whatever runs, unless the job is writing its last event."""
        self._asked = True
        if not self.closing:
            raise_if_stopped(self)


Handler: TypeAlias = Callable[[Workspace, Mapping[str, Any], Path, Stop], Iterator[Event]]
"""Does one kind of job: (workspace, payload, job folder, stop check) → events, the last one `Finished`."""


def _control(folder: Path, stop: Stop) -> FitControl:
    from engine.models.base import FitControl

    return FitControl(should_stop=stop, should_finish=stop.finish, checkpoints=folder / CHECKPOINT_NAME)


def train(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: Stop) -> Iterator[Event]:
    """Train one model; the payload holds the fields of `TrainSpec`."""
    from engine.training.run import run_training
    from engine.training.spec import TrainSpec

    yield from run_training(workspace, TrainSpec(**payload), control=_control(folder, stop))


def compare(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: Stop) -> Iterator[Event]:
    """Train several models under one split; the payload holds the fields of `CompareSpec`."""
    from engine.training.compare import run_comparison
    from engine.training.spec import CompareSpec

    yield from run_comparison(workspace, CompareSpec(**payload), control=_control(folder, stop))


def tune(workspace: Workspace, payload: Mapping[str, Any], folder: Path, stop: Stop) -> Iterator[Event]:
    """Search for better hyper-parameters; the payload holds the fields of `TuneSpec`."""
    from engine.training.spec import TuneSpec
    from engine.training.tune import run_search

    yield from run_search(workspace, TuneSpec(**payload), control=_control(folder, stop))


def predict(workspace: Workspace, payload: Mapping[str, Any], folder: Path, should_stop: StopCheck) -> Iterator[Event]:
    """Score photos; the payload holds the fields of `PredictRequest`, the rows go to ``rows.jsonl``.

    Rows that an earlier run of the job left there are kept; see `engine.outputs.journal`.
    """
    from engine.jobs.spec import PredictRequest
    from engine.models.bundle import find_bundle

    request = PredictRequest.model_validate(dict(payload))
    info = find_bundle(workspace, request.model)
    from engine.jobs.predicting import predict_for  # slow to import: a wrong name is told before

    yield from predict_for(workspace, info, request, folder / ROWS_NAME, should_stop)


HANDLERS: Mapping[str, Handler] = {"train": train, "predict": predict, "compare": compare, "tune": tune}


def run(folder: Path, lock_handle: int, handlers: Mapping[str, Handler] = HANDLERS) -> int:
    """Do the job of a folder, in this process and for as long as it takes.

    Args:
        folder: the job's folder, with its ``spec.json``.
        lock_handle: an open descriptor of its lock file, which holds the lock.
        handlers: kind of job → who does it.

    Returns:
        The exit code; everything else stands in ``events.jsonl``.
    """
    lock.adopt(lock_handle)
    stop = Stop(folder)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.on_signal)
    try:
        events = EventWriter(folder / EVENTS_NAME)
    except BeholderError as error:
        _log.exception("the events can't be written")
        return error.exit_code
    try:
        last, code = _work(folder, handlers, events, stop)
        events.write(last)
        events.close()
        if isinstance(last, Finished):
            shutil.rmtree(folder / CHECKPOINT_NAME, ignore_errors=True)  # as large as the model, and of no use now
    except BeholderError as error:
        # No event can say so any more: the log and the exit code must.
        _log.exception("the last event can't be written")
        return error.exit_code
    return code


def _work(
    folder: Path, handlers: Mapping[str, Handler], events: EventWriter, stop: Stop
) -> tuple[Event | Mapping[str, Any], int]:
    """Return the job's last event and the exit code, whatever happens."""
    from engine.jobs.spec import load_spec

    try:
        try:
            before, _ = read_lines(folder / EVENTS_NAME)
            run_number = 1 + sum(event.get("type") == "started" for event in before)
            events.write({"type": "started", "pid": os.getpid(), "pgid": os.getpgid(0), "run": run_number})
            spec = load_spec(folder)
            raise_if_stopped(stop)
            _take_turn(folder, spec, events, stop)
            work = handlers[spec.kind](Workspace(folder.parents[2]), spec.payload, folder, stop)
            for event in work:
                if isinstance(event, Finished):
                    return event, 0
                events.write(event)
            raise RuntimeError("the work ended without a result")
        finally:
            stop.closing = True
    except Interrupted as error:
        return {"type": "cancelled"}, error.exit_code
    except BeholderError as error:
        _log.error("%s", error)
        return {"type": "failed", **error.to_dict()}, error.exit_code
    except MemoryError:
        _log.exception("out of memory")
        fault: BeholderError = NeedMissing(
            "There is not enough memory for this job.",
            remedy="Close other programs, or choose a smaller backbone or fewer photos.",
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001  (the outermost frame: logged, and told as the last event)
        if stop():
            # The signal broke off what can't be broken off cleanly, such as an import: no fault of the program.
            _log.info("stopped", exc_info=True)
            return {"type": "cancelled"}, Interrupted.exit_code
        _log.exception("a fault of the program")
        fault = BeholderError(
            "The worker stopped on a fault of the program: {cause}.",
            remedy="See the details with: beholder jobs logs {job}",
            cause=f"{type(error).__name__}: {error}".rstrip(": ."),
            job=folder.name,
        )
    return {"type": "failed", **fault.to_dict()}, fault.exit_code


def _take_turn(folder: Path, spec: JobSpec, events: EventWriter, stop: Stop) -> None:
    """Wait for the device that a training needs; the lock on it ends with this process."""
    from engine.features.runtime import cache_folder
    from engine.jobs.queue import QUEUED_KINDS, wait_for_device

    if spec.queue and spec.kind in QUEUED_KINDS:
        wait_for_device(
            Workspace(folder.parents[2]),
            spec,
            folder=cache_folder() / "devices",
            should_stop=stop,
            tell=lambda behind: events.write({"type": "waiting", "behind": behind}),
        )


def main(arguments: Sequence[str], handlers: Mapping[str, Handler] = HANDLERS) -> int:
    """Run the worker from the command line: FOLDER and the descriptor of its lock."""
    faulthandler.enable()  # so that even a crash in native code leaves its place in the log
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    folder, handle = arguments
    return run(Path(folder), int(handle), handlers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
