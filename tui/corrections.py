"""A person's own score of a predicted photo becomes training data."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import BeholderError, Message, display_name
from engine.labels.importing import ImportItem, ImportPlan, run_import
from engine.labels.scorebook import ScoreBook
from engine.storage import content_hash, disk_errors, safe_name
from engine.workspace import Workspace

ResultT = TypeVar("ResultT")


def keep_correction(workspace: Workspace, photo: Path, score: float) -> str:
    """Give a photo the person's score; one that is not in the training folder yet is copied there first.

    Args:
        workspace: whose training data.
        photo: an absolute path.
        score: on the workspace's scale.

    Returns:
        The photo's name among the training data, safe to show.

    Raises:
        BeholderError: the photo can't be read or copied, or the scores can't be written.
    """
    name = _twin(workspace, photo) or _copied(workspace, photo)
    ScoreBook(workspace).set(name, score)
    return display_name(name)


def _twin(workspace: Workspace, photo: Path) -> str | None:
    """Return the name of the same photo among the training data; only files of its size are read."""
    if photo.parent.resolve() == workspace.data.resolve():
        return photo.name
    if not workspace.data.is_dir():
        return None
    with disk_errors(photo):
        size = photo.stat().st_size
    with disk_errors(workspace.data):
        alike = [
            file
            for file in workspace.data.iterdir()
            if not file.name.startswith(".") and file.is_file() and file.stat().st_size == size
        ]
    if not alike:
        return None
    wanted = content_hash(photo)
    return next((file.name for file in sorted(alike) if content_hash(file) == wanted), None)


def _copied(workspace: Workspace, photo: Path) -> str:
    name = safe_name(photo.name)
    with disk_errors(photo):
        size = photo.stat().st_size
    item = ImportItem(photo, name, None, Message(""), "new", name != photo.name, size)
    report = _result(run_import(workspace, ImportPlan((item,), scale=workspace.scale)))
    for _, reason in report.skipped:
        raise BeholderError(reason.template, **reason.values)
    return report.renamed.get(photo.name, name)


def _result(work: Generator[Any, None, ResultT]) -> ResultT:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: ResultT = stop.value
            return result
