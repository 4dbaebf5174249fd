"""Photos on their way through the network, in a thread beside the one that looks up, saves and hands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future

import numpy as np

from engine.errors import Message
from engine.features.batches import Part, decoded
from engine.features.decoding import Job
from engine.features.preprocess import FloatArray, Pixels
from engine.features.runtime import Runtime


class NetworkRun:
    """The photos of a part of a batch: those that the network works on, while the others are known.

    Args:
        part: the photos.
        jobs: content hash → the job that decodes the photo, of those that are to be computed.
    """

    def __init__(self, part: Part, jobs: Mapping[str, Job[Pixels]]) -> None:
        self.part = part
        self.keys = frozenset(jobs)
        self._jobs = dict(jobs)
        self._waited: Job[Pixels] | None = None
        self._stopped = False
        self._failed: dict[str, Message] = {}
        self._future: Future[dict[str, FloatArray]] | None = None

    def begin(self, network: Executor, runtime: Runtime) -> None:
        """Have the network take the photos, after those that it has already."""
        self._future = network.submit(lambda: runtime.run(self._pictures()))

    def done(self) -> bool:
        """Say whether the results can be had without waiting."""
        return self._future is None or self._future.done()

    def stop(self) -> None:
        """Take no further photo: what the network has by now is the result."""
        self._stopped = True
        for job in [*self._jobs.values(), self._waited]:
            if job is not None:
                job.cancel()

    def failed(self) -> bool:
        """Wait for the end, and say whether the network itself has failed."""
        return self._future is not None and self._future.exception() is not None

    def results(self) -> tuple[dict[str, FloatArray], dict[str, Message]]:
        """Wait for the vectors; and the reasons of the photos that have none."""
        if self._future is None:
            return {}, {}
        vectors = self._future.result()
        good = {key: vector for key, vector in vectors.items() if np.isfinite(vector).all()}
        strange = Message("The network's output for it is not a number.")
        return good, {**self._failed, **{key: strange for key in vectors if key not in good}}

    def _pictures(self) -> Iterator[tuple[str, Pixels]]:
        """Yield what is decoded; a photo that can't be is left out, and noted."""
        for key in list(self._jobs):
            if self._stopped:
                return
            self._waited = self._jobs.pop(key)
            picture = decoded(self._waited)
            self._waited = None
            if isinstance(picture, Message):
                self._failed[key] = picture
            else:
                yield key, picture
