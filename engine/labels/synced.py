"""Which texts of ``scores.txt`` are our own, and how far each goes along the history.

The history is written first; ``scores.txt`` follows it. Before it is replaced its next text is noted here, beside the
one that it has until then. So whoever finds it, also after a crash, knows which changes are not in it yet; and a text
that is not noted was written by another program.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.labels.history import BEGINNING, Position
from engine.labels.steady import Stamp, is_fresh, read_with_stamp, stamp_of, time_of
from engine.storage import disk_errors, write_bytes

_REST = 0.02  # seconds without a write after which another program's file counts as complete
_TRIES = 12


@dataclass(frozen=True)
class Version:
    """One text of ``scores.txt``.

    Args:
        sha256: of its bytes, from `digest`; empty for no file.
        position: the scores in it are those at this place of the history.
    """

    sha256: str
    position: Position

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        return {**self.position._asdict(), "sha256": self.sha256}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Version:
        """Return the version that `to_dict` wrote.

        Raises:
            LookupError, TypeError, ValueError: it is none.
        """
        place = Position(int(data["seq"]), str(data["time"]), int(data["start"]), int(data["end"]))
        if min(place.seq, place.start, place.end) < 0:
            raise ValueError("negative")
        return cls(str(data["sha256"]), place)


NO_FILE = Version("", BEGINNING)


@dataclass(frozen=True)
class Synced:
    """The two texts of ours that ``scores.txt`` may have.

    Args:
        current: the one that was written last, or is about to be.
        previous: the one that it is about to replace; None when that is done.
        previous_time: when that one was last changed, in ns since 1970: the same text from a later time is no longer
            the one to be replaced, but somebody's wish to go back to it.
    """

    current: Version
    previous: Version | None = None
    previous_time: int = 0

    def find(self, sha256: str, time: int) -> Version | None:
        """Return the version that a file is; None if it is another program's.

        Args:
            sha256: of its content, from `digest`.
            time: of its last change, in ns since 1970; 0 for no file.
        """
        if sha256 == self.current.sha256:
            return self.current
        if self.previous and sha256 == self.previous.sha256 and time == self.previous_time:
            return self.previous
        return None


def digest(content: bytes | None) -> str:
    """Return the SHA-256 of a file's content, as 64 hexadecimal digits; an empty text for no file."""
    return "" if content is None else hashlib.sha256(content).hexdigest()


def read_synced(path: Path) -> tuple[Synced | None, bool]:
    """Return what was noted last, None for nothing, and whether there is a note, though it may not be readable.

    Raises:
        BeholderError: the file can't be read.
    """
    with disk_errors(path):
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None, False
    try:
        data = json.loads(content)
        previous = Version.from_dict(data["previous"]) if data["previous"] else None
        return Synced(Version.from_dict(data), previous, int(data["previous_time"])), True
    except (LookupError, TypeError, ValueError, RecursionError):
        return None, True


def write_synced(path: Path, synced: Synced) -> None:
    """Note the versions. A power cut may take the note away: the history then tells the versions apart, more slowly.

    Raises:
        BeholderError: the disk is full or read-only; what was noted before stays.
    """
    previous = synced.previous.to_dict() if synced.previous else None
    data = {**synced.current.to_dict(), "previous": previous, "previous_time": synced.previous_time}
    write_bytes(path, json.dumps(data).encode("ascii") + b"\n", lasting=False)


def read_both(note: Path, path: Path) -> tuple[Synced | None, bool, bytes | None, Stamp]:
    """Read the note and the file as they belong together, when nobody is writing either.

    Args:
        note: where the versions are noted.
        path: the file.

    Returns:
        The versions and whether there is a note, as `read_synced`; the file's content, None for no file, and its stamp.

    Raises:
        BeholderError: one of them can't be read.
    """
    for attempt in range(_TRIES):
        synced, is_note = noted = read_synced(note)
        content, stamp = read_with_stamp(path)
        if attempt == _TRIES - 1:
            break
        is_ours = synced is not None and synced.find(digest(content), time_of(stamp)) is not None
        if not is_ours and is_fresh(stamp, _REST):
            time.sleep(_REST)  # an editor may be in the middle of writing it
        elif stamp == stamp_of(path) and noted == read_synced(note):
            break
    return synced, is_note, content, stamp
