"""Photos on their way to a vector: looked at, read, looked up, decoded; batch by batch."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.errors import BeholderError, Message
from engine.features.decoding import Job
from engine.features.file_key import TICK_NS, FileKey
from engine.features.preprocess import FloatArray, Pixels
from engine.storage import content_hash, disk_error

# What is computed between two looks at the stop check, and saved at once.
BATCH = 32


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


class Look(NamedTuple):
    """What a look at a photo's file shows: its key, and of a file with several names which file it is."""

    key: FileKey
    inode: tuple[int, ...] | None


@dataclass
class Batch:
    """Photos on their way: read, looked up, decoded, computed."""

    items: list[Path | Embedded]
    looks: list[Look | Message | Embedded]
    begun_ns: int  # a moment before the first look, ns since 1970
    hashes: dict[FileKey, str | Message] = field(default_factory=dict)
    reading: dict[FileKey, Job[str | Message]] = field(default_factory=dict)
    links: dict[FileKey, FileKey] = field(default_factory=dict)
    found: dict[str, FloatArray | Message] = field(default_factory=dict)
    decoding: dict[str, Job[Pixels]] = field(default_factory=dict)
    looked_up: bool = False

    def is_known(self) -> bool:
        """Say whether nothing must be computed, as of most batches of photos that were seen before."""
        found = self.found
        return all(value in found for value in self.hashes.values() if type(value) is str)

    def parts(self) -> list[Part]:
        """Return the batch in pieces in which no more than `BATCH` photos must be computed."""
        if self.is_known():
            return [Part(self, 0, len(self.looks))] if self.looks else []
        parts: list[Part] = []
        missing: set[str] = set()
        start = 0
        for place, look in enumerate(self.looks):
            value = self.hashes[look.key] if isinstance(look, Look) else None
            if isinstance(value, str) and value not in self.found:
                if len(missing) == BATCH and value not in missing:
                    parts.append(Part(self, start, place))
                    start, missing = place, set()
                missing.add(value)
        return [*parts, Part(self, start, len(self.looks))] if self.looks else []

    def embedded(self, part: Part) -> list[Embedded]:
        """Return what became of the photos of a part, in order."""
        done: list[Embedded] = []
        for item, look in zip(self.items[part.start : part.end], self.looks[part.start : part.end], strict=True):
            if isinstance(item, Embedded):
                done.append(item)
                continue
            value = self.hashes[look.key] if isinstance(look, Look) else look
            if isinstance(value, str):
                result = self.found[value]
                done.append(
                    Embedded(item, None, value, result)
                    if isinstance(result, Message)
                    else Embedded(item, result, value)
                )
            else:
                assert isinstance(value, Message)
                done.append(Embedded(item, None, "", value))
        return done


class Part(NamedTuple):
    """A piece of a batch."""

    batch: Batch
    start: int
    end: int

    def missing(self) -> Iterator[tuple[str, Path]]:
        """Yield the content and the path of what must be computed."""
        batch = self.batch
        if batch.is_known():
            return
        for place in range(self.start, self.end):
            look, item = batch.looks[place], batch.items[place]
            if isinstance(look, Look) and isinstance(item, Path):
                value = batch.hashes[look.key]
                if isinstance(value, str) and value not in batch.found:
                    yield value, item


def look_at(path: Path) -> Look | Message:
    """Return what a photo's file is at the moment, or why it can't be read."""
    try:
        state = path.stat()
    except OSError as error:
        return disk_error(error, path).message
    except ValueError:
        return Message("No file can have this name.")
    if not stat.S_ISREG(state.st_mode):
        return Message("It is not a file.")  # to read a pipe would take for ever
    key = FileKey.seen(path, state)
    return Look(key, (state.st_dev, state.st_ino, *key[1:]) if state.st_nlink > 1 else None)


def look_at_all(items: Sequence[Path | Embedded]) -> tuple[list[Look | Message | Embedded], int]:
    """Look at photos' files; of those that have only just been written again, a tick of the clock later.

    Otherwise a further change might not show, and they would have to be read again the next time.

    Returns:
        What the looks show, one an item, and a moment before the first of them, in ns since 1970.
    """
    begun = time.time_ns()
    looks = [item if isinstance(item, Embedded) else look_at(item) for item in items]
    waits = [look.key.settles_in(begun) if isinstance(look, Look) else 0 for look in looks]
    longest = max((wait for wait in waits if wait <= TICK_NS), default=0)
    if longest > 0:
        time.sleep(longest / 1e9)
        begun = time.time_ns()
        for place, (item, wait) in enumerate(zip(items, waits, strict=True)):
            if isinstance(item, Path) and 0 < wait <= TICK_NS:
                looks[place] = look_at(item)
    return looks, begun


def hash_of(path: Path) -> str | Message:
    """Return a file's content hash, or why it can't be read."""
    try:
        return content_hash(path)
    except BeholderError as error:
        return error.message


def decoded(job: Job[Pixels]) -> Pixels | Message:
    """Return the picture that a thread has read, or why it could not."""
    try:
        return job.result()
    except BeholderError as error:
        return error.message
    except CancelledError:
        return Message("It was not decoded: the work was stopped.")
