"""Flags: photos that a person marked to come back to, one escaped name a line in ``data/flags.txt``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.labels.score_lock import locked_scores
from engine.labels.scorefile import escape, unescape
from engine.storage import disk_errors, write_bytes
from engine.workspace import Workspace


def flags_file(workspace: Workspace) -> Path:
    """Return the place of the flags."""
    return workspace.data / "flags.txt"


def read_flags(workspace: Workspace) -> frozenset[str]:
    """Return the names of all flagged photos; a line that can't be read counts for nothing.

    Raises:
        BeholderError: the file can't be opened.
    """
    return frozenset(name for name, _, _ in _lines(_content(flags_file(workspace))) if name is not None)


def damaged_flags(workspace: Workspace) -> list[tuple[int, str]]:
    """Return number and text of each line that is no name."""
    lines = _lines(_content(flags_file(workspace)))
    return [(number, raw.decode("utf-8", "surrogateescape")) for name, number, raw in lines if name is None]


def set_flag(workspace: Workspace, name: str, flagged: bool) -> None:
    """Flag one photo, or take its flag away; see `set_flags`."""
    set_flags(workspace, [name], flagged)


def set_flags(workspace: Workspace, names: Sequence[str], flagged: bool) -> list[str]:
    """Flag photos, or take their flags away; on the disk when this returns.

    Other lines of the file, also those that can't be read, stay as they are.

    Args:
        workspace: whose photos.
        names: file names in ``data/``.
        flagged: what they shall be.

    Returns:
        The names whose flag changed.

    Raises:
        NotFound: there is no workspace.
        BeholderError: the disk is full or read-only.
    """
    with locked_scores(workspace):
        path = flags_file(workspace)
        content = _content(path)
        present = {name for name, _, _ in _lines(content) if name is not None}
        wanted = dict.fromkeys(names)
        changed = [name for name in wanted if (name in present) != flagged]
        if not changed:
            return []
        if flagged:
            end = b"\n" if content and not content.endswith(b"\n") else b""
            content += end + "".join(f"{escape(name)}\n" for name in changed).encode()
        else:
            gone = set(changed)
            numbers = {number for name, number, _ in _lines(content) if name in gone}
            kept = [raw for number, raw in enumerate(content.split(b"\n"), start=1) if number not in numbers]
            content = b"\n".join(kept)
        write_bytes(path, content)
        return changed


def _content(path: Path) -> bytes:
    with disk_errors(path):
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""


def _lines(content: bytes) -> Iterator[tuple[str | None, int, bytes]]:
    """Yield the name (None where there is none to read), the number and the bytes of each line that matters."""
    for number, raw in enumerate(content.split(b"\n"), start=1):
        line = raw.removesuffix(b"\r")
        if not line.strip() or line.startswith(b"#"):
            continue
        try:
            yield unescape(line.decode("utf-8")), number, raw
        except ValueError:  # not UTF-8, or a backslash that begins no escape
            yield None, number, raw
