"""Carry out a cull, and bring moves back: nothing is ever overwritten, and no photo deleted.

A move gives the file another name on its file system. To another file system it is copied, read back and compared, and
only then does the original go.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from engine.errors import BeholderError, Message, NotFound
from engine.events import Event, Finished, ItemFailed, Notice, Progress, StopCheck, never_stop, raise_if_stopped
from engine.outputs.cull_log import CullLog, Moved, moved_files
from engine.outputs.cull_plan import Carried, Choice, CullPlan, no_hard_link
from engine.storage import (
    AlreadyThere,
    content_hash,
    copy_file,
    disk_errors,
    move_to_free,
    require_space,
    sync_folder,
)

Clock = Callable[[], datetime]
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


@dataclass(frozen=True)
class Culled(Event):
    """One photo is where it was to go, with its sidecars.

    Args:
        path: where it lay. to: where it lies now, or lay already. state: as the plan's.
    """

    type: ClassVar[str] = "culled"
    path: str
    to: str
    state: str


def _now() -> datetime:
    return datetime.now(UTC)


def carry_out(
    plan: CullPlan, should_stop: StopCheck = never_stop, *, now: Clock = _now
) -> Iterator[Progress | Notice | ItemFailed | Culled | Finished]:
    """Copy, move or link what was chosen; a file that fails is told, and the others go on.

    Args:
        plan: from `engine.outputs.cull_plan.plan_cull`.
        should_stop: asked before each photo. now: the present time, for the log.

    Yields:
        `Culled` for each photo, `ItemFailed` for those without a score and for what went wrong, `Notice`, `Progress`;
        at the end `Finished` with counts ``new``, ``renamed``, ``there``, ``sidecars`` and ``failed``.

    Raises:
        NeedMissing: the disk is full, or the folder can't be written. Interrupted: `should_stop` said so.
    """
    counts = dict.fromkeys(("new", "renamed", "there", "sidecars", "failed"), 0)
    for path, reason in plan.failed:
        counts["failed"] += 1
        yield ItemFailed(str(path), reason)
    for note in plan.notes:
        yield Notice(note)
    with disk_errors(plan.to):
        plan.to.mkdir(parents=True, exist_ok=True)
    if plan.how == "copy":
        require_space(plan.to, sum(_size(choice) for choice in plan.choices if choice.state != "there"))
    pace = _Pace(len(plan.choices))
    with CullLog(plan.to, now) as log:
        for done, choice in enumerate(plan.choices):
            yield pace.progress(done)
            raise_if_stopped(should_stop)
            if choice.state != "there":
                try:
                    _carry(Carried(choice.photo, choice.target), plan, log, {"score": choice.score})
                except BeholderError as error:
                    counts["failed"] += 1
                    yield ItemFailed(str(choice.photo), _reason(error))
                    continue
            counts[choice.state] += 1
            yield Culled(str(choice.photo), str(choice.target), choice.state)
            for sidecar in choice.sidecars:
                try:
                    _carry(sidecar, plan, log, {})
                    counts["sidecars"] += 1
                except BeholderError as error:
                    counts["failed"] += 1
                    yield ItemFailed(str(sidecar.source), _reason(error))
    with disk_errors(plan.to):
        sync_folder(plan.to)
    yield pace.progress(len(plan.choices))
    yield Finished(counts)


class _Pace:
    """Tells how far the work is, and how fast it goes."""

    def __init__(self, total: int) -> None:
        self._total, self._started = total, time.monotonic()

    def progress(self, done: int) -> Progress:
        seconds = time.monotonic() - self._started
        rate = done / seconds if done and seconds > 0 else None
        return Progress("culling", done, self._total, rate, (self._total - done) / rate if rate else None)


def _reason(error: BeholderError) -> Message:
    """Return what was wrong; a disk that is full would fail all the others too, so that is raised on."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        raise error
    return error.message


def _size(choice: Choice) -> int:
    try:
        return choice.photo.stat().st_size
    except OSError:
        return 0  # it will be told when its turn comes


def _carry(item: Carried, plan: CullPlan, log: CullLog, more: dict[str, Any]) -> None:
    """Bring one file to its place.

    Raises:
        BeholderError: it can't be read or written, or its place was taken meanwhile; both files are as they were.
    """
    how = plan.link if plan.how == "link" else plan.how
    if how == "copy" or (how == "move" and item.shared):
        copy_file(item.source, item.target)
        log.add("done", "copy", item.source, item.target, **more)
    elif how == "move":
        if item.source.is_symlink():
            raise BeholderError(
                "It is a link: moved, it might lead nowhere.", remedy="Copy it, or move the photo that it leads to."
            )
        _check_free(item.target)
        log.add("begun", "move", item.source, item.target, **more)
        try:
            move_file(item.source, item.target)
        except BeholderError:
            log.add("failed", "move", item.source, item.target)
            raise
        log.add("done", "move", item.source, item.target, **more)
    else:
        _link(item, plan)
        log.add("done", how, item.source, item.target, **more)


