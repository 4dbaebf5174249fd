"""Keep feature vectors on disk: (content hash, fingerprint) → vector, in one SQLite file that can always be rebuilt."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import Message
from engine.events import Notice
from engine.mounts import file_system_of, is_remote
from engine.storage import disk_error

FloatArray = NDArray[np.float32]
FileKey = tuple[bytes, int, int]

_CHUNK = 300
_WAIT_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS features (
  hash TEXT NOT NULL, fingerprint TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (hash, fingerprint));
"""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_NOT_FOR_US = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


class FeatureCache:
    """The feature vectors of one workspace; a context manager.

    It is only a cache: a damaged file is moved aside and built anew, and where nothing can be written the work
    goes on without saving. `notices` says so.

    Args:
        path: the SQLite file.

    Raises:
        NeedMissing: the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.notices: list[Notice] = []
        self._writable = True
        self._base: sqlite3.Connection | None = None
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
        """Close the file; the cache is empty and saves nothing from then on."""
        if self._base is not None:
            self._base.close()
            self._base = None

    @property
    def writable(self) -> bool:
        """Say whether new vectors are kept."""
        return self._base is not None and self._writable

    def take_notices(self) -> list[Notice]:
        """Return what there is to say since the last call."""
        said, self.notices = self.notices, []
        return said

    def hashes(self, files: Iterable[FileKey]) -> dict[FileKey, str]:
        """Return the content hashes that are known: (path, size in bytes, mtime in ns) → hash."""
        wanted = {path: (path, size, mtime) for path, size, mtime in files}
        rows = self._select("SELECT path, size, mtime_ns, hash FROM files WHERE path IN ({})", [*wanted], ())
        return {(path, size, mtime): found for path, size, mtime, found in rows if wanted[path] == (path, size, mtime)}

    def put_hashes(self, hashes: Mapping[FileKey, str]) -> None:
        """Remember content hashes."""
        self._write(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", [(*key, value) for key, value in hashes.items()]
        )

    def get_many(self, hashes: Iterable[str], fingerprint: str, width: int) -> dict[str, FloatArray]:
        """Return the vectors that are known.

        Args:
            hashes: content hashes.
            fingerprint: of backbone, weights and preprocessing.
            width: length of a vector; a stored one of another length is left out.

        Returns:
            hash → (width,) float32.
        """
        rows = self._select(
            "SELECT hash, vector FROM features WHERE hash IN ({}) AND fingerprint = ?",
            list(dict.fromkeys(hashes)),
            (fingerprint,),
        )
        return {key: np.frombuffer(blob, np.dtype("<f4")).copy() for key, blob in rows if len(blob) == width * 4}

    def known(self, hashes: Iterable[str], fingerprint: str) -> set[str]:
        """Return those of the content hashes that have a vector; none is read."""
        rows = self._select(
            "SELECT hash FROM features WHERE hash IN ({}) AND fingerprint = ?",
            list(dict.fromkeys(hashes)),
            (fingerprint,),
        )
        return {key for (key,) in rows}

    def put_many(self, vectors: Mapping[str, FloatArray], fingerprint: str) -> None:
        """Save vectors; they are on disk when this returns.

        Raises:
            NeedMissing: the disk is full.
        """
        rows = [(key, fingerprint, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        self._write("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", rows)

    def _select(self, query: str, keys: Sequence[str | bytes], more: tuple[str, ...]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for at in range(0, len(keys), _CHUNK):
            chunk = keys[at : at + _CHUNK]
            text = query.format(",".join("?" * len(chunk)))
            with self._guarded():
                if self._base is not None:
                    found += self._base.execute(text, (*chunk, *more)).fetchall()
        return found

    def _write(self, query: str, rows: Sequence[tuple[str | int | bytes, ...]]) -> None:
        with self._guarded():
            if rows and self._base is not None and self._writable:
                with self._base:
                    self._base.executemany(query, rows)

    def _open(self) -> None:
        base = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, check_same_thread=False)
        self._base = base
        remote = is_remote(file_system_of(self.path.resolve()))  # where SQLite's WAL is not safe
        try:
            base.execute("PRAGMA journal_mode = " + ("DELETE" if remote else "WAL"))
        except sqlite3.OperationalError as error:
            # Another process is at it, and sqlite doesn't wait here; the mode is kept in the file.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        # Losing the last vectors in a power cut costs a second; syncing after each batch costs more.
        base.execute("PRAGMA synchronous = NORMAL")
        base.executescript(_SCHEMA)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Survive what may happen to a cache's file; only a full disk is worth stopping for."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_FULL:
                raise disk_error(OSError(errno.ENOSPC, ""), self.path) from error
            if code in _DAMAGED and self._writable:
                self._rebuild()
            else:
                self._do_without_saving(str(error), readable=code in _NOT_FOR_US)

    def _rebuild(self) -> None:
        self.close()
        try:
            self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
            self._open()
        except (OSError, sqlite3.Error) as error:
            self._do_without_saving(str(error))
            return
        self.notices.append(
            Notice(
                Message(
                    "The feature cache {path} was damaged; it was set aside and is being built anew.",
                    {"path": str(self.path)},
                )
            )
        )

    def _do_without_saving(self, cause: str, *, readable: bool = False) -> None:
        """Go on with what can be read, and say once that nothing is kept."""
        self.close()
        if self._writable:
            self._writable = False
            self.notices.append(
                Notice(
                    Message(
                        "The feature cache {path} can't be written ({cause}): the work goes on unsaved.",
                        {"path": str(self.path), "cause": cause},
                    )
                )
            )
        if readable:
            self._base = self._reader()

    def _reader(self) -> sqlite3.Connection | None:
        # Without "immutable" even reading wants to make files beside it.
        address = f"{self.path.as_uri()}?mode=ro&immutable=1"
        try:
            reader = sqlite3.connect(address, uri=True, check_same_thread=False)
        except sqlite3.Error:
            return None
        try:
            reader.execute("SELECT 1 FROM features LIMIT 1").fetchone()
        except sqlite3.Error:
            reader.close()
            return None
        return reader
