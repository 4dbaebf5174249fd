"""The score book: reads and changes a workspace's scores, on the disk before a call returns."""

from __future__ import annotations

import contextlib
import difflib
import getpass
import math
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from engine.errors import BeholderError, NotFound, UsageError
from engine.images import is_picture_name, open_image
from engine.labels.history import Change, Edit, History, Move, stacks
from engine.labels.score_lock import locked_scores
from engine.labels.scorefile import ScoreText, format_scores, parse_scores
from engine.natural_order import natural_key
from engine.storage import copy_file, disk_errors, safe_name, write_text
from engine.workspace import Workspace, format_score

__all__ = ["Change", "Edit", "Entry", "Move", "ScoreBook"]


class Entry(NamedTuple):
    """One photo of the workspace.

    Args:
        name: its file name in ``data/``.
        score: its score; None where it has none.
        present: whether the photo lies in ``data/``; if not, only its score is left.
        flagged: whether a person marked it.
        size: bytes; None where it was not asked for or the photo is missing.
        modified: time of its last change, seconds since 1970; None as for `size`.
        source: kind of the change that gave the score, such as ``import`` or ``set``; empty where it is unknown.
        changed: ISO time in UTC of that change; empty where it is unknown.
        guess: what a model thinks of it; None where there is none.
    """

    name: str
    score: float | None
    present: bool
    flagged: bool = False
    size: int | None = None
    modified: float | None = None
    source: str = ""
    changed: str = ""
    guess: float | None = None

    @property
    def difference(self) -> float | None:
        """How far the score lies above the model's guess; None where one of them is missing."""
        return None if self.score is None or self.guess is None else self.score - self.guess


