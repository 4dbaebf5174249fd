"""The trash of a workspace: what was deleted lies in ``.beholder/trash/`` until it is emptied for good."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.storage import disk_errors
from engine.workspace import Workspace

_KINDS = {"photos": "photo", "models": "model"}
_MODEL = re.compile(r"(.+)-[0-9a-f]{4}")


@dataclass(frozen=True)
class TrashItem:
    """One thing in the trash.

    Args:
        path: where it lies; a file or a folder.
        name: what it was called: a photo's file name, a model's id.
        kind: ``photo`` or ``model``.
        bytes: how much room emptying the trash would win.
        time: ISO time in UTC at which it came here.
    """

    path: Path
    name: str
    kind: str
    bytes: int
    time: str


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
            if item.path.is_dir() and not item.path.is_symlink():
                shutil.rmtree(item.path)
            else:
                item.path.unlink(missing_ok=True)
    return len(items), sum(item.bytes for item in items)


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
    match = _MODEL.fullmatch(path.name) if kind == "model" else None
    return TrashItem(path, match[1] if match else path.name, kind, size, time)


def _size(folder: Path) -> int:
    files = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)
