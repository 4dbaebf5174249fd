"""What the commands about labels share: photos as a person names them, a question, and what a change did."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from engine.errors import NotFound, UsageError, display_name
from engine.workspace import Workspace, format_score
from tui.i18n import t
from tui.session import Session

if TYPE_CHECKING:
    from engine.labels.scorebook import Change, Entry, ScoreBook

_MOST_LINES = 40


def known_names(workspace: Workspace, words: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the photos that a person named, each once.

    A photo may be named by its file name, by its path in ``data/``, as a shell completes it, or as a list shows it.

    Args:
        workspace: whose photos.
        words: what the person wrote.
        known: the names there are.

    Raises:
        NotFound: there is no such photo.
    """
    shown: dict[str, list[str]] = {}
    names = []
    for word in words:
        name = _by_path(workspace, word, known)
        if name not in known:
            if not shown:
                for one in known:
                    shown.setdefault(display_name(one), []).append(one)
            match shown.get(word):
                case [single]:
                    name = single
                case _:
                    raise _unknown(workspace, word, known)
        names.append(name)
    return list(dict.fromkeys(names))


def _by_path(workspace: Workspace, word: str, known: Collection[str]) -> str:
    if word in known or "/" not in word or "\0" in word:
        return word
    path = Path(word)
    return path.name if path.parent.resolve() == workspace.data.resolve() else word


def _unknown(workspace: Workspace, word: str, known: Collection[str]) -> NotFound:
    near = difflib.get_close_matches(word, known, n=3)
    return NotFound(
        "There is no photo {name} in {path}.",
        remedy="Did you mean: {near}" if near else "See all names with: beholder scores list",
        name=word,
        path=workspace.data,
        near=", ".join(near),
    )


def all_entries(book: ScoreBook) -> list[Entry]:
    """Return all photos with everything that is known of them, the best model's guesses too."""
    from engine.prediction.guesses import read_guesses

    entries = book.entries(details=True)
    _, guesses = read_guesses(book.workspace, entries)
    if not guesses:
        return entries
    return [entry._replace(guess=guesses[entry.name].score) if entry.name in guesses else entry for entry in entries]


def confirmed(session: Session, question: str, yes: bool) -> bool:
    """Ask a question on the terminal and return the answer; say so where it was no.

    Raises:
        UsageError: nobody is there to ask, and `yes` was not given beforehand.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to confirm.", remedy="Add --yes to remove without a question.")
    if typer.confirm(question, err=True):
        return True
    session.console.note(t("labels.kept"))
    return False


def tell_change(session: Session, change: Change, as_json: bool) -> None:
    """Print what a change did: each photo that moved, each score that is another now; of many only the first."""
    console = session.console
    if as_json:
        console.json(change.to_dict())
        return
    lines = []
    for move in change.moves:
        key = "out" if move.out else "added" if change.kind == "add" else "back"
        lines.append(t(f"labels.moved.{key}", name=display_name(move.name)))
    for edit in change.edits:
        old, new = (format_score(score) or "–" for score in (edit.old, edit.new))
        lines.append(t("cli.scores.changed", name=display_name(edit.name), old=old, new=new))
    hidden = len(lines) - _MOST_LINES if len(lines) > _MOST_LINES + 1 else 0
    for line in lines[: len(lines) - hidden]:
        console.line(line)
    if hidden:
        console.line(t("labels.more", n=hidden))
    if not lines:
        console.note(t("labels.unchanged"))


def size_text(size: int | None) -> str | None:
    """Return a number of bytes as people read it."""
    if size is None:
        return None
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB" if size >= 1000 else f"{size} B"


def local_time(time: str) -> str:
    """Return an ISO time as the clock on the wall showed it, to the second; what is none stays as it is."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return time
