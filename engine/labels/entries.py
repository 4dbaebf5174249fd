"""The list of all photos with what is known of each, made for a hundred thousand of them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from engine.labels.flags import read_flags
from engine.labels.history import BEGINNING, History
from engine.labels.photos import photo_names
from engine.natural_order import natural_sorted
from engine.storage import disk_errors
from engine.workspace import Workspace


class Entry(NamedTuple):
    """One photo of the workspace.

    Args:
        name: its file name in ``data/``.
        score: its score; None where it has none.
        present: whether the photo lies in ``data/``; if not, only its score is left.
        flagged: whether a person marked it.
        size: bytes; None where it was not asked for or the photo is missing.
        modified: time of its last change, seconds since 1970; None as for `size`.
        source: kind of the change that gave the score, such as ``import`` or ``set``; empty where it is unknown.
        changed: ISO time in UTC of that change; empty where it is unknown.
        guess: what a model thinks of it; None where there is none.
    """

    name: str
    score: float | None
    present: bool
    flagged: bool = False
    size: int | None = None
    modified: float | None = None
    source: str = ""
    changed: str = ""
    guess: float | None = None

    @property
    def difference(self) -> float | None:
        """How far the score lies above the model's guess; None where one of them is missing."""
        return None if self.score is None or self.guess is None else self.score - self.guess


class EntryList:
    """Makes the list of entries; keeps what would take long to find again.

    Args:
        workspace: whose photos.
        history: of its scores.
    """

    def __init__(self, workspace: Workspace, history: History) -> None:
        self._workspace = workspace
        self._origins = _Origins(history)
        self._mutex = threading.Lock()
        self._names: list[str] = []
        self._known: set[str] = set()

    def entries(
        self,
        scores: Mapping[str, float],
        leaving: frozenset[str],
        details: bool,
        guesses: Mapping[str, float] | None,
    ) -> list[Entry]:
        """Return an entry for every photo in ``data/`` and every name with a score, in natural order.

        Args:
            scores: name → score.
            leaving: photos that count as missing, since they are on their way into the trash.
            details: whether to look up sizes and times, and where the scores came from.
            guesses: name → what a model thinks.
        """
        photos = set(photo_names(self._workspace.data)) - leaving
        flags = read_flags(self._workspace)
        with self._mutex:
            names = self._ordered(photos | scores.keys())
            origins = self._origins.read() if details else {}
        columns: list[Iterable[object]] = [names, map(scores.get, names), map(photos.__contains__, names)]
        columns.append(map(flags.__contains__, names) if flags else repeat(False))
        if details:
            files = _file_details(self._workspace.data, [name for name in names if name in photos])
            pairs = [files.get(name, (None, None)) for name in names]
            sources = [origins.get(name, ("", "")) if name in scores else ("", "") for name in names]
            columns += [map(itemgetter(place), rows) for rows in (pairs, sources) for place in (0, 1)]
        else:
            columns += [repeat(None), repeat(None), repeat(""), repeat("")]
        columns.append(map(guesses.get, names) if guesses else repeat(None))
        return list(map(Entry, *columns))

    def _ordered(self, names: set[str]) -> list[str]:
        if names != self._known:
            self._known, self._names = names, natural_sorted(names)
        return self._names


def _file_details(folder: Path, names: list[str]) -> dict[str, tuple[int, float]]:
    """Return name → (bytes, time of change in seconds since 1970); without a photo that has gone meanwhile."""
    details: dict[str, tuple[int, float]] = {}
    if not names:
        return details
    with disk_errors(folder):
        handle = os.open(folder, os.O_RDONLY)
        try:
            for name in names:
                try:
                    status = os.stat(name, dir_fd=handle)
                except FileNotFoundError:
                    continue
                details[name] = (status.st_size, status.st_mtime)
        finally:
            os.close(handle)
    return details


class _Origins:
    """Which change gave each photo its score; what was read of the history is not read again."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._origins: dict[str, tuple[str, str]] = {}
        self._position = BEGINNING

    def read(self) -> dict[str, tuple[str, str]]:
        """Return name → (kind, ISO time in UTC) of its latest change."""
        if not self._history.holds(self._position):
            self._origins, self._position = {}, BEGINNING
        for data, position in self._history.raw_after(self._position):
            self._position = position
            # what stood there before the history began is of unknown origin
            origin = (sys.intern(data["kind"]), position.time) if position.seq else ("", "")
            for edit in data["edits"]:
                self._origins[edit["name"]] = origin
        return self._origins
