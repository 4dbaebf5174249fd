"""Import photos and their scores into the workspace, as planned; an interrupted import goes on when run again."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.copying import MOST_FILES, CopyBatch
from engine.errors import BeholderError, Message, UsageError
from engine.events import Event, ItemFailed, Phase, Progress, StopCheck, never_stop, raise_if_stopped
from engine.labels.planning import ImportItem, ImportOptions, ImportPlan, plan_import
from engine.labels.recent import remember_folder
from engine.labels.scorebook import ScoreBook
from engine.storage import AlreadyThere, content_hash, disk_error
from engine.workspace import Workspace

__all__ = ["ImportItem", "ImportOptions", "ImportPlan", "ImportReport", "plan_import", "run_import"]

_BATCH = 200


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Args:
        found: files that were looked at.
        imported: photos that were copied into ``data/``.
        scored: sound photos that now have a score.
        unscored: sound photos that have none.
        skipped: what was left out, with the reason.
        renamed: path in the folder → name in ``data/``, where they differ.
    """

    found: int
    imported: int
    scored: int
    unscored: int
    skipped: tuple[tuple[Path, Message], ...]
    renamed: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's JSON form."""
        return {
            "found": self.found,
            "imported": self.imported,
            "scored": self.scored,
            "unscored": self.unscored,
            "skipped": [{"file": str(path), "reason": str(reason)} for path, reason in self.skipped],
            "renamed": dict(self.renamed),
        }


def run_import(
    workspace: Workspace, plan: ImportPlan, *, should_stop: StopCheck = never_stop
) -> Generator[Event, None, ImportReport]:
    """Copy the planned photos into ``data/`` and write their scores, in batches.

    A score that a photo already has is overwritten by nothing but a typed one. What was copied stays and gets its
    score, whatever stops the import.

    Yields:
        Phase and Progress ``copying``; ItemFailed for a photo that could be planned but not read any more.

    Returns:
        What was done.

    Raises:
        UsageError: a score of the plan is not on its scale, or the workspace has another scale by now.
        BeholderError: the disk is full or read-only.
        Interrupted: `should_stop` said so.
    """
    _check_scores(plan)
    workspace.create(plan.scale)
    if any(item.source.is_relative_to(plan.folder) for item in plan.items):
        remember_folder(workspace, plan.folder)
    yield Phase("copying")
    work = _Work(workspace, ScoreBook(workspace), plan.folder)
    sound = [item for item in plan.items if item.state != "bad"]
    skipped = [(item.source, item.reason) for item in plan.items if item.state == "bad"]
    started = time.monotonic()
    try:
        for done, item in enumerate(sound, start=1):
            raise_if_stopped(should_stop)
            for lost, reason in work.take(item):
                skipped.append((lost.source, reason))
                yield ItemFailed(str(lost.source), reason)
            rate = done / max(time.monotonic() - started, 1e-6)
            yield Progress("copying", done, len(sound), rate, (len(sound) - done) / rate)
        for lost, reason in work.settle():
            skipped.append((lost.source, reason))
            yield ItemFailed(str(lost.source), reason)
    finally:
        work.save()
    scores = work.book.scores()
    scored = sum(name in scores for name in work.names)
    unscored = len(work.names) - scored
    return ImportReport(len(plan.items), work.imported, scored, unscored, tuple(skipped), work.renamed)


def _check_scores(plan: ImportPlan) -> None:
    for item in plan.items:
        if item.score is not None and item.score not in plan.scale:
            raise UsageError(
                "{name}: {score} is not on the scale {scale}.",
                remedy="Give a number within the scale.",
                name=item.name,
                score=f"{item.score:.10g}",
                scale=str(plan.scale),
            )


Failures = list[tuple[ImportItem, Message]]


