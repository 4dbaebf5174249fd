"""What lies in the folder of small pictures, and which of them belong to no photo any more."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.gone_files import Presence, presence_of
from engine.thumbnails import VERSION

_ABANDONED_SECONDS = 3600.0


@dataclass(frozen=True)
class Kept:
    """Some files that can be made again.

    Args:
        path: the folder in which they lie. count: how many there are. bytes: what they take.
    """

    path: Path
    count: int
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"path": str(self.path), "count": self.count, "bytes": self.bytes}


@dataclass(frozen=True)
class Thumbnail:
    """One small picture: its file, the content of its photo, bytes, and when it was seen last, to the day."""

    file: Path
    content: str
    bytes: int
    seen: float


def thumbnails_in(folder: Path) -> Kept:
    """Return how many small pictures there are, and what they take with their index."""
    count = size = 0
    for picture in list_thumbnails(folder):
        count += 1
        size += picture.bytes
    with contextlib.suppress(OSError):
        size += (folder / "index.sqlite").stat().st_size
    return Kept(folder, count, size)


def list_thumbnails(folder: Path) -> Iterator[Thumbnail]:
    """Yield the small pictures of a folder, in no order."""
    try:
        places = [entry.path for entry in os.scandir(folder) if len(entry.name) == 2 and entry.is_dir()]
    except OSError:
        return
    for place in places:
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    content = os.path.basename(place) + entry.name.partition("-")[0]  # noqa: PTH119
                    yield Thumbnail(Path(entry.path), content, state.st_size, state.st_mtime)


def needless_thumbnails(folder: Path, contents: set[str], *, out_of_reach_too: bool) -> list[Thumbnail]:
    """Return the small pictures of photos that are gone, and those that an earlier version made.

    Args:
        folder: of the small pictures.
        contents: SHA-256 of photos that are there, as far as known elsewhere.
        out_of_reach_too: whether photos whose whole folder is missing count as gone.
    """
    index = folder / "index.sqlite"
    known: list[tuple[bytes, str]] = []
    if index.is_file():
        try:
            with contextlib.closing(sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro", uri=True)) as base:
                known = base.execute("SELECT path, hash FROM files ORDER BY path").fetchall()
        except sqlite3.Error:
            return []  # made anew when it is next needed; until then nobody knows whose pictures these are
    gone = {Presence.GONE, Presence.OUT_OF_REACH} if out_of_reach_too else {Presence.GONE}
    presence = presence_of(path for path, _ in known)
    here = {content for (_, content), (_, state) in zip(known, presence, strict=True) if state not in gone}
    here |= contents
    ending = f"-{VERSION}.jpg"
    return [
        picture
        for picture in list_thumbnails(folder)
        if (picture.content not in here or not picture.file.name.endswith(ending))
        # what another program writes at this moment
        and (picture.file.suffix != ".part" or time.time() - picture.seen > _ABANDONED_SECONDS)
    ]
