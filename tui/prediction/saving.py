"""What can be done with the rows of a batch: tables, a web page, stars, a folder of the best; run in a thread."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import BeholderError, Message, display_name
from engine.events import ItemFailed, Notice, Progress, StopCheck, raise_if_stopped
from engine.prediction.predicted import COLUMNS
from engine.workspace import Scale, Workspace
from tui.i18n import say, t
from tui.paths import shown_path
from tui.prediction.rows import PredictedRow, Rows

if TYPE_CHECKING:
    from engine.outputs.cull import CullPlan, Link
    from engine.outputs.sidecar_names import Naming
    from engine.outputs.tables import Format

Tell = Callable[[Progress], object]
_TOLD_EVERY = 0.1  # seconds


@dataclass(frozen=True)
class SaveTable:
    """Write the rows as a table."""

    out: Path
    format: Format


@dataclass(frozen=True)
class SaveGallery:
    """Write a web page of the best."""

    out: Path


@dataclass(frozen=True)
class WriteStars:
    """Write a sidecar beside each photo; see `engine.outputs.sidecars.SidecarWriter`."""

    naming: Naming
    thresholds: tuple[float, ...]
    overwrite_ratings: bool


@dataclass(frozen=True)
class Cull:
    """Bring the best into a folder; see `engine.outputs.cull.plan_cull`."""

    to: Path
    which: Literal["best", "per_burst"]
    count: int
    how: Literal["copy", "move", "hard", "symbolic"]


Wish = SaveTable | SaveGallery | WriteStars | Cull


@dataclass
class Done:
    """What came of it.

    Args:
        line: in a sentence, in the present language.
        notes: what else the person should know. failures: which photo failed, and why.
    """

    line: str
    notes: list[Message] = field(default_factory=list)
    failures: list[tuple[str, Message]] = field(default_factory=list)


def save_table(rows: Rows, wish: SaveTable, tell: Tell, should_stop: StopCheck) -> Done:
    """Write the contract's columns; a file that is there is replaced when all is written."""
    from engine.outputs.tables import write_rows

    count = write_rows(_watched(rows, tell, should_stop), COLUMNS, wish.out, wish.format)
    return Done(t("predict_room.saved", n=count, path=shown_path(wish.out)))


def save_gallery(
    workspace: Workspace, rows: Rows, wish: SaveGallery, title: str, scale: Scale, tell: Tell, should_stop: StopCheck
) -> Done:
    """Write the page; its pictures come from the thumbnails where they are there."""
    from engine.outputs.gallery import write_gallery
    from engine.outputs.sidecars import remembered_thresholds
    from tui.gallery_words import gallery_words

    done = Done(t("predict_room.saved_page", path=shown_path(wish.out)))
    work = write_gallery(
        (row.to_dict() for row in rows),
        wish.out,
        words=gallery_words(),
        title=title,
        scale=scale,
        should_stop=should_stop,
        thresholds=remembered_thresholds(workspace, scale),
        thumbnails=workspace.thumbnails,
    )
    for event in work:
        if isinstance(event, Progress):
            tell(event)
        else:
            done.notes.append(event.message)
    return done


def write_stars(rows: Rows, wish: WriteStars, scale: Scale, tell: Tell, should_stop: StopCheck) -> Done:
    """Write stars and scores beside the photos that have a score; each that fails is told."""
    from engine.outputs.sidecars import SidecarWriter

    writer = SidecarWriter(wish.naming, wish.thresholds, overwrite_ratings=wish.overwrite_ratings, scale=scale)
    counts = {"written": 0, "unchanged": 0, "kept": 0}
    done = Done("")
    for row in _paced([row for row in rows if row.score is not None], "stars", tell):
        if should_stop():
            done.notes.append(Message("Stopped."))
            break
        assert row.score is not None
        try:
            counts[writer.write(row.path, row.score, row.model_id).state] += 1
        except BeholderError as error:
            done.failures.append((row.place, error.message))
    done.line = t("predict_room.starred", failed=len(done.failures), **counts)
    return done


