"""What a batch that is resumed knows of the rows that are there, and what it notes on the ones it adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.prediction.known_paths import KnownPaths, present_moment


class KeptRows:
    """The photos that have rows already.

    Attributes:
        done: these photos, and until when each row holds.
        until: rows of this run hold for photos that were not changed since this time, ns since 1970.
    """

    def __init__(self) -> None:
        self.until = present_moment()
        self.done = KnownPaths()
        self._reasons: dict[str, str] = {}

    def add(self, row: Mapping[str, Any], until: int) -> None:
        """Take note of a row that is there; one with an error never holds."""
        self.note(row["path"], row["error"], until)

    def note(self, path: str, error: str | None, until: int) -> None:
        """Take note of a photo's row by what matters of it; see `add`."""
        self.done.add(path, until if error is None else 0)
        if error is not None:
            self._reasons[path] = error
        elif self._reasons:
            self._reasons.pop(path, None)

    def marked(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return new rows as a journal holds them; an error that stands there already is left out."""
        known = self.done if len(self.done) else ()
        marked: list[dict[str, Any]] = []
        for row in rows:
            error = row["error"]
            if error is not None and self._reasons.get(row["path"]) == error:
                continue
            new = dict(row)
            if error is None:
                new["until"] = self.until
            if row["path"] in known:
                new["again"] = True
            marked.append(new)
        return marked
