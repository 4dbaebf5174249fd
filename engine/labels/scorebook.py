"""The score book: reads and changes a workspace's scores, on the disk before a call returns."""

from __future__ import annotations

import difflib
import getpass
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import BeholderError, NotFound, UsageError
from engine.labels.entries import Entry, EntryList
from engine.labels.history import Change, Edit, Move, latest_done, latest_undone
from engine.labels.photos import check_moves, check_picture, find_own, has_photo, photo_names, take_in
from engine.labels.scorestore import ScoreStore
from engine.workspace import Workspace, format_score

__all__ = ["Change", "Edit", "Entry", "Move", "ScoreBook"]

_FEW = 1000  # names that are looked up one by one
AT_ONCE = 1000  # up to here rewriting the file costs no more than flushing a line


class ScoreBook:
    """All scores of one workspace.

    Any number of books, threads and processes may change the same workspace: each change is made under a lock, on
    what is then on the disk. A change is in the history, flushed, when a call returns; ``scores.txt`` follows within a
    second where there are many scores, and when the book is closed or Python ends.

    Args:
        workspace: whose scores.
        who: name for the history; None for the login name.
        clock: returns the present time, with its time zone.
        at_once: how many scores ``scores.txt`` may have to be rewritten before a call returns.
    """

    def __init__(
        self,
        workspace: Workspace,
        who: str | None = None,
        *,
        clock: Callable[[], datetime] | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self.workspace = workspace
        self.who = who or _login()
        self._store = ScoreStore(workspace, clock or (lambda: datetime.now(UTC)), at_once)
        self._list = EntryList(workspace, self._store.history)

    def scores(self) -> dict[str, float]:
        """Return name → score, as it is on the disk now.

        Raises:
            DamagedFile: a line of ``scores.txt`` can't be understood.
        """
        with self._store.reading() as sheet:
            return dict(sheet.scores)

    def entries(self, *, details: bool = False, guesses: Mapping[str, float] | None = None) -> list[Entry]:
        """Return every photo in ``data/`` and every name with a score, in natural order.

        Args:
            details: whether to look up size, time, source and time of the score too.
            guesses: what a model thinks, by name.

        Raises:
            DamagedFile: a line of ``scores.txt`` can't be understood.
        """
        with self._store.reading() as sheet:
            scores, leaving = dict(sheet.scores), self._store.leaving
        return self._list.entries(scores, leaving, details, guesses)  # takes long: nobody waits for it

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
        with self._store.changing() as sheet:
            present = sheet.scores
            self._check_known([name for name in wanted if name not in present])
            edits = [
                Edit(name, present.get(name), score) for name, score in wanted.items() if present.get(name) != score
            ]
            return self._store.commit(self.who, kind, edits)

    def add(self, source: Path, score: float | None = None) -> Change:
        """Take one picture into ``data/`` and give it a score.

        A picture whose bytes are there already is not copied again: the one that is there gets the score.

        Args:
            source: the picture; it stays where it is. One that lies in ``data/``, or its bare name, is taken as it is.
            score: its score; None leaves it unscored, or with the score that it has.

        Raises:
            NotFound: there is no workspace.
            ImageError: the file is missing, or no picture that can be read.
            UsageError: the score is not on the scale, or the name is not one of a picture.
            BeholderError: the disk is full or read-only; nothing has changed.
        """
        wanted = self._checked(score)
        name = find_own(self.workspace, source)
        if name is None:
            check_picture(source)
        with self._store.changing() as sheet:
            is_new = False
            if name is None:
                name, is_new = take_in(self.workspace, source)
            old = sheet.scores.get(name)
            edits = [Edit(name, old, wanted)] if wanted is not None and wanted != old else []
            moves = [Move(name, self._store.new_place(name), out=False)] if is_new else []
            try:
                return self._store.commit(self.who, "add", edits, moves, carrying=False)
            except BeholderError:
                if is_new:
                    (self.workspace.data / name).unlink(missing_ok=True)
                raise

    def remove(self, names: Sequence[str]) -> Change:
        """Move photos into the trash and take their scores away; `undo` brings both back.

        Args:
            names: file names in ``data/``, or names that only have a score left.

        Raises:
            NotFound: there is no such photo, or no workspace.
            BeholderError: the disk is full or read-only; nothing has changed.
        """
        wanted = list(dict.fromkeys(names))
        with self._store.changing() as sheet:
            scores = sheet.scores
            self._check_known([name for name in wanted if name not in scores])
            edits = [Edit(name, scores[name], None) for name in wanted if name in scores]
            there = [name for name in wanted if has_photo(self.workspace, name)]
            place = self._store.new_place("")
            return self._store.commit(self.who, "remove", edits, [Move(name, place + name, out=True) for name in there])

    def next_undo(self) -> Change | None:
        """Return the change that `undo` would take back; None if there is none."""
        return latest_done(self._store.history.backwards())

    def next_redo(self) -> Change | None:
        """Return the undo that `redo` would take back; None if there is none."""
        return latest_undone(self._store.history.backwards())

    def undo(self) -> Change:
        """Take back the latest change that is not taken back yet, whoever made it.

        Raises:
            NotFound: there is nothing to undo, or a photo was deleted for good since.
            UsageError: a score was changed by other means since, or another photo has the name by now.
        """
        with self._store.changing() as sheet:
            change = self.next_undo()
            if change is None:
                raise NotFound("There is nothing to undo.", remedy="Score a photo first.")
            return self._invert(change, "undo", sheet.scores)

    def redo(self) -> Change:
        """Make the latest change again that was taken back.

        Raises:
            NotFound: there is nothing to redo.
            UsageError: a score was changed by other means since.
        """
        with self._store.changing() as sheet:
            change = self.next_redo()
            if change is None:
                raise NotFound("There is nothing to redo.", remedy="Undo a change first.")
            return self._invert(change, "redo", sheet.scores)

    def history(self) -> list[Change]:
        """Return all changes, oldest first."""
        return self._store.changes()

    def take_outside(self) -> list[Change]:
        """Return edits of ``scores.txt`` by other programs that were found since this was last asked, now recorded.

        What stood in the file before the history began is none. Where the workspace can't be written, they are
        returned without being recorded, with seq 0.

        Raises:
            DamagedFile: a line of ``scores.txt`` can't be understood.
        """
        return self._store.take_news()

    def flush(self) -> None:
        """Let ``scores.txt`` follow now.

        Raises:
            BeholderError: it can't be written; what was scored is in the history all the same.
        """
        self._store.flush()

    def close(self) -> None:
        """Write what this book has not written into ``scores.txt`` yet; it may still be used.

        Raises:
            BeholderError: it can't be written; what was scored is in the history all the same.
        """
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _invert(self, change: Change, kind: str, present: Mapping[str, float]) -> Change:
        edits, moves = change.inverted()
        scale = self._store.scale
        for edit in edits:
            now = present.get(edit.name)
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
        check_moves(self.workspace, moves)
        return self._store.commit(self.who, kind, edits, moves)

    def _checked(self, score: float | None) -> float | None:
        if score is None:
            return None
        scale = self._store.scale
        # The file keeps six decimals; what is kept must lie on the scale.
        rounded = round(float(score), 6) + 0.0 if math.isfinite(score) else float(score)
        if rounded not in scale:
            raise _off_scale(score, str(scale))
        return rounded

    def _check_known(self, names: list[str]) -> None:
        if len(names) <= _FEW and all(has_photo(self.workspace, name) for name in names):
            return  # a keypress, or a part of an import: no need to list a hundred thousand photos
        photos = frozenset(photo_names(self.workspace.data))
        missing = next((name for name in names if name not in photos), None)
        if missing is None:
            return
        with self._store.reading() as sheet:
            near = difflib.get_close_matches(missing, photos | sheet.scores.keys(), n=3)
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