class _Work:
    """An import under way: what was copied, what waits to be flushed with others, the scores that are not written."""

    def __init__(self, workspace: Workspace, book: ScoreBook, folder: Path) -> None:
        self.book = book
        self._data = workspace.data
        self._place = os.fspath(workspace.data)
        self.folder = folder
        self.imported = 0
        self.names: list[str] = []
        self.renamed: dict[str, str] = {}
        self._copies = CopyBatch()
        self._on_the_way: dict[str, tuple[str, ImportItem]] = {}  # the name without capitals → the name, the photo
        self._waiting: list[ImportItem] = []  # those whose name, or twin, is on its way
        self._pending: dict[str, float] = {}
        self._typed: dict[str, float | None] = {}

    def take(self, item: ImportItem) -> Failures:
        """Copy one photo if it is not there yet; return those that could not be read, with the reason."""
        failed: Failures = []
        if len(self._waiting) >= MOST_FILES:
            failed += self.settle()
        try:
            name, is_there = self._destination(item)
            if name.casefold() in self._on_the_way:
                self._waiting.append(item)
            elif is_there:
                self._took(item, name, is_there)
            else:
                self._copies.add(item.source, self._data / name)
                self._on_the_way[name.casefold()] = (name, item)
        except BeholderError as error:
            failed.append((item, _own_fault(error, item)))
        if self._copies.is_full:
            failed += self.settle()
        self._flush(at_least=_BATCH)
        return failed

    def settle(self) -> Failures:
        """Give the copies their names, flushed; then take those that waited for one. Return what `take` returns."""
        failed: Failures = []
        while self._on_the_way or self._waiting:
            outcome, on_the_way = self._copies.finish(), list(self._on_the_way.values())
            again, self._waiting = self._waiting, []
            self._on_the_way.clear()
            troubles: list[BeholderError] = []
            for name, item in on_the_way:
                trouble = outcome[self._data / name]
                if trouble is None:
                    self._took(item, name, False)
                elif isinstance(trouble, AlreadyThere):
                    again.append(item)  # another import took that name meanwhile
                else:
                    troubles.append(trouble)
            if troubles:
                raise troubles[0]
            for item in again:
                failed += self.take(item)
        return failed

    def _took(self, item: ImportItem, name: str, is_there: bool) -> None:
        """Note a photo that lies in ``data/`` now."""
        self.names.append(name)
        if not is_there:
            self.imported += 1
            if name != item.source.name:
                self.renamed[_relative(item.source, self.folder)] = name
        if item.typed:
            self._typed[name] = item.score
        elif item.score is not None:
            self._pending.setdefault(name, item.score)

    def _destination(self, item: ImportItem) -> tuple[str, bool]:
        """Return the name for a photo, and whether it lies there already: another import may run meanwhile."""
        if item.state == "same" and self._size(item.name) == item.size:
            return item.name, True  # the plan has compared the contents
        stem, suffix = os.path.splitext(item.name)  # noqa: PTH122
        name, number = item.name, 1
        while (size := self._size(name)) is not None:
            if size >= 0 and content_hash(self._data / name) == content_hash(item.source):
                return name, True
            number += 1
            name = f"{stem}_{number}{suffix}"
        return name, False

    def _size(self, name: str) -> int | None:
        """Return the bytes of the file of a name in ``data/``, None for nothing, −1 for what is no file."""
        path = f"{self._place}/{name}"  # asked for each of very many photos: no Path
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode) and os.path.exists(path):  # noqa: PTH110
                status = os.stat(path)  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise disk_error(error, path) from error
        return status.st_size if stat.S_ISREG(status.st_mode) else -1

    def save(self) -> None:
        """Keep all that was copied so far, with its scores."""
        try:
            self.settle()
        finally:
            self._flush()

    def _flush(self, at_least: int = 1) -> None:
        """Write the waiting scores, if there are so many: those of photos that have none, and those that were typed."""
        if len(self._pending) + len(self._typed) < at_least:
            return
        present = self.book.scores()
        edits: dict[str, float | None] = {n: score for n, score in self._pending.items() if n not in present}
        edits |= {name: score for name, score in self._typed.items() if score != present.get(name)}
        if edits:
            self.book.set_many(edits, kind="import")
        self._pending.clear()
        self._typed.clear()


def _own_fault(error: BeholderError, item: ImportItem) -> Message:
    """Return why a photo can't be read; a full disk is no photo's fault and goes on to the caller."""
    if error.message.values.get("path") != item.source:
        raise error
    return error.message


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
