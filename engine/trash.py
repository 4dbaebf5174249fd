"""The trash of a workspace: what was deleted lies in ``.beholder/trash/`` until it is emptied for good."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import NotFound
from engine.storage import content_hash, copy_file, disk_errors, move_to_free, sync_folder
from engine.workspace import Workspace

_KINDS = {"photos": "photo", "models": "model", "jobs": "job"}
_TAGGED = re.compile(r"(.+)-[0-9a-f]{4}")


@dataclass(frozen=True)
class TrashItem:
    """One thing in the trash.

    Args:
        path: where it lies; a file or a folder.
        name: what it was called: a photo's file name, a model's or job's id.
        kind: ``photo``, ``model`` or ``job``.
        bytes: how much room emptying the trash would win.
        time: ISO time in UTC at which it came here.
    """

    path: Path
    name: str
    kind: str
    bytes: int
    time: str


def put_into_trash(thing: Path, place: Path) -> None:
    """Move a file or a folder to a place of its own in the trash.

    Args:
        thing: what is deleted.
        place: where it goes; must be free. Its folder is made.

    Raises:
        BeholderError: it can't be moved; it lies where it lay.
    """
    with disk_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(thing):
        try:
            thing.rename(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(thing, place)
            _delete(thing)
        sync_folder(place.parent)
        sync_folder(thing.parent)


def take_from_trash(place: Path, target: Path) -> None:
    """Move a file back out of the trash, never over another one.

    Raises:
        AlreadyThere: another file has its name by now.
        NotFound: it is not in the trash any more.
        BeholderError: it can't be moved; it lies in the trash.
    """
    if not os.path.lexists(place):
        raise NotFound(
            "{name} was deleted for good: it is not in the trash any more.",
            remedy="Copy it again from where it came.",
            name=target.name,
        )
    with disk_errors(target):
        try:
            move_to_free(place, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copy_file(place, target)
            place.unlink()
        sync_folder(target.parent)
        sync_folder(place.parent)
    _drop_empty(place.parent)


def finish_move(start: Path, end: Path) -> None:
    """Do what is left of a move between ``data/`` and the trash that a crash may have cut short.

    Where both places are taken by different files, somebody came in between: both stay.

    Raises:
        BeholderError: the file can't be moved.
    """
    if not os.path.lexists(start):
        return
    with disk_errors(start):
        if not os.path.lexists(end):
            end.parent.mkdir(parents=True, exist_ok=True)
            put_into_trash(start, end)
        elif start.is_file() and end.is_file() and content_hash(start) == content_hash(end):
            start.unlink()
            sync_folder(start.parent)


def list_trash(workspace: Workspace) -> list[TrashItem]:
    """Return what lies in the trash, the newest first.

    Raises:
        BeholderError: it can't be read.
    """
    with disk_errors(workspace.trash):
        found = [_item(path, kind) for path, kind in _places(workspace.trash)]
    return sorted(found, key=lambda item: (item.time, item.name), reverse=True)


def empty_trash(workspace: Workspace) -> tuple[int, int]:
    """Delete for good what lies in the trash.

    Returns:
        How many items and how many bytes are gone.

    Raises:
        BeholderError: something can't be deleted; what was deleted before is gone.
    """
    items = list_trash(workspace)
    for item in items:
        with disk_errors(item.path):
            _delete(item.path)
        if item.kind == "photo":
            _drop_empty(item.path.parent)
    return len(items), sum(item.bytes for item in items)


def _copy(thing: Path, place: Path) -> None:
    """Copy to another file system; what was begun is taken away again when it fails."""
    if not thing.is_dir() or thing.is_symlink():
        copy_file(thing, place)
        return
    part = place.with_name(f".{place.name}.part")
    try:
        shutil.copytree(thing, part, symlinks=True)
        part.rename(place)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _delete(thing: Path) -> None:
    if thing.is_dir() and not thing.is_symlink():
        shutil.rmtree(thing)
    else:
        thing.unlink(missing_ok=True)


def _drop_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # there is more in it; and an empty one does no harm
        folder.rmdir()


def _places(trash: Path) -> Iterator[tuple[Path, str]]:
    """Yield each item and its kind; photos lie one folder deeper, so that equal names don't meet."""
    for folder in _folders(trash):
        kind = _KINDS.get(folder.name, folder.name)
        for inner in sorted(folder.iterdir()):
            if kind == "photo" and inner.is_dir() and not inner.is_symlink():
                yield from ((photo, kind) for photo in sorted(inner.iterdir()))
            else:
                yield inner, kind


def _folders(trash: Path) -> list[Path]:
    if not trash.is_dir():
        return []
    return [folder for folder in sorted(trash.iterdir()) if folder.is_dir() and not folder.is_symlink()]


def _item(path: Path, kind: str) -> TrashItem:
    status = path.lstat()
    size = status.st_size if not path.is_dir() or path.is_symlink() else _size(path)
    time = datetime.fromtimestamp(status.st_ctime, UTC).isoformat(timespec="milliseconds")
    match = _TAGGED.fullmatch(path.name) if kind in {"model", "job"} else None
    return TrashItem(path, match[1] if match else path.name, kind, size, time)


def _size(folder: Path) -> int:
    files = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)
