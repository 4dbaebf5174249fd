"""The photos in ``data/``: which are there, and how one comes in, goes into the trash and comes back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from engine.errors import DamagedFile, NotFound, UsageError
from engine.images import SUFFIXES, is_picture_name, open_image
from engine.labels.history import Move
from engine.storage import AlreadyThere, content_hash, copy_file, disk_errors, safe_name
from engine.trash import finish_move, put_into_trash, take_from_trash
from engine.workspace import Workspace

_ENDINGS = tuple(sorted(SUFFIXES))
_LONGEST_NAME = 255  # bytes, on all common file systems


def photo_names(folder: Path) -> list[str]:
    """Return the names of the pictures in a folder, in no order; none where there is no folder.

    Raises:
        BeholderError: it can't be read.
    """
    with disk_errors(folder):
        try:
            with os.scandir(folder) as listing:
                # as `is_picture_name`, but a hundred thousand times
                return [
                    entry.name
                    for entry in listing
                    if entry.name.lower().endswith(_ENDINGS) and entry.name[0] != "." and entry.is_file()
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []


def has_photo(workspace: Workspace, name: str) -> bool:
    """Say whether a photo of this name lies in ``data/``."""
    if not is_picture_name(name) or "/" in name or "\0" in name or len(os.fsencode(name)) > _LONGEST_NAME:
        return False
    with disk_errors(workspace.data):
        return (workspace.data / name).is_file()


def find_own(workspace: Workspace, source: Path) -> str | None:
    """Return the name of the photo in ``data/`` that a path, or a bare name, means; None if it lies elsewhere.

    Raises:
        BeholderError: the path leads in a circle.
    """
    with disk_errors(source):
        if source.parent.resolve() == workspace.data.resolve():
            return source.name if has_photo(workspace, source.name) else None
        is_bare = source.name == str(source) and not source.exists()
    return source.name if is_bare and has_photo(workspace, source.name) else None


def check_picture(source: Path) -> None:
    """Refuse a file that can't become a photo of the album.

    Raises:
        ImageError: it is missing, or no picture that can be read.
        UsageError: its name does not say that it is a picture.
    """
    open_image(source, target=(64, 64))
    if not is_picture_name(safe_name(source.name)):
        raise UsageError(
            "The name of {name} does not end as one of a picture.",
            remedy="Rename it so that it ends in one of: {endings}.",
            name=source.name,
            endings=" ".join(_ENDINGS),
        )


def take_in(workspace: Workspace, source: Path) -> tuple[str, bool]:
    """Copy a picture into ``data/`` under a free name, unless one with the same bytes is there.

    Returns:
        Its name there, and whether it was copied.

    Raises:
        BeholderError: it can't be read, or the disk is full or read-only.
    """
    twin = _twin(workspace.data, source)
    while twin is None:
        name = _free_name(workspace.data, safe_name(source.name))
        try:
            copy_file(source, workspace.data / name)
        except AlreadyThere:
            continue  # another program took that name meanwhile
        return name, True
    return twin, False


def check_moves(workspace: Workspace, moves: Iterable[Move]) -> None:
    """Refuse early what `carry` could not do.

    Raises:
        NotFound: a photo is not in the trash any more.
        UsageError: another photo has its name by now.
    """
    for move in moves:
        photo, place = _places(workspace, move)
        if move.out:
            continue
        if not os.path.lexists(place):
            raise NotFound(
                "{name} was deleted for good: it is not in the trash any more.",
                remedy="Copy it again from where it came.",
                name=move.name,
            )
        if os.path.lexists(photo):
            raise UsageError(
                "There is another photo {name} in {path} by now.",
                remedy="Rename that one, then do the same again.",
                name=move.name,
                path=workspace.data,
            )


def carry(workspace: Workspace, move: Move) -> None:
    """Move one photo; one that shall leave and is gone already is left alone.

    Raises:
        BeholderError: it can't be moved; it lies where it lay.
    """
    photo, place = _places(workspace, move)
    if not move.out:
        take_from_trash(place, photo)
    elif os.path.lexists(photo):
        put_into_trash(photo, place)


def finish(workspace: Workspace, move: Move) -> None:
    """Do what a crash may have left undone of a move.

    Raises:
        BeholderError: the photo can't be moved.
    """
    photo, place = _places(workspace, move)
    finish_move(photo, place) if move.out else finish_move(place, photo)


def _places(workspace: Workspace, move: Move) -> tuple[Path, Path]:
    """Return a move's place in ``data/`` and in the trash; the history can't lead elsewhere."""
    inside = PurePosixPath(move.trash)
    if "/" in move.name or not is_picture_name(move.name) or inside.is_absolute() or ".." in inside.parts:
        raise DamagedFile(
            "{path} moves a file that is no photo: {name}.",
            remedy="Somebody changed it by hand; delete it to begin a new history.",
            path=workspace.history_file,
            name=move.trash,
        )
    return workspace.data / move.name, workspace.trash / inside


def _twin(folder: Path, source: Path) -> str | None:
    """Return the name of the photo with the same bytes; only files of one size are read."""
    with disk_errors(source):
        size = source.stat().st_size
    with disk_errors(folder), os.scandir(folder) as listing:
        alike = [entry.name for entry in listing if is_picture_name(entry.name) and _has_size(entry, size)]
    if not alike:
        return None
    wanted = content_hash(source)
    return next((name for name in sorted(alike) if content_hash(folder / name) == wanted), None)


def _has_size(entry: os.DirEntry[str], size: int) -> bool:
    return entry.is_file() and entry.stat().st_size == size


def _free_name(folder: Path, name: str) -> str:
    """Return the name with a counter where a file has it, in capitals or small letters."""
    with disk_errors(folder):
        taken = {other.casefold() for other in os.listdir(folder)}  # noqa: PTH208
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{stem}_{number}{suffix}"
    return free
