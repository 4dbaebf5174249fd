"""From photo files to feature vectors: cached, in order, each photo's failure its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from engine.errors import Message
from engine.events import Notice, Progress, StopCheck, never_stop, raise_if_stopped
from engine.features.backbones import Backbone, fingerprint, get_backbone
from engine.features.batches import BATCH, Batch, Embedded, Look, decoded, hash_of, look_at
from engine.features.cache import FeatureCache
from engine.features.file_key import FileKey
from engine.features.preprocess import FloatArray, Pixels, load_pixels
from engine.features.runtime import Runtime, open_runtime

__all__ = ["BATCH", "Embedded", "Embedder", "embed", "embed_with"]

SECONDS_BETWEEN_PROGRESS = 0.2
_CACHED_BATCH = 256
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
        self._pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

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
        raise_if_stopped(should_stop)
        batch = self._next_batch(source)
        before: Mapping[str, FloatArray | Message] = {}
        while batch is not None:
            raise_if_stopped(should_stop)
            ahead = self._next_batch(source)
            self._look_up(batch)
            for part in batch.parts():
                raise_if_stopped(should_stop)
                missing = dict(part.missing())
                # a copy of what the batch before this one computed after this one was looked up
                copies = {key: before[key] for key in missing if key in before}
                batch.found.update(copies)
                missing = {key: path for key, path in missing.items() if key not in copies}
                if missing:
                    runtime = yield from self.runtime()
                    self._compute(batch, missing, runtime, ahead)
                if self.cache is not None and self.cache.notices:
                    yield from self.cache.take_notices()
                if done := batch.embedded(part):
                    yield done
            before, batch = batch.found, ahead

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
        looks = [item if isinstance(item, Embedded) else look_at(item) for item in items]
        batch = Batch(items, looks)
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
                batch.reading[look.key] = self._pool.submit(hash_of, Path(os.fsdecode(look.key[0])))
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
                batch.decoding[key] = self._pool.submit(load_pixels, path, self.backbone.preprocess)

    def _compute(self, batch: Batch, missing: dict[str, Path], runtime: Runtime, ahead: Batch | None) -> None:
        self._decode(batch, missing)

        def pictures() -> Iterator[tuple[str, Pixels]]:
            for key in missing:
                picture = decoded(batch.decoding.pop(key))
                if ahead is not None and ahead.is_read():
                    self._look_up(ahead, missing)  # so that its photos are decoded while the network works
                if isinstance(picture, Message):
                    batch.found[key] = picture
                else:
                    yield key, picture

        try:
            vectors = runtime.run(pictures())
        except BaseException:
            for future in [*batch.decoding.values(), *(ahead.decoding.values() if ahead else ())]:
                future.cancel()
            raise
        good = {key: vector for key, vector in vectors.items() if np.isfinite(vector).all()}
        if self.cache is not None:
            # not of a photo that was replaced between the reading of its content and its decoding
            same = {key for key in good if (now := FileKey.of(missing[key])) and batch.hashes.get(now) == key}
            self.cache.put_many({key: vector for key, vector in good.items() if key in same}, self.fingerprint)
        strange = Message("The network's output for it is not a number.")
        batch.found.update({**dict.fromkeys(vectors, strange), **good})
