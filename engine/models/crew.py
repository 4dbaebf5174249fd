"""Several fits at once, one to a core, each on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import TypeVar

from engine.events import StopCheck, raise_if_stopped

T = TypeVar("T")


class Crew:
    """Threads that fit models side by side; a context manager, which waits for what has begun.

    The numeric libraries would each start a thread for every core inside of every fit, and then all of these threads
    wait for each other: here a fit gets one. What is computed does not depend on how many cores there are.

    Args:
        should_stop: asked between the fits; True raises `Interrupted` for whoever waits.
    """

    def __init__(self, should_stop: StopCheck) -> None:
        self._should_stop = should_stop
        self._pool: ThreadPoolExecutor | None = None
        self._limits = ExitStack()

    def __enter__(self) -> Crew:
        # only libraries that are loaded by now can be told
        import scipy.linalg  # noqa: F401
        import sklearn.utils  # noqa: F401
        from joblib import cpu_count
        from threadpoolctl import threadpool_limits

        # the limit is the whole process's: threads that each set and reset it would leave any number behind
        self._limits.enter_context(threadpool_limits(limits=1))
        self._pool = ThreadPoolExecutor(cpu_count(), "fit")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._limits.close()

    def all(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """Do all of it and return what came of it, in the order asked.

        Raises:
            Interrupted: `should_stop` said so. What a work raises is raised here.
        """
        return list(self.each(works))

    def each(self, works: Sequence[Callable[[], T]]) -> Iterator[T]:
        """Yield what came of each, in the order asked; all of it is begun as the first is asked for.

        Raises:
            Interrupted: `should_stop` said so. What a work raises is raised here.
        """
        if self._pool is None:
            raise ValueError("nobody is there: enter it first")
        futures = [self._pool.submit(_alone, work) for work in works]
        try:
            for future in futures:
                raise_if_stopped(self._should_stop)
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _alone(work: Callable[[], T]) -> T:
    from joblib import parallel_config

    with parallel_config("sequential"):  # a forest would bring threads of its own
        return work()
