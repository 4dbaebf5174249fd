"""From photo files to feature vectors: cached, in order, each photo's failure its own."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import Message
from engine.events import Notice, Progress, StopCheck, never_stop, raise_if_stopped
from engine.features.backbones import Backbone, fingerprint, get_backbone
from engine.features.batches import BATCH, Batch, Embedded, Look, Part, hash_of, look_at_all
from engine.features.cache import FeatureCache
from engine.features.decoding import DecodePool, seconds_to_decode
from engine.features.file_key import FileKey
from engine.features.network_run import NetworkRun
from engine.features.preprocess import FloatArray, Pixels, load_pixels
from engine.features.runtime import Runtime, open_runtime

__all__ = ["BATCH", "Embedded", "Embedder", "embed", "embed_with"]

SECONDS_BETWEEN_PROGRESS = 0.2
_CACHED_BATCH = 256
_MOST_DECODERS = 8  # each may hold a whole picture of the pixel limit
_MOST_LINKS = 20_000  # files with several names whose content is remembered


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
    done = 0
    yield Progress("features", 0, len(paths))
    for event in embedder.stream(paths, should_stop=should_stop):
        if isinstance(event, Notice):
            yield event
            continue
        yield from event
        done += len(event)
        now = clock()
        if now - said >= SECONDS_BETWEEN_PROGRESS and done < len(paths):
            said = now
            yield progress(done, len(paths), now - started)
    yield progress(done, len(paths), clock() - started)


def progress(done: int, total: int | None, seconds: float, *, before: int = 0) -> Progress:
    """Return how far the photos are.

    Args:
        done: photos done. total: photos in all; None while unknown.
        seconds: how long it took so far.
        before: how many of those done took no time, because they had been done earlier.
    """
    rate = (done - before) / seconds if seconds > 0 and done > before else None
    return Progress("features", done, total, rate, None if rate is None or total is None else (total - done) / rate)


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
        if cache is not None:
            cache.note_network(self.fingerprint, self.backbone.name, self.weights.digest)
        self._runtime: Runtime | None = None
        self._size = BATCH
        self._links: dict[tuple[int, ...], str] = {}
        self._pool = DecodePool(min(_MOST_DECODERS, os.cpu_count() or 1), seconds_to_decode())
        self._network = ThreadPoolExecutor(max_workers=1, thread_name_prefix="network")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()
        self._network.shutdown(cancel_futures=True)

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

    def share_runtime(self, other: Embedder) -> None:
        """Let two embedders of one fingerprint run one network: that of the other one, if it has loaded it."""
        if self.fingerprint == other.fingerprint and self._runtime is None:
            self._runtime = other._runtime

    def batch(self, paths: Sequence[Path]) -> Iterator[Notice | Embedded]:
        """Yield `Embedded` for each path, in order, with notices between; what was computed is saved."""
        for event in self.stream(paths):
            if isinstance(event, Notice):
                yield event
            else:
                yield from event

    def stream(
        self, photos: Iterable[Path | Embedded | None], *, should_stop: StopCheck = never_stop
    ) -> Iterator[Notice | list[Embedded]]:
        """Compute vectors of however many photos; while one batch is computed, the next is read and decoded.

        Args:
            photos: taken as they are needed, two batches at most; an `Embedded` goes through as it is. None says that
                the next photo may take a while, so that what there is should not wait for it.
            should_stop: asked before each batch; what was computed by then is saved.

        Yields:
            The photos in order, up to `BATCH` that had to be computed at a time; notices between.

        Raises:
            NeedMissing: the disk is full. DamagedFile: the weights are not this network's.
            Interrupted: `should_stop` said so.
        """
        try:
            yield from self._batches(iter(photos), should_stop)
        finally:
            if self.cache is not None:
                self.cache.flush()

    def _batches(
        self, source: Iterator[Path | Embedded | None], should_stop: StopCheck
    ) -> Iterator[Notice | list[Embedded]]:
        """Begin a part of the photos before the part before it is waited for: so the network never waits itself."""
        raise_if_stopped(should_stop)
        batch = self._next_batch(source)
        runs: deque[NetworkRun] = deque()
        try:
            while batch is not None:
                raise_if_stopped(should_stop)
                ahead = self._next_batch(source)
                self._look_up(batch, {key for run in runs for key in run.keys})
                for part in batch.parts():
                    raise_if_stopped(should_stop)
                    runs.append((yield from self._begin_run(part, {key for run in runs for key in run.keys})))
                    while len(runs) > 1 or (runs and runs[0].done()):
                        yield from self._finish(runs, (batch, ahead))
                while runs and ahead is not None and not ahead.items:  # a pause
                    yield from self._finish(runs, (batch, ahead))
                batch = ahead
            while runs:
                raise_if_stopped(should_stop)
                yield from self._finish(runs, ())
        finally:
            self._end(runs, batch)

    def _begin_run(self, part: Part, computing: Container[str]) -> Generator[Notice, None, NetworkRun]:
        """Have the network compute what is not known of a part, except what it computes at this moment."""
        missing = {key: path for key, path in part.missing() if key not in computing}
        self._decode(part.batch, missing)
        run = NetworkRun(part, {key: part.batch.decoding.pop(key) for key in missing})
        if missing:
            try:
                runtime = yield from self.runtime()
            except BaseException:
                run.stop()
                raise
            run.begin(self._network, runtime)
        return run

    def _finish(self, runs: deque[NetworkRun], batches: Iterable[Batch | None]) -> Iterator[Notice | list[Embedded]]:
        """Wait for the first of the runs, save what it computed, and hand it on; to those behind it as well."""
        vectors, failed = runs[0].results()
        run = runs.popleft()
        self._save(run.part.batch, vectors)
        for batch in (run.part.batch, *(later.part.batch for later in runs), *batches):
            if batch is not None:
                batch.found.update(vectors)
                batch.found.update(failed)
        if self.cache is not None and self.cache.notices:
            yield from self.cache.take_notices()
        if done := run.part.batch.embedded(run.part):
            yield done

    def _end(self, runs: Iterable[NetworkRun], batch: Batch | None) -> None:
        """Take no further photo, and save what is computed."""
        for job in batch.decoding.values() if batch is not None else ():
            job.cancel()
        for run in runs:
            run.stop()
        for run in runs:
            if not run.failed():
                self._save(run.part.batch, run.results()[0])

    def _save(self, batch: Batch, vectors: Mapping[str, FloatArray]) -> None:
        """Keep vectors, but none of a photo that was replaced after its content was read: it may be the other one's."""
        if self.cache is not None:
            looked = [(key, content) for key, content in batch.hashes.items() if isinstance(content, str)]
            other = {content for key, content in looked if content in vectors and FileKey.of(key.path) != key}
            kept = {content: vector for content, vector in vectors.items() if content not in other}
            self.cache.put_many(kept, self.fingerprint)

    def _next_batch(self, source: Iterator[Path | Embedded | None]) -> Batch | None:
        """Take further photos and begin to read them; None at the end, an empty batch in a pause."""
        items: list[Path | Embedded] = []
        for item in source:
            if item is None:
                break
            items.append(item)
            if len(items) >= self._size:
                break
        else:
            if not items:
                return None
        return self._begin(items)

    def _begin(self, items: list[Path | Embedded]) -> Batch:
        """Find the content hashes that are known, and have the others computed."""
        looks, begun_ns = look_at_all(items)
        batch = Batch(items, looks, begun_ns)
        unknown = [look.key for look in looks if isinstance(look, Look) and self._linked_hash(look, batch) is None]
        if self.cache is not None and unknown:
            batch.hashes.update(self.cache.hashes(unknown))
        first: dict[tuple[int, ...], FileKey] = {}
        for look in looks:
            if not isinstance(look, Look) or look.key in batch.hashes:
                continue
            # Of several links to one file the first is read.
            same = first.setdefault(look.inode, look.key) if look.inode is not None else look.key
            if same == look.key and look.key not in batch.reading:
                batch.reading[look.key] = self._pool.hash(*_reading(look.key))
            elif same != look.key:
                batch.links[look.key] = same
        return batch

    def _linked_hash(self, look: Look, batch: Batch) -> str | None:
        known = self._links.get(look.inode) if look.inode is not None else None
        if known is not None:
            batch.hashes[look.key] = known
        return known

    def _look_up(self, batch: Batch, computing: Container[str] = ()) -> None:
        """Take what is known of a batch's photos, and begin to decode the others; again does no harm.

        Args:
            batch: the photos.
            computing: contents that are computed at this moment, and need not be decoded again.
        """
        if batch.looked_up:
            return
        batch.looked_up = True
        read = {key: future.result() for key, future in batch.reading.items()}
        if self.cache is not None and read:
            known = {key: value for key, value in read.items() if isinstance(value, str)}
            self.cache.put_hashes(known, batch.begun_ns)
        batch.hashes.update(read)
        batch.hashes.update({key: read[same] for key, same in batch.links.items()})
        for look in batch.looks:
            if isinstance(look, Look) and look.inode is not None:
                value = batch.hashes[look.key]
                if isinstance(value, str):
                    self._links[look.inode] = value
        for _ in range(len(self._links) - _MOST_LINKS):
            self._links.pop(next(iter(self._links)))
        wanted = [value for value in batch.hashes.values() if isinstance(value, str)]
        if self.cache is not None and wanted:
            batch.found.update(self.cache.get_many(wanted, self.fingerprint, self.backbone.width))
            hits = sum(value in batch.found for value in wanted)
            self.cache.count(hits, len(wanted) - hits)
        parts = batch.parts()
        self._size = BATCH if len(parts) > 1 or any(True for part in parts for _ in part.missing()) else _CACHED_BATCH
        if parts:
            self._decode(batch, {key: path for key, path in parts[0].missing() if key not in computing})

    def _decode(self, batch: Batch, photos: dict[str, Path]) -> None:
        for key, path in photos.items():
            if key not in batch.decoding and key not in batch.found:
                batch.decoding[key] = self._pool.decode(path, self._load(path))

    def _load(self, path: Path) -> Callable[[float], Pixels]:
        return lambda until: load_pixels(path, self.backbone.preprocess, until=until)


def _reading(key: FileKey) -> tuple[Path, Callable[[], str | Message]]:
    path = Path(os.fsdecode(key[0]))
    return path, lambda: hash_of(path)
