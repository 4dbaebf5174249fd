"""What may be wrong with a workspace's labels: damaged lines, photos that are gone, leftovers; each with a remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.errors import DamagedFile, Message
from engine.images import is_picture_name
from engine.labels.flags import damaged_flags, flags_file
from engine.labels.history import parse_change
from engine.labels.rerates import damaged_rerates, rerates_file
from engine.labels.scorefile import parse_scores
from engine.natural_order import natural_key
from engine.storage import disk_errors
from engine.workspace import Scale, Workspace

Kind = Literal[
    "damaged_line",
    "doubled",
    "damaged_history",
    "damaged_flags",
    "damaged_rerates",
    "leftover",
    "empty_photo",
    "no_photo",
    "same_but_case",
]

_LEFTOVER = re.compile(r"\..*\.[0-9a-f]{8}\.part", re.DOTALL)
_IN_USE_SECONDS = 600.0  # a part that was touched within ten minutes may still be written
_NOTHING = Message("")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Args:
        kind: what it is; ``damaged_line`` and ``doubled`` keep ``scores.txt`` from being read.
        file: the file or folder it is about.
        line: its line, from 1; 0 where it is about no line.
        text: what stands there, or the names it is about.
        message: what is wrong.
        remedy: what to do about it.
        repaired: whether it is mended now.
        outcome: what became of it; empty before a repair.
    """

    kind: Kind
    file: Path
    line: int
    text: str
    message: Message
    remedy: Message
    repaired: bool = False
    outcome: Message = _NOTHING

    @property
    def is_damage(self) -> bool:
        """Whether ``scores.txt`` can't be read because of it."""
        return self.kind in {"damaged_line", "doubled"}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready form."""
        texts = {"message": str(self.message), "remedy": str(self.remedy), "outcome": str(self.outcome)}
        place = {"kind": self.kind, "file": str(self.file), "line": self.line or None, "text": self.text}
        return {**place, **texts, "repaired": self.repaired}


@dataclass(frozen=True)
class ScoreLine:
    """One line of ``scores.txt``.

    Args:
        number: from 1.
        raw: its bytes.
        name: whose score it is; None for a comment, an empty line or one that can't be read.
        score: the score.
        error: why it can't be read.
    """

    number: int
    raw: bytes
    name: str | None = None
    score: float | None = None
    error: DamagedFile | None = None


def read_lines(workspace: Workspace) -> list[ScoreLine]:
    """Return the lines of ``scores.txt``, each read by itself.

    Raises:
        DamagedFile: the settings are damaged.
        BeholderError: the file can't be opened.
    """
    path, scale = workspace.scores_file, workspace.scale
    return [_read_line(number, raw, scale, path) for number, raw in numbered(path)]


def numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of a file's lines; none where there is no file."""
    with disk_errors(path):
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return
    yield from enumerate(content.split(b"\n"), start=1)


def _read_line(number: int, raw: bytes, scale: Scale, path: Path) -> ScoreLine:
    try:
        # An empty line before it says that it is not the first, where a byte order mark may stand.
        read = parse_scores(raw if number == 1 else b"\n" + raw, scale, path)
    except DamagedFile as error:
        return ScoreLine(number, raw, error=error)
    for name, score in read.scores.items():
        return ScoreLine(number, raw, name, score)
    return ScoreLine(number, raw)


def line_problems(workspace: Workspace, lines: Iterable[ScoreLine]) -> Iterator[Problem]:
    """Yield the lines of ``scores.txt`` that can't be read, and those that contradict one above."""
    path = workspace.scores_file
    first: dict[str, float] = {}
    for line in lines:
        if line.error is not None:
            values = {**line.error.message.values, "line": line.number}
            text = line.raw.decode("utf-8", "surrogateescape")
            message = Message(line.error.message.template, values)
            yield Problem("damaged_line", path, line.number, text, message, line.error.remedy)
        elif line.name is not None and line.score is not None and first.setdefault(line.name, line.score) != line.score:
            message = Message(
                "{path}, line {line}: “{text}” stands there a second time, with another score.",
                {"path": path, "line": line.number, "text": line.name},
            )
            remedy = Message(
                "Leave one of the two lines, or run: beholder scores check --repair",
            )
            yield Problem("doubled", path, line.number, line.name, message, remedy)