class ScoreBook:
    """All scores of one workspace.

    Any number of books, threads and processes may change the same workspace: each change is made under a lock, on
    what is then on the disk.

    Args:
        workspace: whose scores.
        who: name for the history; None for the login name.
        clock: returns the present time, with its time zone.
    """

    def __init__(
        self, workspace: Workspace, who: str | None = None, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.workspace = workspace
        self.who = who or _login()
        self._clock = clock or (lambda: datetime.now(UTC))
        self._text = ScoreText({})
        self._signature: object = None
        self._history = History(workspace.history_file)
        self._mutex = threading.RLock()

    def scores(self) -> dict[str, float]:
        """Return name → score, as it is on the disk now.

        Raises:
            DamagedFile: a line of ``scores.txt`` can't be understood.
        """
        with self._mutex:
            self._refresh()
            return dict(self._text.scores)

    def entries(self, *, details: bool = False, guesses: Mapping[str, float] | None = None) -> list[Entry]:
        """Return every photo in ``data/`` and every name with a score, in natural order.

        Args:
            details: whether to look up size, time, source and time of the score too.
            guesses: what a model thinks, by name.
        """
        from engine.labels.flags import read_flags

        scores = self.scores()
        present = self._photos()
        flags = read_flags(self.workspace)
        names = sorted(present | scores.keys(), key=natural_key)
        guessed = guesses or {}
        origins = self._origins() if details else {}
        entries = []
        for name in names:
            status = (self.workspace.data / name).stat() if details and name in present else None
            kind, time = origins.get(name, ("", ""))
            entries.append(
                Entry(
                    name,
                    scores.get(name),
                    name in present,
                    name in flags,
                    status.st_size if status else None,
                    status.st_mtime if status else None,
                    kind,
                    time,
                    guessed.get(name),
                )
            )
        return entries

    def _origins(self) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for change in self.history():
            for edit in change.edits:
                found[edit.name] = (change.kind, change.time) if edit.new is not None else ("", "")
        return found

    def set(self, name: str, score: float | None) -> Change:
        """Give one photo a score, or take it away with None; on the disk when this returns.

        Raises:
            UsageError: the score is not on the scale.
            NotFound: there is no such photo, or no workspace.
            DamagedFile: ``scores.txt`` is damaged; it is left as it is.
        """
        return self.set_many({name: score})

    def set_many(self, scores: Mapping[str, float | None], kind: str = "set") -> Change:
        """Change several scores at once, as one step of the history; see `set`.

        Args:
            scores: name → score, or None to take it away.
            kind: ``set``, ``import``, ``shift`` or ``rescale``.
        """
        wanted = {name: self._checked(score) for name, score in scores.items()}
        with self._locked():
            present = self._text.scores
            unknown = [name for name in wanted if name not in present]
            if unknown:
                self._check_known(unknown)
            edits = [
                Edit(name, present.get(name), score) for name, score in wanted.items() if present.get(name) != score
            ]
            return self._write(kind, edits)

    def add(self, source: Path, score: float | None = None) -> Change:
        """Take one picture into ``data/`` and give it a score.

        A picture whose bytes are there already is not copied again: the one that is there gets the score.

        Args:
            source: the picture; it stays where it is. One that lies in ``data/`` is taken as it is.
            score: its score; None leaves it unscored, or with the score that it has.

        Raises:
            NotFound: there is no such file, or no workspace.
            ImageError: it is no picture that can be read.
            UsageError: the score is not on the scale, or the name is not one of a picture.
            BeholderError: the disk is full or read-only; nothing has changed.
        """
        wanted = self._checked(score)
        name, move = source.name, None
        with self._locked():
            if source.parent.resolve() != self.workspace.data.resolve():
                open_image(source, target=(64, 64))
                name = safe_name(source.name)
                copy_file(source, self.workspace.data / name)
                move = Move(name, f"photos/{secrets.token_hex(4)}/{name}", out=False)
            old = self._text.scores.get(name)
            edits = [Edit(name, old, wanted)] if wanted is not None and wanted != old else []
            return self._write("add", edits, [move] if move else [])

    def remove(self, names: Sequence[str]) -> Change:
        """Move photos into the trash and take their scores away; `undo` brings both back.

        Args:
            names: file names in ``data/``, or names that only have a score left.

        Raises:
            NotFound: there is no such photo, or no workspace.
            BeholderError: the disk is full or read-only; nothing has changed.
        """
        wanted = list(dict.fromkeys(names))
        with self._locked():
            scores = self._text.scores
            self._check_known([name for name in wanted if name not in scores])
            there = self._photos()
            token = secrets.token_hex(4)
            moves = [Move(name, f"photos/{token}/{name}", out=True) for name in wanted if name in there]
            edits = [Edit(name, scores[name], None) for name in wanted if name in scores]
            self._carry(moves)
            return self._write("remove", edits, moves)

    def _carry(self, moves: Sequence[Move]) -> None:
        for move in moves:
            place, photo = self.workspace.trash / move.trash, self.workspace.data / move.name
            with disk_errors(photo):
                place.parent.mkdir(parents=True, exist_ok=True)
                (photo if move.out else place).rename(place if move.out else photo)

    def take_outside(self) -> list[Change]:
        """Return edits of ``scores.txt`` by other means that were found since this was last asked, now recorded."""
        return []

    def flush(self) -> None:
        """Write ``scores.txt`` now, where it is not up to date with the scores."""

    def close(self) -> None:
        """Write what is not written yet; the book may still be used."""
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def undo(self) -> Change:
        """Take back the latest change that is not taken back yet, whoever made it.

        Raises:
            NotFound: there is nothing to undo.
            UsageError: a score was changed by other means since.
        """
        with self._locked():
            done, _ = stacks(self._history.changes())
            if not done:
                raise NotFound("There is nothing to undo.", remedy="Score a photo first.")
            edits = [Edit(edit.name, edit.new, edit.old) for edit in done[-1].edits]
            return self._replay("undo", edits, [move._replace(out=not move.out) for move in done[-1].moves])

    def redo(self) -> Change:
        """Make the latest change again that was taken back.

        Raises:
            NotFound: there is nothing to redo.
            UsageError: a score was changed by other means since.
        """
        with self._locked():
            _, undone = stacks(self._history.changes())
            if not undone:
                raise NotFound("There is nothing to redo.", remedy="Undo a change first.")
            return self._replay("redo", list(undone[-1].edits), undone[-1].moves)

    def history(self) -> list[Change]:
        """Return all changes, oldest first."""
        with self._mutex:
            return self._history.changes()

    def _replay(self, kind: str, edits: list[Edit], moves: Sequence[Move]) -> Change:
        scale = self.workspace.scale
        for edit in edits:
            now = self._text.scores.get(edit.name)
            if now != edit.old:
                raise UsageError(
                    "{name} now has the score “{now}”, not “{left}”: it was changed outside the history.",
                    remedy="Set its score by hand.",
                    name=edit.name,
                    now=format_score(now),
                    left=format_score(edit.old),
                )
            if edit.new is not None and edit.new not in scale:
                raise _off_scale(edit.new, str(scale))
        self._carry(moves)
        return self._write(kind, edits, moves)

    def _write(self, kind: str, edits: list[Edit], moves: Sequence[Move] = ()) -> Change:
        changes = self._history.changes()
        seq = changes[-1].seq if changes else 0
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        if not edits and not moves:
            return Change(0, time, self.who, kind, ())
        change = Change(seq + 1, time, self.who, kind, tuple(edits), tuple(moves))
        merged = dict(self._text.scores)
        for edit in edits:
            if edit.new is None:
                merged.pop(edit.name, None)
            else:
                merged[edit.name] = edit.new
        before, after = self._text, ScoreText(merged, self._text.comments)
        path = self.workspace.scores_file
        write_text(path, format_scores(after))
        try:
            self._history.append(change)
        except BeholderError:
            # Without its history line a change could not be undone: take it back, so that nothing has changed.
            write_text(path, format_scores(before))
            self._signature = None
            raise
        self._text, self._signature = after, self._stat()
        return change

    def _refresh(self) -> None:
        path = self.workspace.scores_file
        with disk_errors(path):
            try:
                data = path.open("rb")
            except (FileNotFoundError, NotADirectoryError):
                self._text, self._signature = ScoreText({}), None
                return
            with data:
                status = os.fstat(data.fileno())
                scale = self.workspace.scale
                signature = (status.st_ino, status.st_size, status.st_mtime_ns, scale)
                if signature == self._signature:
                    return
                self._text = parse_scores(data.read(), scale, path)
                self._signature = signature

    def _stat(self) -> object:
        status = self.workspace.scores_file.stat()
        return (status.st_ino, status.st_size, status.st_mtime_ns, self.workspace.scale)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex, locked_scores(self.workspace):
            self._refresh()
            yield

    def _checked(self, score: float | None) -> float | None:
        if score is None:
            return None
        scale = self.workspace.scale
        # The file keeps six decimals; what is kept must lie on the scale.
        rounded = round(float(score), 6) + 0.0 if math.isfinite(score) else float(score)
        if rounded not in scale:
            raise _off_scale(score, str(scale))
        return rounded

    def _photos(self) -> frozenset[str]:
        folder = self.workspace.data
        if not folder.is_dir():
            return frozenset()
        with disk_errors(folder), os.scandir(folder) as listing:
            return frozenset(entry.name for entry in listing if is_picture_name(entry.name) and entry.is_file())

    def _check_known(self, names: list[str]) -> None:
        if not names:
            return
        first = names[0]
        plain = is_picture_name(first) and "/" not in first and "\0" not in first
        if len(names) == 1 and plain and (self.workspace.data / first).is_file():
            return  # the keypress: no need to list ten thousand photos
        photos = self._photos()
        missing = next((name for name in names if name not in photos), None)
        if missing is None:
            return
        near = difflib.get_close_matches(missing, photos | self._text.scores.keys(), n=3)
        remedy = "Did you mean: {near}" if near else "See all names with: beholder scores list"
        raise NotFound(
            "There is no photo {name} in {path}.",
            remedy=remedy,
            name=missing,
            path=self.workspace.data,
            near=", ".join(near),
        )


def _off_scale(score: float, scale: str) -> UsageError:
    return UsageError(
        "{score} is not on the scale {scale}.",
        remedy="Give a number within the scale.",
        score=f"{score:.10g}",
        scale=scale,
    )


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"  # a container without a user database
