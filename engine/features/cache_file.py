"""The SQLite file of the feature cache: opened, laid out, and brought from an earlier layout to today's."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from engine.mounts import file_system_of, is_remote

VERSION = 1
"""Of the layout, kept as SQLite's ``user_version``; 0 was the first."""

PAGE_BYTES = 32_768
"""A vector of 14 KB lies in one piece; with SQLite's usual 4 KB it takes twice the time to read and to write."""

WAIT_SECONDS = 120.0
"""How long another program may hold the file; giving a big one's space back takes that long on a slow disk."""

_WAL_PAGES = 512  # 16 MB
_PIECE_PAGES = 256  # 8 MB
_INCREMENTAL = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
  path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, hash TEXT NOT NULL,
  ctime_ns INTEGER NOT NULL DEFAULT 0, seen INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS features (
  hash TEXT NOT NULL, fingerprint TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (hash, fingerprint));
CREATE TABLE IF NOT EXISTS networks (
  fingerprint TEXT PRIMARY KEY, backbone TEXT NOT NULL, weights TEXT NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


class LaterLayout(Exception):
    """The file was laid out by a later version of beholder, which alone knows how to read it."""


def open_cache_file(path: Path, today: int) -> sqlite3.Connection:
    """Open the file to read and write; it is made or brought to today's layout where that is needed.

    No vector is lost on the way. The content hashes of an earlier layout are not trusted by path, size and time
    alone any more, so each photo is read once, and not computed again.

    Args:
        path: the file; its folder must be there.
        today: days since 1970; photos of an earlier layout count as seen today.

    Raises:
        LaterLayout: a later version made it. sqlite3.Error: it is damaged, locked or can't be written.
    """
    base = sqlite3.connect(path, timeout=WAIT_SECONDS, check_same_thread=False, isolation_level=None)
    try:
        # these two count only before the first table is made
        base.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        base.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_wal(base, path)
        # Losing the last vectors in a power cut costs a second; syncing after each batch costs more.
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        base.execute(f"PRAGMA journal_size_limit = {_WAL_PAGES * PAGE_BYTES}")
        if version_of(base) < VERSION:
            _lay_out(base, today)
        if version_of(base) > VERSION:
            raise LaterLayout
    except BaseException:
        base.close()
        raise
    return base


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """Open a file that lies where nothing can be written; None where there is nothing to read."""
    # Without "immutable" even reading wants to make files beside it.
    address = f"{path.as_uri()}?mode=ro&immutable=1"
    try:
        base = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
    except sqlite3.Error:
        return None
    try:
        base.execute("SELECT 1 FROM features LIMIT 1").fetchone()
        if version_of(base) > VERSION:
            raise sqlite3.DatabaseError
    except sqlite3.Error:
        base.close()
        return None
    return base


def open_to_look(path: Path) -> sqlite3.Connection | None:
    """Open a file as it is laid out, to say what is in it; None where there is none that can be read."""
    if not path.is_file():
        return None
    address = f"{path.absolute().as_uri()}?mode=rw"
    base = sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, check_same_thread=False, isolation_level=None)
    try:
        base.execute("SELECT 1 FROM features LIMIT 1").fetchone()
    except sqlite3.Error:
        base.close()
        return open_to_read(path.absolute())
    return base


def is_laid_out_well(base: sqlite3.Connection) -> bool:
    """Say whether the file has pages as large as a new one's, and can give space back piece by piece."""
    return _number(base, "page_size") == PAGE_BYTES and _number(base, "auto_vacuum") == _INCREMENTAL


def give_space_back(base: sqlite3.Connection, path: Path) -> bool:
    """Give what is not used any more back to the disk, in pieces between which others may write.

    A file with small pages is written anew, if nobody else has it open and the disk has room for it twice.

    Returns:
        Whether nothing is left to be given back.

    Raises:
        sqlite3.Error: the file is damaged, or the disk is full.
    """
    try:
        if not is_laid_out_well(base) and not _written_anew(base, path):
            return False
        while _number(base, "freelist_count"):
            # its rows, of which there are none, are what makes it go on
            base.execute(f"PRAGMA incremental_vacuum({_PIECE_PAGES})").fetchall()
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise
        return False
    return True


def _written_anew(base: sqlite3.Connection, path: Path) -> bool:
    needed = (_number(base, "page_count") - _number(base, "freelist_count")) * _number(base, "page_size")
    if shutil.disk_usage(path.parent).free < 2 * needed:
        return False
    # the size of pages can't change while there is a WAL, and that goes only if nobody else has the file open
    base.execute("PRAGMA busy_timeout = 1000")
    try:
        if base.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
            return False
        base.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        base.execute("PRAGMA auto_vacuum = INCREMENTAL")
        base.execute("VACUUM")
    finally:
        base.execute(f"PRAGMA busy_timeout = {int(WAIT_SECONDS * 1000)}")
        _use_wal(base, path)
    return is_laid_out_well(base)


def _number(base: sqlite3.Connection, name: str) -> int:
    return int(base.execute(f"PRAGMA {name}").fetchone()[0])


def version_of(base: sqlite3.Connection) -> int:
    """Return the version of the file's layout."""
    return int(base.execute("PRAGMA user_version").fetchone()[0])


def _use_wal(base: sqlite3.Connection, path: Path) -> None:
    remote = is_remote(file_system_of(path.resolve()))  # where SQLite's WAL is not safe
    try:
        base.execute("PRAGMA journal_mode = " + ("DELETE" if remote else "WAL"))
    except sqlite3.OperationalError as error:
        # Another process is at it, and sqlite doesn't wait here; the mode is kept in the file.
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise


def _lay_out(base: sqlite3.Connection, today: int) -> None:
    """Make the tables, or add to those of an earlier layout what they lack; all of it or nothing."""
    base.execute("BEGIN IMMEDIATE")
    try:
        if version_of(base) == 0:  # no other process was faster
            columns = {row[1] for row in base.execute("PRAGMA table_info(files)")}
            for name in ("ctime_ns", "seen"):
                if columns and name not in columns:
                    base.execute(f"ALTER TABLE files ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
            for statement in _TABLES.split(";"):
                base.execute(statement)
            base.execute("UPDATE files SET seen = ? WHERE seen = 0", (today,))
            base.execute(f"PRAGMA user_version = {VERSION}")
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:
            base.execute("ROLLBACK")
        raise
