"""Measure what beholder does with an album of a given size: seconds and peak memory, each in a process of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.growth_album import fill_cache, make_folder
from benchmarks.labelling_album import named
from benchmarks.labelling_app import WatchedApp
from benchmarks.watched_process import BEHOLDER, Watched, watched
from engine.workspace import Workspace

IMPORT, COLD, WARM, RIDGE, TASTE, PREDICT, DATA = (
    "import",
    "features, cold",
    "features, warm",
    "train ridge",
    "train taste",
    "predict a folder",
    "open Data",
)
ACTIVITIES = (IMPORT, COLD, WARM, RIDGE, TASTE, PREDICT, DATA)
MOST_COLD = 10_000
"""Photos for which the network runs; beyond that it would only run longer."""

_TERMINAL = (120, 40)


class Point(NamedTuple):
    """What one activity took.

    Args:
        activity: one of `ACTIVITIES`.
        photos: of the album.
        seconds: until it was done; for the Data screen from the key to its rows.
        peak: the largest resident memory of its process, in bytes.
    """

    activity: str
    photos: int
    seconds: float
    peak: int


def measure(place: Path, photos: int, wanted: Sequence[str], most: Mapping[str, int]) -> Iterator[Point]:
    """Make an album of a size, and measure what is wanted.

    Args:
        place: an empty folder, which is filled.
        photos: of the album.
        wanted: names of activities.
        most: activity → photos beyond which it is left out.
    """
    source, workspace = place / "source", Workspace(place / "album")
    table = make_folder(source, photos)

    def runs(name: str) -> bool:
        return name in wanted and photos <= most.get(name, photos)

    def point(name: str, taken: Watched) -> Point:
        return Point(name, photos, taken.seconds, taken.peak)

    imported = watched(_beholder(workspace, "import", str(source), "--scores", str(table), "--quiet"))
    shutil.rmtree(source)
    if runs(IMPORT):
        yield point(IMPORT, imported)
    if runs(COLD):
        yield point(COLD, watched(_work("features", workspace)))
        for path in workspace.internal.glob("features.sqlite*"):
            path.unlink()
    if {WARM, RIDGE, TASTE, PREDICT} & set(wanted):
        fill_cache(workspace, photos)
    if runs(WARM):
        yield point(WARM, watched(_work("features", workspace)))
    for name, model in ((RIDGE, "ridge"), (TASTE, "taste")):
        if runs(name):
            yield point(name, watched(_work(model, workspace)))
    if runs(PREDICT):
        yield point(PREDICT, _predicted(place, workspace, photos))
    if runs(DATA):
        yield _opened(workspace, photos)


def _beholder(workspace: Workspace, *words: str) -> list[str]:
    return [*BEHOLDER, "-w", str(workspace.root), *words]


def _work(name: str, workspace: Workspace) -> list[str]:
    return [sys.executable, "-m", "benchmarks.growth_work", name, str(workspace.root)]


def _predicted(place: Path, workspace: Workspace, photos: int) -> Watched:
    """Score all photos with a model that was trained on a few, as one that is used for long was."""
    small = Workspace(place / "small")
    table = make_folder(place / "few", 100)
    watched(_beholder(small, "import", str(place / "few"), "--scores", str(table), "--quiet"))
    fill_cache(small, 100)
    watched(_work("ridge", small))
    for model in workspace.models.iterdir():
        shutil.rmtree(model)
    for model in small.models.iterdir():
        shutil.copytree(model, workspace.models / model.name)
    rows = place / "rows.csv"
    taken = watched(_beholder(workspace, "predict", str(workspace.data), "--out", str(rows), "--quiet"))
    with rows.open("rb") as lines:
        assert sum(1 for _ in lines) == photos + 1
    return taken


def _opened(workspace: Workspace, photos: int) -> Point:
    """Open the Data screen of the app, once it stands still."""
    with WatchedApp(workspace, _TERMINAL) as app:
        app.wait_until(lambda text: str(photos) in text.replace(",", ""), "Home's figures")
        app.listen(1.0)
        answer = app.answer_with("f3", shows=_has_rows, what="the rows")
        app.listen(2.0)  # sizes, times and guesses come after the rows
        _, most = app.memory()
        app.press("ctrl+q")
        app.wait_for_end()
    return Point(DATA, photos, answer.seconds, most << 20)


def _has_rows(lines: Sequence[str]) -> bool:
    return all(any(named(number) in line for line in lines) for number in (0, 1, 2))
