"""Paths with wildcards that no shell has expanded: ``photos/*.jpg``, ``**/best-?.png``."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from engine.images import is_picture_name
from engine.natural_order import natural_key

_SIGNS = re.compile(r"[*?\[]")


def has_wildcard(path: Path) -> bool:
    """Say whether a path has a sign that a shell would expand.

    >>> has_wildcard(Path("photos/*.jpg")), has_wildcard(Path("photos/a.jpg"))
    (True, False)
    """
    return _SIGNS.search(os.fspath(path)) is not None


def expand(pattern: Path) -> Iterator[Path]:
    """Yield what matches, in natural order, each once: folders, and files that are named like pictures.

    As in a shell ``**`` stands for any number of folders, itself follows no links to folders, and what is hidden has to
    be asked for. Folders that can't be read are left out.
    """
    places = [place for place, part in enumerate(pattern.parts) if _SIGNS.search(part)]
    first = places[0] if places else len(pattern.parts)
    yield from _matches(Path(*pattern.parts[:first]), pattern.parts[first:])


def _matches(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts:
        if folder.exists():
            yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        while rest and rest[0] == "**":
            rest = rest[1:]
        yield from _matches(folder, rest) if rest else _pictures(folder)
        for entry in _entries(folder):
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield from _matches(folder / entry.name, parts)
    elif not _SIGNS.search(part):
        yield from _matches(folder / part, rest)
    else:
        for entry in _entries(folder):
            if not _pattern(part).match(entry.name) or (entry.name.startswith(".") and not part.startswith(".")):
                continue
            if rest:
                if entry.is_dir():
                    yield from _matches(folder / entry.name, rest)
            elif entry.is_dir() or is_picture_name(entry.name.lstrip(".")):
                yield folder / entry.name


def _pictures(folder: Path) -> Iterator[Path]:
    return (folder / entry.name for entry in _entries(folder) if is_picture_name(entry.name) and not entry.is_dir())


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return sorted(listing, key=lambda entry: natural_key(entry.name))
    except OSError:
        return []


@cache
def _pattern(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))
