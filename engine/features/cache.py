"""Keep feature vectors on disk: (content hash, fingerprint) → vector, in one SQLite file that can always be rebuilt."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import Message
from engine.events import Notice
from engine.features.cache_file import LaterLayout, open_cache_file, open_to_read, version_of
from engine.features.cache_writes import Waiting
from engine.features.file_key import FileKey
from engine.storage import disk_error

__all__ = ["FeatureCache", "FileKey", "FloatArray"]

FloatArray = NDArray[np.float32]

_CHUNK = 300
_STORED = np.dtype("<f4")
_DAY_SECONDS = 86_400
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_NOT_FOR_US = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


class FeatureCache:
    """The feature vectors of one workspace; a context manager. All methods may be called in any thread.

    What is put is found at once, and written with what else comes within a second, or by `flush` and `close`: a crash
    loses what a second computed. It is only a cache: a damaged file is moved aside and built anew, and where nothing
    can be written the work goes on without saving. `notices` says so.

    Args:
        path: the SQLite file.
        clock: seconds since 1970.

    Raises:
        NeedMissing: the disk is full.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path.absolute()
        self.notices: list[Notice] = []
        self._lock = threading.RLock()
        self._waiting = Waiting(int(clock() // _DAY_SECONDS))
        self._writable = True
        self._base: sqlite3.Connection | None = None
        self._knows_files = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._do_without_saving(error.strerror or str(error))
        else:
            with self._guarded():
                self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits and close the file; the cache is empty and saves nothing from then on.

        Raises:
            NeedMissing: the disk is full.
        """
        with self._lock:
            try:
                self.flush()
            finally:
                self._shut()

    @property
    def writable(self) -> bool:
        """Say whether new vectors are kept."""
        return self._base is not None and self._writable

    def take_notices(self) -> list[Notice]:
        """Return what there is to say since the last call."""
        said, self.notices = self.notices, []
        return said

    def hashes(self, files: Iterable[FileKey]) -> dict[FileKey, str]:
        """Return the content hashes that are known of files which did not change since."""
        wanted = {key.path: key for key in files}
        with self._lock:
            rows: list[tuple[Any, ...]] = []
            if self._knows_files:
                rows = self._select(
                    "SELECT path, size, mtime_ns, ctime_ns, hash, seen FROM files WHERE path IN ({})", [*wanted], ()
                )
            found: dict[FileKey, str] = {}
            for path, size, mtime_ns, ctime_ns, content, seen in rows:
                key = wanted[path]
                if key[1:] == (size, mtime_ns, ctime_ns):
                    found[key] = content
                    if seen < self._waiting.day:
                        self._waiting.seen.append(path)
            if self._waiting.hashes:
                found.update(self._waiting.settled(wanted.values()))
            self._write_soon()
        return found

    def put_hashes(self, hashes: Mapping[FileKey, str], looked_ns: int) -> None:
        """Remember content hashes.

        Args:
            hashes: of files, by what they were before they were read.
            looked_ns: a moment before the first of them was looked at, ns since 1970. A file that was changed so short
                a time before it that a further change might not show is read again the next time.
        """
        with self._lock:
            self._waiting.hashes.update({key: (value, key.is_settled(looked_ns)) for key, value in hashes.items()})
            self._write_soon()

    def get_many(self, hashes: Iterable[str], fingerprint: str, width: int) -> dict[str, FloatArray]:
        """Return the vectors that are known.

        Args:
            hashes: content hashes.
            fingerprint: of backbone, weights and preprocessing.
            width: length of a vector; a stored one of another length is left out.

        Returns:
            hash → (width,) float32, which can't be written to.
        """
        wanted = dict.fromkeys(hashes)
        with self._lock:
            waiting = self._waiting.vectors_of(fingerprint, wanted)
            # vectors lie in the order in which they were computed, and are read in it
            rows = self._select(
                "SELECT hash, vector FROM features WHERE rowid IN "
                "(SELECT rowid FROM features WHERE hash IN ({}) AND fingerprint = ?)",
                [key for key in wanted if key not in waiting] if waiting else list(wanted),
                (fingerprint,),
            )
        found = {key: np.frombuffer(blob, _STORED) for key, blob in rows if len(blob) == width * 4}
        found.update({key: np.frombuffer(blob, _STORED) for key, blob in waiting.items() if len(blob) == width * 4})
        return found

    def known(self, hashes: Iterable[str], fingerprint: str) -> set[str]:
        """Return those of the content hashes that have a vector; none is read."""
        wanted = dict.fromkeys(hashes)
        with self._lock:
            rows = self._select(
                "SELECT hash FROM features WHERE hash IN ({}) AND fingerprint = ?", list(wanted), (fingerprint,)
            )
            return {key for (key,) in rows} | self._waiting.vectors_of(fingerprint, wanted).keys()

    def put_many(self, vectors: Mapping[str, FloatArray], fingerprint: str) -> None:
        """Save vectors, within a second.

        Args:
            vectors: content hash → (D,) float32.
            fingerprint: of backbone, weights and preprocessing.

        Raises:
            NeedMissing: the disk is full.
        """
        with self._lock:
            for key, vector in vectors.items():
                self._waiting.vectors[key, fingerprint] = vector.astype(_STORED, copy=False).tobytes()
            self._write_soon()

    def note_network(self, fingerprint: str, backbone: str, weights: str) -> None:
        """Remember what a fingerprint stands for, and that it was used today.

        Args:
            fingerprint: of backbone, weights and preprocessing.
            backbone: the network's name. weights: their SHA-256, or ``random-<seed>``.
        """
        with self._lock:
            used = self._select(
                "SELECT used FROM networks WHERE fingerprint IN ({})" if self._knows_files else "", [fingerprint], ()
            )
            if not used or used[0][0] < self._waiting.day:
                self._waiting.networks[fingerprint] = backbone, weights

    def count(self, hits: int, misses: int) -> None:
        """Count photos whose vector was here and those whose vector had to be computed; a diagnosis shows them."""
        with self._lock:
            self._waiting.count(hits, misses)

    def flush(self) -> None:
        """Write what waits; it is on disk when this returns.

        Raises:
            NeedMissing: the disk is full.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, self._waiting.emptied(time.monotonic())
            with self._guarded():
                if waiting and self._base is not None and self._writable:
                    waiting.write(self._base)

    def _write_soon(self) -> None:
        if not self._writable:
            self._waiting = self._waiting.emptied(time.monotonic())
        elif self._waiting.is_due(time.monotonic()):
            self.flush()

    def _select(self, query: str, keys: Sequence[str | bytes], more: tuple[str, ...]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for at in range(0, len(keys) if query else 0, _CHUNK):
            chunk = keys[at : at + _CHUNK]
            text = query.format(",".join("?" * len(chunk)))
            with self._guarded():
                if self._base is not None:
                    found += self._base.execute(text, (*chunk, *more)).fetchall()
        return found

    def _open(self) -> None:
        self._base = open_cache_file(self.path, self._waiting.day)
        self._knows_files = True

    def _shut(self) -> None:
        if self._base is not None:
            self._base.close()
            self._base = None

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Survive what may happen to a cache's file; only a full disk is worth stopping for."""
        try:
            yield
        except LaterLayout:
            self._shut()
            self._writable = False
            self._say(
                Message(
                    "A later version of beholder made the feature cache {path}: work goes on without it, unsaved.",
                    {"path": str(self.path)},
                )
            )
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise disk_error(OSError(errno.ENOSPC, ""), self.path) from error
            if code in _DAMAGED and self._writable:
                self._rebuild()
            else:
                self._do_without_saving(str(error), readable=code in _NOT_FOR_US)

    def _rebuild(self) -> None:
        self._shut()
        try:
            self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
            self._open()
        except (OSError, sqlite3.Error) as error:
            self._do_without_saving(str(error))
            return
        self._say(
            Message(
                "The feature cache {path} was damaged; it was set aside and is being built anew.",
                {"path": str(self.path)},
            )
        )

    def _do_without_saving(self, cause: str, *, readable: bool = False) -> None:
        """Go on with what can be read, and say once that nothing is kept."""
        self._shut()
        if self._writable:
            self._writable = False
            self._say(
                Message(
                    "The feature cache {path} can't be written ({cause}): the work goes on unsaved.",
                    {"path": str(self.path), "cause": cause},
                )
            )
        if readable:
            self._base = open_to_read(self.path)
            self._knows_files = self._base is not None and version_of(self._base) > 0

    def _say(self, message: Message) -> None:
        self.notices.append(Notice(message))
