"""Work out which vectors of a feature cache nobody will ask for again; nothing is removed yet."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass

from engine.cache_survey import networks_in
from engine.features.cache_file import PAGE_BYTES
from engine.gone_files import Presence, presence_of
from engine.trash import list_trash
from engine.workspace import Workspace

_SLACK_PAGES = 4  # that may stay half empty
_BESIDE_BYTES = 160  # what a vector's keys take, in the row and in the index
_TABLES = """
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE lost (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE doomed (hash TEXT, fingerprint TEXT, bytes INTEGER, PRIMARY KEY (hash, fingerprint)) WITHOUT ROWID;
CREATE TEMP TABLE widths (fingerprint TEXT PRIMARY KEY, bytes INTEGER) WITHOUT ROWID;
CREATE TEMP TABLE ages (hash TEXT PRIMARY KEY, seen INTEGER) WITHOUT ROWID;
"""
_ORPHANED = "hash NOT IN (SELECT hash FROM files WHERE path NOT IN (SELECT path FROM lost))"
_LONGEST_UNUSED = """
INSERT INTO doomed SELECT hash, fingerprint, bytes FROM (
  SELECT hash, fingerprint, bytes, sum(bytes) OVER (ORDER BY ifnull(used, 0), ifnull(seen, 0), features.rowid) AS upto
  FROM features JOIN widths USING (fingerprint) LEFT JOIN networks USING (fingerprint) LEFT JOIN ages USING (hash)
  WHERE NOT EXISTS (
    SELECT 1 FROM doomed WHERE doomed.hash = features.hash AND doomed.fingerprint = features.fingerprint)
) WHERE upto - bytes < ?
"""


@dataclass(frozen=True)
class PruneWish:
    """What is to be removed.

    Args:
        only_stale: nothing but vectors that no network or model of today has a use for. Else also what is known of
            photos that are gone, and their small pictures.
        out_of_reach: photos whose whole folder is missing count as gone; it may be that of a disk not plugged in.
        older_than: also what nobody asked for in so many days; None: however old.
        keep_under: bytes that vectors and small pictures may keep together, in proportion; None: any number.
    """

    only_stale: bool = False
    out_of_reach: bool = False
    older_than: int | None = None
    keep_under: int | None = None


class VectorPlan:
    """The vectors and file names to be removed, in two temporary tables of a connection: ``doomed`` and ``lost``.

    Args:
        base: an open feature cache of today's layout.
        workspace: whose it is.
        wish: what is to be removed.
        today: days since 1970.

    Raises:
        sqlite3.Error: the file is damaged.
    """

    def __init__(self, base: sqlite3.Connection, workspace: Workspace, wish: PruneWish, today: int) -> None:
        self._base = base
        base.executescript(_TABLES)
        networks = networks_in(base, workspace, today)
        base.executemany(
            "INSERT INTO widths VALUES (?, ?)",
            [(network.fingerprint, _in_pages(network.bytes // network.vectors)) for network in networks],
        )
        self.old = self.gone = self.over = self.out_of_reach = 0
        self.stale = sum(
            self._doom("fingerprint = ?", network.fingerprint) for network in networks if network.use == "stale"
        )
        if wish.only_stale:
            return
        if wish.older_than is not None:
            self.old = self._find_old(today - wish.older_than)
        self._find_lost(workspace, out_of_reach_too=wish.out_of_reach)
        self.gone = self._doom(_ORPHANED)

    @property
    def files(self) -> int:
        """How many file names are forgotten."""
        return self._number("SELECT count(*) FROM lost")

    @property
    def bytes(self) -> int:
        """What the vectors to be removed take, about."""
        return self._number("SELECT ifnull(sum(bytes), 0) FROM doomed")

    @property
    def bytes_left(self) -> int:
        """What the file will take without them, about."""
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return max(pages * self._number("PRAGMA page_size") - self.bytes, 0)

    def contents_left(self) -> set[str]:
        """Return the SHA-256 of the photos that are known by a name which is not forgotten."""
        rows = self._base.execute("SELECT DISTINCT hash FROM files WHERE path NOT IN (SELECT path FROM lost)")
        return {content for (content,) in rows}

    def keep_under(self, allowed: int) -> None:
        """Remove more vectors, those that nobody asked for for longest first, until only so many bytes are left."""
        surplus = self.bytes_left - allowed
        if surplus > 0:
            surplus += _SLACK_PAGES * PAGE_BYTES
            self._base.execute("INSERT INTO ages SELECT hash, max(seen) FROM files GROUP BY hash")
            self.over += self._base.execute(_LONGEST_UNUSED, (surplus,)).rowcount

    def _find_old(self, limit: int) -> int:
        rows = self._base.execute("SELECT fingerprint FROM networks WHERE used < ?", (limit,)).fetchall()
        found = sum(self._doom("fingerprint = ?", mark) for (mark,) in rows)
        self._base.execute("INSERT INTO lost SELECT path FROM files WHERE seen < ?", (limit,))
        return found + self._doom(_ORPHANED)

    def _find_lost(self, workspace: Workspace, *, out_of_reach_too: bool) -> None:
        # what lies in the trash may be brought back
        waiting = {
            os.fsencode(workspace.data.absolute() / item.name) for item in list_trash(workspace) if item.kind == "photo"
        }
        known = [path for (path,) in self._base.execute("SELECT path FROM files ORDER BY path")]
        lost = []
        for path, state in presence_of(known):
            if state is Presence.OUT_OF_REACH and not out_of_reach_too:
                self.out_of_reach += 1
            elif state is not Presence.HERE and path not in waiting:
                lost.append((path,))
        self._base.executemany("INSERT OR IGNORE INTO lost VALUES (?)", lost)

    def _doom(self, where: str, *values: str) -> int:
        text = (
            "INSERT OR IGNORE INTO doomed SELECT hash, fingerprint, bytes FROM features JOIN widths USING (fingerprint)"
        )
        return self._base.execute(f"{text} WHERE {where}", values).rowcount

    def _number(self, query: str) -> int:
        return int(self._base.execute(query).fetchone()[0])


def _in_pages(width: int) -> int:
    """Return the bytes that a vector of so many takes where the rest of a page is too small for another one."""
    row = width + _BESIDE_BYTES
    return PAGE_BYTES // (PAGE_BYTES // row) if row <= PAGE_BYTES else row