def damaged_logs(workspace: Workspace) -> Iterator[Problem]:
    """Yield the lines of the history, the flags and the second ratings that can't be read."""
    places: list[tuple[Kind, Path, list[tuple[int, str]]]] = [
        ("damaged_history", workspace.history_file, _damaged_history(workspace)),
        ("damaged_flags", flags_file(workspace), damaged_flags(workspace)),
        ("damaged_rerates", rerates_file(workspace), damaged_rerates(workspace)),
    ]
    for kind, path, lines in places:
        for number, text in lines:
            values = {"path": path, "line": number, "text": text[:60]}
            message = Message("{path}, line {line}: “{text}” can't be read and counts for nothing.", values)
            remedy = Message("Take it out, keeping a copy, with: beholder scores check --repair")
            yield Problem(kind, path, number, text, message, remedy)


def _damaged_history(workspace: Workspace) -> list[tuple[int, str]]:
    return [
        (number, raw.decode("utf-8", "surrogateescape"))
        for number, raw in numbered(workspace.history_file)
        if raw.strip() and parse_change(raw) is None
    ]


def leftovers(workspace: Workspace, now: float) -> Iterator[Problem]:
    """Yield the hidden files in ``data/`` that a program was writing when it was cut off.

    Args:
        workspace: whose folder.
        now: seconds since 1970; a file that was touched shortly before may still be written.
    """
    for entry in _listing(workspace.data):
        if not _LEFTOVER.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # finished meanwhile
        # a copy takes over the times of its original, but not the time of that
        if max(status.st_mtime, status.st_ctime) > now - _IN_USE_SECONDS:
            continue
        path = Path(entry.path)
        message = Message("{path} was left by a program that was cut off.", {"path": path})
        remedy = Message("Move it into the trash with: beholder scores check --repair")
        yield Problem("leftover", path, 0, entry.name, message, remedy)


def photo_sizes(workspace: Workspace) -> dict[str, int]:
    """Return the photos in ``data/`` and how many bytes each has."""
    return {
        entry.name: entry.stat().st_size
        for entry in _listing(workspace.data)
        if is_picture_name(entry.name) and entry.is_file()
    }


def _listing(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir():
        return []
    with disk_errors(folder), os.scandir(folder) as found:
        return sorted(found, key=lambda entry: natural_key(entry.name))


def photo_problems(workspace: Workspace, photos: Mapping[str, int], lines: Iterable[ScoreLine]) -> Iterator[Problem]:
    """Yield photos that are empty, scores without a photo, and names that some systems take for one.

    Args:
        workspace: whose photos.
        photos: from `photo_sizes`.
        lines: from `read_lines`.
    """
    for name, size in photos.items():
        if size == 0:
            path = workspace.data / name
            message = Message("{path} is an empty file.", {"path": path})
            remedy = Message("Copy it again from where it came, or take it out with: beholder scores rm NAME")
            yield Problem("empty_photo", path, 0, name, message, remedy)
    path = workspace.scores_file
    scored = {line.name: line.number for line in lines if line.name is not None}
    for name, number in scored.items():
        if name not in photos:
            values = {"path": path, "line": number, "text": name}
            message = Message("{path}, line {line}: “{text}” has a score, but there is no such photo.", values)
            remedy = Message(
                "Bring the photo back into {folder}, or take its score away with: beholder scores set NAME -",
                {"folder": workspace.data},
            )
            yield Problem("no_photo", path, number, name, message, remedy)
    by_letters: dict[str, list[str]] = {}
    for name in dict.fromkeys((*photos, *scored)):
        by_letters.setdefault(name.casefold(), []).append(name)
    for names in by_letters.values():
        if len(names) > 1:
            text = ", ".join(names)
            message = Message("Names that differ only in capital letters: {names}", {"names": text})
            remedy = Message("Other systems would take them for one file: keep one of them.")
            yield Problem("same_but_case", workspace.data, 0, text, message, remedy)