def plan(workspace: Workspace, rows: Rows, wish: Cull) -> CullPlan:
    """Return what the cull would do; nothing is written."""
    from engine.models.bundle import find_bundle
    from engine.outputs.cull import cached_likeness, plan_cull

    features = None
    if wish.which == "per_burst" and rows:
        try:
            features = cached_likeness(workspace, find_bundle(workspace, rows[0].model_id))
        except BeholderError:
            features = None  # the model is gone or damaged: the times of the photos alone tell bursts
    best, per_burst = (wish.count if wish.which == which else None for which in ("best", "per_burst"))
    link: Link = "symbolic" if wish.how == "symbolic" else "hard"
    return plan_cull(
        [row.to_dict() for row in rows],
        wish.to,
        best=best,
        per_burst=per_burst,
        how="copy" if wish.how == "copy" else "move" if wish.how == "move" else "link",
        link=link,
        features=features,
        album=workspace.data,
    )


def plan_text(found: CullPlan) -> str:
    """Return a plan in some lines: what would happen, and what would not."""
    states = [choice.state for choice in found.choices]
    lines = [t("predict_room.cull_choice", n=len(states), considered=found.considered)]
    if found.bursts is not None:
        lines.append(t("predict_room.cull_bursts", n=found.bursts))
    if found.choices:
        scores = [choice.score for choice in found.choices]
        lines.append(t("predict_room.cull_scores", high=f"{max(scores):.1f}", low=f"{min(scores):.1f}"))
    for state, text in (
        ("renamed", t("predict_room.cull_renamed", n=states.count("renamed"))),
        ("there", t("predict_room.cull_there", n=states.count("there"))),
    ):
        if state in states:
            lines.append(text)
    if sidecars := sum(len(choice.sidecars) for choice in found.choices):
        lines.append(t("predict_room.cull_sidecars", n=sidecars))
    if found.failed:
        lines.append(t("predict_room.cull_failed", n=len(found.failed)))
    lines += [f"! {say(note)}" for note in found.notes[:3]]
    return "\n".join(lines)


def cull(found: CullPlan, tell: Tell, should_stop: StopCheck) -> Done:
    """Do what was planned."""
    from engine.events import Finished
    from engine.outputs.cull import carry_out

    done, counts = Done(""), dict[str, Any]()
    for event in carry_out(found, should_stop):
        if isinstance(event, Progress):
            tell(event)
        elif isinstance(event, Notice):
            done.notes.append(event.message)
        elif isinstance(event, ItemFailed):
            done.failures.append((event.path, event.reason))
        elif isinstance(event, Finished):
            counts = dict(event.result)
    n = counts.get("new", 0) + counts.get("renamed", 0)
    folder = shown_path(found.to)
    there, failed = counts.get("there", 0), counts.get("failed", 0)
    done.line = t("predict_room.culled", n=n, there=there, failed=failed, path=folder)
    return done


def failures_text(done: Done, most: int = 200) -> str:
    """Return the notes and the failures of some work, a line each."""
    lines = [f"! {say(note)}" for note in done.notes]
    lines += [f"{display_name(Path(path).name)}: {say(reason)}" for path, reason in done.failures[:most]]
    if len(done.failures) > most:
        lines.append(t("predict_room.more_failures", n=len(done.failures) - most))
    return "\n".join([done.line, "", *lines])


def star_counts(rows: Rows, thresholds: Sequence[float]) -> list[int]:
    """Return how many photos get 1, 2, 3, 4 and 5 stars.

    Args:
        rows: by rank, those without a score last.
        thresholds: four ascending scores, from which on a photo has 2, 3, 4 and 5 stars.
    """
    scored = bisect_left(rows, 1, key=lambda row: row.score is None)
    # how many reach a threshold: the rows fall, so their scores are looked at with the sign turned
    reach = [bisect_right(rows, -bound, 0, scored, key=lambda row: -round(row.score or 0.0, 4)) for bound in thresholds]
    bounds = [scored, *reach, 0]
    return [high - low for high, low in pairwise(bounds)]


def _watched(rows: Rows, tell: Tell, should_stop: StopCheck) -> Iterator[Mapping[str, Any]]:
    for row in _paced(rows, "saving", tell):
        raise_if_stopped(should_stop)
        yield row.to_dict()


def _paced(rows: Rows, phase: str, tell: Tell) -> Iterator[PredictedRow]:
    """Yield rows and tell now and then how many have been done, how fast, and how long the rest takes."""
    started = told = time.monotonic()
    for done, row in enumerate(rows):
        yield row
        now = time.monotonic()
        if now - told >= _TOLD_EVERY:
            told = now
            rate = (done + 1) / max(now - started, 1e-9)
            tell(Progress(phase, done + 1, len(rows), rate, (len(rows) - done - 1) / rate))