def _check_free(place: Path) -> None:
    if os.path.lexists(place):
        raise AlreadyThere("{path} is there already.", remedy="Run the same again.", path=place)


def _link(item: Carried, plan: CullPlan) -> None:
    whole = os.path.realpath(item.source)
    with disk_errors(item.source):
        if not os.path.exists(whole):  # noqa: PTH110
            raise FileNotFoundError(errno.ENOENT, "", str(item.source))
    try:
        with disk_errors(item.target):
            try:
                if plan.link == "symbolic":
                    item.target.symlink_to(whole)
                else:
                    item.target.hardlink_to(whole)
            except FileExistsError as error:
                raise AlreadyThere(
                    "{path} is there already.", remedy="Run the same again.", path=item.target
                ) from error
    except BeholderError as error:
        cause = error.__cause__
        if plan.link == "hard" and isinstance(cause, OSError) and cause.errno in _NO_LINKS:
            raise no_hard_link(item.source.parent, plan.to) from cause
        raise


def move_file(source: Path, target: Path) -> None:
    """Move a file to a free place; to another file system by a copy that is compared before the original goes.

    Raises:
        AlreadyThere: the place was taken meanwhile.
        BeholderError: it can't be moved, or the copy is not what was copied; the original lies where it lay.
    """
    with disk_errors(source):
        try:
            move_to_free(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _move_far(source, target)


def _move_far(source: Path, target: Path) -> None:
    before = source.stat()
    copy_file(source, target)  # flushed to the disk
    if content_hash(target) != content_hash(source):
        target.unlink()  # our own copy, made a moment ago
        raise BeholderError(
            "{path} was read back from the other disk with other content.",
            remedy="Check that disk; the original lies where it lay.",
            path=target,
        )
    after = source.stat()
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
        raise BeholderError(
            "{path} was changed while it was copied: both are kept.", remedy="Run the same again.", path=source
        )
    target.chmod(before.st_mode & 0o777)
    sync_folder(target.parent)
    source.unlink()


def undo_cull(
    to: Path, should_stop: StopCheck = never_stop, *, now: Clock = _now
) -> Iterator[Progress | ItemFailed | Culled | Finished]:
    """Bring back what culls moved into a folder, last first; never over another file. Copies and links stay.

    Args:
        to: the folder that was filled.
        should_stop: asked before each file. now: the present time, for the log.

    Yields:
        `Culled` (state ``back``) for each file, `ItemFailed`, `Progress`; at the end `Finished` with counts ``back``
        and ``failed``.

    Raises:
        NotFound: nothing was moved into it, or all is back already.
        BeholderError: the log can't be read or written. Interrupted: `should_stop` said so.
    """
    moved = moved_files(to)[::-1]
    if not moved:
        raise NotFound(
            "Nothing that was moved into {path} is left to bring back.",
            remedy="Copies and links are not moves: their photos lie where they lay.",
            path=to,
        )
    counts, pace = {"back": 0, "failed": 0}, _Pace(len(moved))
    with CullLog(to, now) as log:
        for done, item in enumerate(moved):
            yield pace.progress(done)
            raise_if_stopped(should_stop)
            try:
                back = _bring_back(item, log)
            except BeholderError as error:
                counts["failed"] += 1
                yield ItemFailed(str(item.target), _reason(error))
                continue
            if back:
                counts["back"] += 1
                yield Culled(str(item.target), str(item.source), "back")
    yield pace.progress(len(moved))
    yield Finished(counts)


def _bring_back(item: Moved, log: CullLog) -> bool:
    """Move one file back; say whether there was anything to move."""
    if not os.path.lexists(item.target):
        if not os.path.lexists(item.source):
            raise BeholderError("It lies neither here nor where it came from any more.")
        log.add("undone", "move", item.source, item.target)  # the move was cut short, or somebody brought it back
        return False
    if os.path.lexists(item.source):
        raise AlreadyThere("{path} is there already.", remedy="Run the same again.", path=item.source)
    with disk_errors(item.source):
        item.source.parent.mkdir(parents=True, exist_ok=True)
    move_file(item.target, item.source)
    log.add("undone", "move", item.source, item.target)
    return True
