"""The folders that photos were imported from lately, in ``.beholder/recent.json``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.storage import disk_errors, write_json
from engine.workspace import Workspace

_MOST = 10


def recent_folders(workspace: Workspace) -> list[Path]:
    """Return the folders of the latest imports, newest first; whether they are still there is not looked at.

    A file that can't be understood counts for nothing: it only saves typing.

    Raises:
        BeholderError: the file can't be opened.
    """
    path = _file(workspace)
    try:
        with disk_errors(path):
            content = json.loads(path.read_bytes()) if path.exists() else []
    except (ValueError, RecursionError):
        return []
    if not isinstance(content, list):
        return []
    sound = [text for text in content if isinstance(text, str) and text.startswith(os.sep) and "\0" not in text]
    return [Path(text) for text in dict.fromkeys(sound)][:_MOST]


def remember_folder(workspace: Workspace, folder: Path) -> None:
    """Put a folder at the head of the list.

    Raises:
        BeholderError: the disk is full or read-only.
    """
    place = Path(os.path.abspath(folder))  # noqa: PTH100 - Path.absolute keeps ".."
    known = recent_folders(workspace)
    if known[:1] == [place]:
        return
    newest = [place, *(other for other in known if other != place)][:_MOST]
    write_json(_file(workspace), [str(folder) for folder in newest])


def _file(workspace: Workspace) -> Path:
    return workspace.internal / "recent.json"
