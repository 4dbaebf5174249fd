"""Which photos a gallery shows and which it only names, kept while rows stream by in any number."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from engine.errors import display_name
from engine.natural_order import natural_key
from engine.outputs.gallery_page import scored

_MOST_FAILED = 500


@dataclass(frozen=True)
class Scored:
    """One row that has a score.

    Args:
        path: the photo, made absolute. score: on the model's scale.
        low: lower end of the interval, high: the upper one; None where there is none. model_id: what scored it.
    """

    path: str
    score: float
    low: float | None
    high: float | None
    model_id: str


@dataclass(frozen=True)
class Choice:
    """What a gallery shows.

    Args:
        best: the photos, best first, the earlier row first of equals. total: how many have a score.
        failed: (path, reason) of the first that have none. failures: how many have none.
    """

    best: Sequence[Scored]
    total: int
    failed: Sequence[tuple[str, str]]
    failures: int

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], most: int) -> Self:
        """Take all rows and keep the best of them and the first failures; memory is bounded by `most`."""
        total = failures = 0
        failed: list[tuple[str, str]] = []

        def good() -> Iterator[Scored]:
            nonlocal total, failures
            for row in rows:
                path, score = os.path.abspath(str(row["path"])), scored(row, "score")  # noqa: PTH100 - links stay
                if score is not None:
                    total += 1
                    low, high = scored(row, "low"), scored(row, "high")
                    yield Scored(path, score, low, high, str(row.get("model_id") or ""))
                    continue
                failures += 1
                if len(failed) < _MOST_FAILED:
                    failed.append((path, str(row.get("error") or "")))

        best = heapq.nlargest(most, good(), key=lambda photo: photo.score)
        return cls(best, total, failed, failures)

    def models(self) -> list[str]:
        """Return the ids of the models that scored what is shown."""
        return sorted({photo.model_id for photo in self.best} - {""})


class Names:
    """How photos are called on the page: by their path below the folder that all that are shown have in common.

    So a page that is handed on says nothing of the folders above.

    Args:
        paths: absolute paths of the photos that are shown.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        folders = {os.path.dirname(path) for path in paths}  # noqa: PTH120
        self._common = (os.path.commonpath(folders) if folders else "").rstrip("/") + "/"
        order = sorted({self._below(path) for path in paths}, key=natural_key)
        self._places = {name: place for place, name in enumerate(order)}

    def __call__(self, path: str) -> str:
        """Return a photo's name, safe to show."""
        return display_name(self._below(path))

    def place(self, path: str) -> int:
        """Return the place of one of the shown photos in the natural order of their names, from 0."""
        return self._places[self._below(path)]

    def _below(self, path: str) -> str:
        return path.removeprefix(self._common)


class Links:
    """Relative addresses of originals, for those that lie beside the page or below it.

    Args:
        page: the page's file, links followed.
    """

    def __init__(self, page: Path) -> None:
        self._base = os.fspath(page.parent).rstrip("/") + "/"
        self._real: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        """Return a photo's percent-encoded relative address; empty where it lies elsewhere."""
        folder, name = os.path.split(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        real = f"{self._real[folder].rstrip('/')}/{name}"
        if not real.startswith(self._base):
            return ""
        # the ./ keeps a name with a colon from being taken for a kind of address
        return "./" + quote(os.fsencode(real.removeprefix(self._base)), safe="/")
