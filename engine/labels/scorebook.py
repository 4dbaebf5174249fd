"""The score book: reads and changes a workspace's scores, on the disk before a call returns."""

from __future__ import annotations

import contextlib
import difflib
import getpass
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from engine.errors import BeholderError, NotFound, UsageError
from engine.images import is_picture_name, natural_key
from engine.labels.history import Change, Edit, History, stacks
from engine.labels.scorefile import ScoreText, format_scores, parse_scores
from engine.storage import disk_errors, write_text
from engine.workspace import Workspace, format_score

__all__ = ["Change", "Edit", "Entry", "ScoreBook"]

_LOCK_SECONDS = 20.0


@dataclass(frozen=True)
class Entry:
    """One photo of the workspace.

    Args:
        name: its file name in ``data/``.
        score: its score; None where it has none.
        present: whether the photo lies in ``data/``; if not, only its score is left.
    """

    name: str
    score: float | None
    present: bool


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

    def entries(self) -> list[Entry]:
        """Return every photo in ``data/`` and every name with a score, in natural order."""
        scores = self.scores()
        present = self._photos()
        names = sorted(present | scores.keys(), key=natural_key)
        return [Entry(name, scores.get(name), name in present) for name in names]

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
            kind: ``set`` or ``import``.
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
            return self._replay("undo", edits)

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
            return self._replay("redo", list(undone[-1].edits))

    def history(self) -> list[Change]:
        """Return all changes, oldest first."""
        with self._mutex:
            return self._history.changes()

    def _replay(self, kind: str, edits: list[Edit]) -> Change:
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
        return self._write(kind, edits)

    def _write(self, kind: str, edits: list[Edit]) -> Change:
        changes = self._history.changes()
        seq = changes[-1].seq if changes else 0
        time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        if not edits:
            return Change(0, time, self.who, kind, ())
        change = Change(seq + 1, time, self.who, kind, tuple(edits))
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
        if not self.workspace.exists():
            raise NotFound(
                "There is no workspace in {path}.",
                remedy="Make one with: beholder init",
                path=self.workspace.root,
            )
        self.workspace.ensure()
        path = self.workspace.internal / "scores.lock"
        with self._mutex, contextlib.ExitStack() as stack:
            try:
                with disk_errors(path):
                    stack.enter_context(FileLock(path, timeout=_LOCK_SECONDS))
            except Timeout as error:
                raise BeholderError(
                    "Another program has held the scores of {path} for {seconds} seconds.",
                    remedy="Close it and try again.",
                    path=self.workspace.root,
                    seconds=int(_LOCK_SECONDS),
                ) from error
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
