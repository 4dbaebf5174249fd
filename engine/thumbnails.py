"""Keeps small pictures on disk by what is in a photo, so that one that was moved or copied is not made small again."""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from engine.errors import BeholderError, ImageError
from engine.images import open_image
from engine.storage import content_hash

LIMIT_BYTES = 1_000_000_000
VERSION = 2  # raise it when the same photo would look otherwise: decoding, colours
_KEPT_AFTER_PRUNING = 0.9
_DAY = 86400.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hashes ON files (hash);
"""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}


class Thumbnails:
    """Small pictures in a folder; all methods may be called in any thread.

    One is found by the SHA-256 of its photo. An index remembers path, size, time and hash of each photo, so that it
    is read only once for that. All of it can be made again: what is damaged is, and where nothing can be written it
    only costs time.

    Args:
        folder: where they are kept; None: nowhere. It is made when it is first needed.
        limit_bytes: when there are more bytes than this, those that were not seen for longest are deleted.
    """

    def __init__(self, folder: Path | None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._index = None if folder is None else _HashIndex(folder / "index.sqlite")
        self._lock = threading.Lock()
        self._total: int | None = None

    def read(self, path: Path, size: tuple[int, int]) -> Image.Image:
        """Return a photo made to fit into a size.

        Args:
            path: the photo.
            size: (width, height) in pixels; the aspect is kept, and nothing is enlarged.

        Raises:
            ImageError: as `open_image`.
        """
        kept = self._place(path, size)
        if kept is not None and kept.is_file():
            with contextlib.suppress(ImageError):  # a damaged one is made anew
                image = open_image(kept)
                _note_use(kept)
                return image
        image = open_image(path, target=(size[0] * 2, size[1] * 2))
        image.thumbnail(size, Image.Resampling.LANCZOS)
        if kept is None:
            return image
        content = io.BytesIO()
        image.save(content, "JPEG", quality=90)
        with contextlib.suppress(OSError):  # a folder that can't be written only costs time
            self._count(_save(content.getvalue(), kept))
        return _decoded(content)  # what the file gives the next time: a photo looks the same from the first

    def close(self) -> None:
        """Close the index; it is opened again when it is needed."""
        if self._index is not None:
            self._index.close()

    def _place(self, path: Path, size: tuple[int, int]) -> Path | None:
        if self._folder is None or self._index is None:
            return None
        try:
            before = path.stat()
            if not stat.S_ISREG(before.st_mode):
                return None
            digest = self._index.get(path, before)
            if digest is None:
                digest = content_hash(path)
                after = path.stat()
                if (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns):
                    self._index.put(path, before, digest)
        except (OSError, BeholderError):
            return None  # open_image says what is wrong
        return self._folder / digest[:2] / f"{digest[2:]}-{size[0]}x{size[1]}-{VERSION}.jpg"

    def _count(self, written: int) -> None:
        """Count what was written; delete what was not seen for longest, if it is too much by now."""
        assert self._folder is not None and self._index is not None
        with self._lock:
            if self._total is not None:
                self._total += written
            if self._total is not None and self._total <= self._limit:
                return
            found = []
            for file in self._folder.glob("??/*"):
                with contextlib.suppress(OSError):  # another program has deleted it
                    status = file.stat()
                    found.append((status.st_mtime, status.st_size, file))
            self._total = sum(size for _, size, _ in found)
            if self._total <= self._limit:
                return
            deleted = []
            for _, size, file in sorted(found):
                if self._total <= _KEPT_AFTER_PRUNING * self._limit:
                    break
                with contextlib.suppress(OSError):
                    file.unlink()
                    self._total -= size
                    deleted.append(file.parent.name + file.name.partition("-")[0])
        self._index.forget(deleted)


class _HashIndex:
    """Remembers the content hash of files that have not changed since.

    It is only a cache: a damaged file is deleted once and made anew; where it can't be used nothing is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._base: sqlite3.Connection | None = None
        self._is_usable = True
        self._was_deleted = False

    def get(self, path: Path, status: os.stat_result) -> str | None:
        """Return the hash of a file, if it is known for this size and time."""
        found = None
        with self._opened() as base:
            if base is not None:
                query = "SELECT hash FROM files WHERE path = ? AND size = ? AND mtime_ns = ?"
                found = base.execute(query, (_key(path), status.st_size, status.st_mtime_ns)).fetchone()
        return None if found is None else str(found[0])

    def put(self, path: Path, status: os.stat_result, digest: str) -> None:
        """Remember the hash of a file."""
        with self._opened() as base:
            if base is not None:
                row = (_key(path), status.st_size, status.st_mtime_ns, digest)
                base.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", row)

    def forget(self, hashes: Iterable[str]) -> None:
        """Forget all files of these hashes."""
        with self._opened() as base:
            if base is not None:
                base.execute("BEGIN")
                base.executemany("DELETE FROM files WHERE hash = ?", [(digest,) for digest in hashes])
                base.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._base is not None:
            self._base.close()
            self._base = None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection | None]:
        """Give the open file; None where there can be none."""
        with self._lock:
            try:
                self._open()
            except OSError:
                self._is_usable = False
            except sqlite3.Error as error:
                self._failed(error)
            try:
                yield self._base
            except sqlite3.Error as error:
                self._failed(error)

    def _open(self) -> None:
        if self._base is None and self._is_usable:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA synchronous = OFF")  # after a power cut it is made anew
            self._base.executescript(_SCHEMA)

    def _failed(self, error: sqlite3.Error) -> None:
        self._close()
        code = getattr(error, "sqlite_errorcode", None)
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return  # another program holds it: do without it this time
        self._is_usable = code in _DAMAGED and not self._was_deleted
        if self._is_usable:
            self._was_deleted = True
            with contextlib.suppress(OSError):
                self._path.unlink()


def _key(path: Path) -> bytes:
    return os.path.abspath(os.fsencode(path))  # noqa: PTH100


def _note_use(file: Path) -> None:
    """Let the time of a small picture say when it was last seen, to the day."""
    with contextlib.suppress(OSError):
        if time.time() - file.stat().st_mtime > _DAY:
            os.utime(file)


def _decoded(content: io.BytesIO) -> Image.Image:
    content.seek(0)
    image = Image.open(content, formats=("JPEG",))
    image.load()
    return image


def _save(content: bytes, target: Path) -> int:
    """Write without fsync: after a power cut a small picture is simply made again. Return how many bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return len(content)
