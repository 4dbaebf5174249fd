"""From photo files to feature vectors: cached, in order, each photo's failure its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from engine.errors import BeholderError, Message
from engine.events import Notice, Progress, StopCheck, never_stop, raise_if_stopped
from engine.features.backbones import Backbone, fingerprint, get_backbone
from engine.features.cache import FeatureCache, FileKey
from engine.features.preprocess import FloatArray, load_input
from engine.features.runtime import Runtime, open_runtime
from engine.storage import content_hash, disk_errors

# What is computed between two looks at the stop check, and saved at once.
BATCH = 32
_SECONDS_BETWEEN_PROGRESS = 0.2


@dataclass(frozen=True)
class Embedded:
    """One photo's feature vector, or why there is none.

    Args:
        path: the photo, as it was asked for.
        vector: (backbone.width,) float32; None where it failed.
        content_hash: SHA-256 of the file; empty where it can't be read.
        error: the reason; None where there is a vector.
    """

    path: Path
    vector: FloatArray | None
    content_hash: str
    error: Message | None = None


def embed(
    paths: Sequence[Path],
    backbone: Backbone | str,
    *,
    cache: FeatureCache | None,
    weights: str = "default",
    should_stop: StopCheck = never_stop,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress | Notice | Embedded]:
    """Compute the feature vectors of photos.

    Vectors that the cache knows cost no network: it is loaded at the first photo that needs it.

    Args:
        paths: the photos.
        backbone: the network, or its name.
        cache: where vectors are kept; None keeps nothing.
        weights: ``default``, ``none`` (random, from a fixed seed) or a ``.safetensors`` or ``.pth`` file.
        should_stop: asked before each batch; what was computed by then is saved.
        clock: seconds, for rate and progress.

    Yields:
        `Embedded` for each path, in order; `Progress` at most five times a second and at the end; `Notice`.

    Raises:
        UsageError: unknown backbone. NeedMissing: its weights are not here, or the disk is full.
        DamagedFile: the weights are not this network's. Interrupted: `should_stop` said so.
    """
    with Embedder(backbone, cache=cache, weights=weights) as embedder:
        yield from embed_with(embedder, paths, should_stop=should_stop, clock=clock)


def embed_with(
    embedder: Embedder,
    paths: Sequence[Path],
    *,
    should_stop: StopCheck = never_stop,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress | Notice | Embedded]:
    """Compute the feature vectors of photos with a network that is held open; otherwise as `embed`."""
    started = said = clock()
    photos, done = iter(paths), 0
    yield Progress("features", 0, len(paths))
    while batch := list(islice(photos, BATCH)):
        raise_if_stopped(should_stop)
        for event in embedder.batch(batch):
            yield event
            done += isinstance(event, Embedded)
        now = clock()
        if now - said >= _SECONDS_BETWEEN_PROGRESS and done < len(paths):
            said = now
            yield _progress(done, len(paths), now - started)
    yield _progress(done, len(paths), clock() - started)


def _progress(done: int, total: int, seconds: float) -> Progress:
    rate = done / seconds if seconds > 0 and done else None
    return Progress("features", done, total, rate, (total - done) / rate if rate else None)


class Embedder:
    """One backbone held open: its network is loaded at the first photo that needs it, and stays; a context manager.

    Args:
        backbone: the network, or its name.
        cache: where vectors are kept; None keeps nothing. The caller closes it.
        weights: as for `embed`.

    Raises:
        UsageError: unknown backbone. NeedMissing: its weights are not here.
    """

    def __init__(self, backbone: Backbone | str, *, cache: FeatureCache | None, weights: str = "default") -> None:
        self.backbone = get_backbone(backbone) if isinstance(backbone, str) else backbone
        self.cache = cache
        self.weights = self.backbone.find_weights(weights)
        self.fingerprint = fingerprint(self.backbone, self.weights.digest)
        self._runtime: Runtime | None = None
        self._pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def runtime(self) -> Generator[Notice, None, Runtime]:
        """Return what runs the network, loaded now if it was not yet; notices on the way."""
        if self._runtime is None:
            for step in open_runtime(self.backbone, self.weights):
                if isinstance(step, Notice):
                    yield step
                else:
                    self._runtime = step
        assert self._runtime is not None
        return self._runtime

    def batch(self, paths: Sequence[Path]) -> Iterator[Notice | Embedded]:
        """Yield `Embedded` for each path, in order, with notices between; what was computed is saved."""
        hashes = self._hashes(paths)
        found: dict[str, FloatArray | Message] = {}
        if self.cache is not None:
            good = [value for value in hashes if isinstance(value, str)]
            found.update(self.cache.get_many(good, self.fingerprint, self.backbone.width))
        missing = {
            value: path
            for path, value in zip(paths, hashes, strict=True)
            if isinstance(value, str) and value not in found
        }
        if missing:
            runtime = yield from self.runtime()
            found.update(self._compute(missing, runtime))
        if self.cache is not None:
            yield from self.cache.take_notices()
        for path, value in zip(paths, hashes, strict=True):
            if isinstance(value, Message):
                yield Embedded(path, None, "", value)
                continue
            result = found[value]
            if isinstance(result, Message):
                yield Embedded(path, None, value, result)
            else:
                yield Embedded(path, result, value)

    def _hashes(self, paths: Sequence[Path]) -> list[str | Message]:
        keys = [_file_key(path) for path in paths]
        known = {} if self.cache is None else self.cache.hashes(key for key in keys if isinstance(key, tuple))
        fresh = {
            key: self._pool.submit(_hash, path)
            for path, key in zip(paths, keys, strict=True)
            if isinstance(key, tuple) and key not in known
        }
        read = {key: future.result() for key, future in fresh.items()}
        if self.cache is not None:
            self.cache.put_hashes({key: value for key, value in read.items() if isinstance(value, str)})
        both: dict[FileKey, str | Message] = {**known, **read}
        return [key if isinstance(key, Message) else both[key] for key in keys]

    def _compute(self, missing: dict[str, Path], runtime: Runtime) -> dict[str, FloatArray | Message]:
        found: dict[str, FloatArray | Message] = {}
        decoding = {key: self._pool.submit(load_input, path, self.backbone.preprocess) for key, path in missing.items()}

        def pictures() -> Iterator[tuple[str, FloatArray]]:
            for key in missing:
                picture = _decoded(decoding.pop(key))
                if isinstance(picture, Message):
                    found[key] = picture
                else:
                    yield key, picture

        try:
            vectors = runtime.run(pictures())
        finally:
            for future in decoding.values():
                future.cancel()
        good = {key: vector for key, vector in vectors.items() if np.isfinite(vector).all()}
        if self.cache is not None:
            self.cache.put_many(good, self.fingerprint)
        strange = Message("The network's output for it is not a number.")
        return {**found, **dict.fromkeys(vectors, strange), **good}


def _file_key(path: Path) -> FileKey | Message:
    try:
        with disk_errors(path):
            state = path.stat()
    except BeholderError as error:
        return error.message
    return os.fsencode(path.absolute()), state.st_size, state.st_mtime_ns


def _hash(path: Path) -> str | Message:
    try:
        return content_hash(path)
    except BeholderError as error:
        return error.message


def _decoded(future: Future[FloatArray]) -> FloatArray | Message:
    try:
        return future.result()
    except BeholderError as error:
        return error.message
