"""The threads that read and decode photos: bounded, and none of them is waited for longer than a photo may take."""

from __future__ import annotations

import itertools
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Any, Generic, TypeVar

from engine.errors import ImageError, UsageError
from engine.images import too_slow

SECONDS = 60.0
"""How long a photo may be decoded; ``$BEHOLDER_DECODE_SECONDS`` says otherwise."""

MOST_STUCK = 4
"""So many threads that hang in a decoder are replaced; beyond that the pool becomes smaller."""

_GRACE = 1.0  # seconds beyond the deadline, in which a decoder that reads in chunks notices it by itself
_CLOSING = 2.0  # seconds in all that closing waits for what is being decoded
_LONGEST_WAIT = 0.5  # seconds between two looks at the threads
_FIRST, _NEXT, _NEVER = 0, 1, 2

T = TypeVar("T")


def seconds_to_decode(environ: Mapping[str, str] = os.environ) -> float:
    """Return how many seconds a photo may be decoded.

    Raises:
        UsageError: ``$BEHOLDER_DECODE_SECONDS`` is no number above 0.
    """
    text = environ.get("BEHOLDER_DECODE_SECONDS", "")
    try:
        seconds = float(text or SECONDS)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise UsageError(
            "BEHOLDER_DECODE_SECONDS is “{value}”, no number of seconds.",
            remedy="Set it to a number above 0, or leave it away: {seconds} is what holds then.",
            value=text,
            seconds=round(SECONDS),
        )
    return seconds


class Job(Generic[T]):
    """Something that a thread of the pool does with a photo.

    Args:
        pool: which pool.
        path: the photo.
        work: what is done; it gets the time when to give up, in seconds of `time.monotonic`.
        seconds: how long it may take; endless for what is never given up.
    """

    def __init__(self, pool: DecodePool, path: Path, work: Callable[[float], T], seconds: float) -> None:
        self.path = path
        self.work = work
        self.seconds = seconds
        self.until = math.inf  # set when it begins
        self.future: Future[T] = Future()
        self._pool = pool

    def done(self) -> bool:
        """Say whether there is a result, or an error, to take."""
        return self.future.done()

    def cancel(self) -> None:
        """Don't do it, or if it has begun, let nobody wait for it any more."""
        if not self.future.cancel():
            self.seconds = 0.0
            self.until = -math.inf

    def result(self) -> T:
        """Wait for the result.

        Raises:
            ImageError: the photo took too long; or whatever else the work raised.
        """
        while True:
            try:
                return self.future.result(self._pool.give_up())
            except NotYet:
                if self.future.done():  # by now, or it was the work's own error
                    return self.future.result()


class DecodePool:
    """Daemon threads that do the jobs of photos in the order given, hashing before decoding.

    A decoder that hangs inside its own code can't be stopped: its photo gets an error, its thread is left to itself,
    and another one takes its place. Such a thread doesn't keep the process from ending.

    Args:
        workers: how many threads.
        seconds: how long a photo may be decoded.
    """

    def __init__(self, workers: int, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.stuck = 0  # how many threads hang at the moment
        self._jobs: queue.PriorityQueue[tuple[int, int, Job[Any] | None]] = queue.PriorityQueue()
        self._number = itertools.count()
        self._lock = threading.Lock()
        self._workers: dict[threading.Thread, Job[Any] | None] = {}
        self._wanted = workers

    def hash(self, path: Path, work: Callable[[], T]) -> Job[T]:
        """Have a file read, before whatever is to be decoded; a large one on a slow disk may take its time."""
        return self._put(_FIRST, Job(self, path, lambda _: work(), math.inf))

    def decode(self, path: Path, work: Callable[[float], T]) -> Job[T]:
        """Have a photo decoded; `work` gets the time when to give up."""
        return self._put(_NEXT, Job(self, path, work, self.seconds))

    def close(self) -> None:
        """Drop what has not begun, and wait a little for what has."""
        with self._lock:
            self._wanted = 0
            workers = list(self._workers)
        self._drop()
        for _ in workers:
            self._jobs.put((_NEVER, next(self._number), None))
        end = time.monotonic() + _CLOSING
        for worker in workers:
            worker.join(max(end - time.monotonic(), 0))

    def give_up(self) -> float:
        """Leave the jobs that take too long to themselves; return the seconds after which to look again."""
        now = time.monotonic()
        with self._lock:
            for worker, job in list(self._workers.items()):
                if job is not None and now >= job.until + _grace(job):
                    del self._workers[worker]
                    self.stuck += 1
                    job.future.set_exception(too_slow(job.path.name))
            self._hire()
            none_left = not self._workers
            left = [job.until + _grace(job) - now for job in self._workers.values() if job is not None]
        if none_left:
            self._drop(_too_many)
        soonest = min(left, default=math.inf)
        # a thread that is free at this moment may take a job right afterwards
        return max(min(soonest, self.seconds, _LONGEST_WAIT), 0.001)

    def _put(self, order: int, job: Job[T]) -> Job[T]:
        self._jobs.put((order, next(self._number), job))
        with self._lock:
            self._hire()
            none_left = not self._workers
        if none_left:
            self._drop(_too_many)
        return job

    def _hire(self) -> None:
        """Begin threads that are missing."""
        for _ in range(self._wanted - max(self.stuck - MOST_STUCK, 0) - len(self._workers)):
            worker = threading.Thread(target=self._serve, name="decode", daemon=True)
            self._workers[worker] = None
            worker.start()

    def _drop(self, reason: Callable[[Job[Any]], Exception] | None = None) -> None:
        """Cancel what has not begun, or say why it never will."""
        while True:
            try:
                _, _, job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None and reason is None:
                job.future.cancel()
            elif job is not None and reason is not None and job.future.set_running_or_notify_cancel():
                job.future.set_exception(reason(job))

    def _serve(self) -> None:
        me = threading.current_thread()
        while True:
            _, _, job = self._jobs.get()
            if job is None:
                return
            if not job.future.set_running_or_notify_cancel():
                continue
            with self._lock:
                job.until = min(time.monotonic() + job.seconds, job.until)
                self._workers[me] = job
            result, error = None, None
            try:
                result = job.work(job.until)
            except BaseException as raised:  # noqa: BLE001 - handed on to whoever waits, as an executor does
                error = raised
            with self._lock:
                if me not in self._workers:  # given up meanwhile: another thread is in this one's place
                    self.stuck -= 1
                    return
                self._workers[me] = None
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
            del job, result, error  # or this thread would hold the picture until the next one


def _grace(job: Job[Any]) -> float:
    return min(_GRACE, job.seconds)


def _too_many(job: Job[Any]) -> ImageError:
    return ImageError(
        "{name} was left out: the decoders hang in too many other photos.",
        remedy="Take those out, and run the same again.",
        name=job.path.name,
    )
