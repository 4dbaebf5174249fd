"""The folders that photos were imported from lately, and what was predicted, in ``.beholder/recent.json``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from engine.storage import disk_errors, write_json
from engine.workspace import Workspace

Use = Literal["import", "predict"]
_USES: tuple[Use, ...] = ("import", "predict")
_MOST = 10


def recent_folders(workspace: Workspace) -> list[Path]:
    """Return the folders of the latest imports, newest first; see `recent_paths`."""
    return recent_paths(workspace, "import")


def remember_folder(workspace: Workspace, folder: Path) -> None:
    """Put a folder at the head of the imports' list; see `remember_path`."""
    remember_path(workspace, "import", folder)


def recent_paths(workspace: Workspace, use: Use) -> list[Path]:
    """Return what was used lately, newest first; whether it is still there is not looked at.

    A file that can't be understood counts for nothing: it only saves typing.

    Args:
        workspace: whose.
        use: ``import`` (folders) or ``predict`` (photos and folders).

    Raises:
        BeholderError: the file can't be opened.
    """
    return _read(workspace)[use]


def remember_path(workspace: Workspace, use: Use, path: Path) -> None:
    """Put a path at the head of a list.

    Args:
        workspace: whose.
        use: as in `recent_paths`.
        path: a folder or a photo; made absolute.

    Raises:
        BeholderError: the disk is full or read-only.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps ".."
    known = _read(workspace)
    if known[use][:1] == [place]:
        return
    known[use] = [place, *(other for other in known[use] if other != place)][:_MOST]
    write_json(_file(workspace), {name: [str(path) for path in paths] for name, paths in known.items()})


def _read(workspace: Workspace) -> dict[Use, list[Path]]:
    path = _file(workspace)
    try:
        with disk_errors(path):
            content = json.loads(path.read_bytes()) if path.exists() else {}
    except (ValueError, RecursionError):
        content = {}
    if isinstance(content, list):
        content = {"import": content}  # as it was written when there was one list
    if not isinstance(content, dict):
        content = {}
    return {use: _sound(content.get(use)) for use in _USES}


def _sound(texts: object) -> list[Path]:
    if not isinstance(texts, list):
        return []
    sound = [text for text in texts if isinstance(text, str) and text.startswith(os.sep) and "\0" not in text]
    return [Path(text) for text in dict.fromkeys(sound)][:_MOST]


def _file(workspace: Workspace) -> Path:
    return workspace.internal / "recent.json"
