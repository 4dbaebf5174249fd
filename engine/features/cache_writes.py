"""What waits to be written to the feature cache, so that a few hundred rows make one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from engine.features.file_key import FileKey

_ROWS = 512  # 7 MB of vectors
_SECONDS = 1.0


class Waiting:
    """Rows that are not written yet.

    Args:
        day: today, in days since 1970.
        written: when something was written last, in seconds of a clock that only goes on.
    """

    def __init__(self, day: int, written: float = 0.0) -> None:
        self.day = day
        self.hashes: dict[FileKey, tuple[str, bool]] = {}
        self.vectors: dict[tuple[str, str], bytes] = {}
        self.networks: dict[str, tuple[str, str]] = {}
        self.seen: list[bytes] = []
        self._counts = {"hits": 0, "misses": 0}
        self._of_run = {"run_hits": 0, "run_misses": 0}
        self._written = written

    def __bool__(self) -> bool:
        return bool(self.hashes or self.vectors or self.networks or self.seen or any(self._counts.values()))

    def emptied(self, now: float) -> Waiting:
        """Return what takes its place once it is written; of the counts, those of this run go on."""
        after = Waiting(self.day, now)
        after._of_run = self._of_run
        return after

    def is_due(self, now: float) -> bool:
        """Say whether it should be written: it has grown large, or nothing was written for a second."""
        rows = len(self.vectors) + len(self.hashes) + len(self.seen)
        return rows >= _ROWS or (now - self._written >= _SECONDS and rows > len(self.seen))

    def count(self, hits: int, misses: int) -> None:
        """Count photos whose vector was known, and those whose vector was not."""
        self._counts["hits"] += hits
        self._counts["misses"] += misses
        self._of_run["run_hits"] += hits
        self._of_run["run_misses"] += misses

    def settled(self, files: Iterable[FileKey]) -> dict[FileKey, str]:
        """Return the content hashes of those files that wait here and did not change since."""
        known = ((key, self.hashes.get(key)) for key in files)
        return {key: found[0] for key, found in known if found is not None and found[1]}

    def vectors_of(self, fingerprint: str, hashes: Iterable[str]) -> dict[str, bytes]:
        """Return the vectors that wait here."""
        if not self.vectors:
            return {}
        known = ((key, self.vectors.get((key, fingerprint))) for key in hashes)
        return {key: blob for key, blob in known if blob is not None}

    def write(self, base: sqlite3.Connection) -> None:
        """Write all of it in one transaction.

        Raises:
            sqlite3.Error: nothing was written.
        """
        day = self.day
        base.execute("BEGIN IMMEDIATE")
        try:
            base.executemany(
                "INSERT OR REPLACE INTO files (path, size, mtime_ns, hash, ctime_ns, seen) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    # a file that may have changed unseen is remembered as one that has
                    (key.path, key.size, key.mtime_ns, content, key.ctime_ns if settled else 0, day)
                    for key, (content, settled) in self.hashes.items()
                ),
            )
            base.executemany(
                "INSERT OR REPLACE INTO features (hash, fingerprint, vector) VALUES (?, ?, ?)",
                ((content, fingerprint, blob) for (content, fingerprint), blob in self.vectors.items()),
            )
            base.executemany("UPDATE files SET seen = ? WHERE path = ?", ((day, path) for path in self.seen))
            base.executemany(
                "INSERT OR REPLACE INTO networks (fingerprint, backbone, weights, used) VALUES (?, ?, ?, ?)",
                ((fingerprint, *names, day) for fingerprint, names in self.networks.items()),
            )
            self._write_counts(base)
            base.execute("COMMIT")
        except BaseException:
            if base.in_transaction:
                base.execute("ROLLBACK")
            raise

    def _write_counts(self, base: sqlite3.Connection) -> None:
        if any(self._counts.values()):
            _add(base, self._counts)
            base.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?)", self._of_run.items())


def _add(base: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    base.executemany(
        "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        counts.items(),
    )
