"""The scores on the disk: the history comes first, ``scores.txt`` follows, and what others do to either is taken in.

Reading writes nothing and needs no lock. Every change is made under the lock, on what is then on the disk: its line in
the history is flushed before the call returns. The rewritten ``scores.txt`` is flushed too where that is cheap; where
there are many scores, within a second, and when Python ends. `engine.labels.synced` tells the two apart at any moment.
"""

from __future__ import annotations

import atexit
import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.errors import BeholderError, NeedMissing
from engine.labels.history import BEGINNING, Change, Edit, History, Move, Position
from engine.labels.outside import Placed, outside_edits, replay
from engine.labels.photos import carry, finish
from engine.labels.score_lock import locked_scores
from engine.labels.scorefile import ScoreText, comment_lines, parse_scores
from engine.labels.sheet import Sheet
from engine.labels.steady import Stamp, is_fresh, stamp_of, time_of
from engine.labels.synced import NO_FILE, Synced, Version, digest, read_both, read_synced, write_synced
from engine.storage import write_bytes
from engine.workspace import Scale, Workspace

_DELAY = 0.7  # seconds until the file follows
_STALE = timedelta(hours=24)  # how long an editor may keep an old version open


@dataclass(frozen=True)
class _Outside:
    """An edit by another program that is not in the history yet.

    Args:
        edits: what it changes.
        version: the text that was found, and the version from which it was made.
        is_first: whether nothing at all was known of the file before.
        stands: whether the file needs no rewriting.
    """

    edits: tuple[Edit, ...]
    version: Version
    is_first: bool
    stands: bool


class ScoreStore:
    """The scores of one workspace, in step with the disk.

    Args:
        workspace: whose scores.
        clock: returns the present time, with its time zone.
        at_once: how many scores ``scores.txt`` may have to be rewritten before a change returns.
    """

    def __init__(self, workspace: Workspace, clock: Callable[[], datetime], at_once: int) -> None:
        self.workspace = workspace
        self.history = History(workspace.history_file)
        self.sheet = Sheet(ScoreText({}))
        self.position = BEGINNING
        self._note = workspace.internal / "scores.synced"
        self._clock = clock
        self._at_once = at_once
        self._mutex = threading.RLock()
        self._scale = Scale()
        self._scale_stamp: Stamp | None = None
        self._file: Version | None = None  # None: not read yet, or another program's
        self._outside: _Outside | None = None
        self._is_noted = False
        self._stamp: Stamp = ()
        self._read_scale: Scale | None = None
        self._seen: tuple[Stamp, Scale | None] | None = None  # None: the disk may have changed since without a sign
        self._history_stamp: Stamp = ()
        self._moving: list[Placed] = []
        self._news: list[Change] = []
        self._told: tuple[Edit, ...] = ()
        self._timer: threading.Timer | None = None
        self._is_late = False

    @property
    def scale(self) -> Scale:
        """The workspace's scale, read again only when the settings changed."""
        stamp = stamp_of(self.workspace.settings_file)
        if stamp != self._scale_stamp:
            self._scale, self._scale_stamp = self.workspace.scale, stamp
        return self._scale

    @property
    def leaving(self) -> frozenset[str]:
        """Photos that are on their way into the trash, though a crash may have left them where they were."""
        return frozenset(move.name for change, _ in self._moving for move in change.moves if move.out)

    def changes(self) -> list[Change]:
        """Return all changes, oldest first."""
        with self._mutex:
            return self.history.changes()

    def new_place(self, name: str) -> str:
        """Return a place in the trash that nobody has, for a photo of this name."""
        return f"photos/{self._clock().astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}/{name}"

    @contextlib.contextmanager
    def reading(self) -> Iterator[Sheet]:
        """Give the present scores; nothing is written.

        Raises:
            DamagedFile: a line of ``scores.txt`` can't be understood.
        """
        with self._mutex:
            self._refresh()
            yield self.sheet

    @contextlib.contextmanager
    def changing(self) -> Iterator[Sheet]:
        """Give the present scores and keep everybody else from changing them; `commit` is for this block.

        Raises:
            NotFound: there is no workspace.
            DamagedFile: a line of ``scores.txt`` can't be understood; it is left as it is.
            BeholderError: the disk is full or read-only.
        """
        with self._mutex, locked_scores(self.workspace):
            self._settle()
            yield self.sheet

    def commit(
        self, who: str, kind: str, edits: Sequence[Edit], moves: Sequence[Move] = (), *, carrying: bool = True
    ) -> Change:
        """Make a change: on the disk when this returns.

        Args:
            who: who does it.
            kind: see `Change`.
            edits: the scores, as they are and as they shall be.
            moves: photos that leave ``data/`` or come into it.
            carrying: whether to move them; if not, they are where they shall be.

        Raises:
            BeholderError: it can't be written; nothing has changed.
        """
        if not edits and not moves:
            return Change(0, self._now(), who, kind, ())
        if self._is_late:
            self._write()  # what can't follow any more is told before more is taken
        change = Change(self.position.seq + 1, self._now(), who, kind, tuple(edits), tuple(moves))
        before = self.position
        self.position = self.history.append(change)
        self._history_stamp = stamp_of(self.history.path)
        self.sheet.apply(edits)
        carried: list[Move] = []
        try:
            for move in moves if carrying else ():
                carry(self.workspace, move)
                carried.append(move)
            if moves or len(self.sheet.scores) <= self._at_once:
                self._write()
            else:
                self._write_later()
        except (BeholderError, OSError):
            self._take_back(change, before, carried)
            raise
        return change

    def take_news(self) -> list[Change]:
        """Return the edits by other programs that were found since this was last asked; they are recorded first.

        In a workspace that can't be written they are returned without being recorded, with seq 0.
        """
        with self._mutex:
            self._refresh()
            found = self._outside.edits if self._outside and not self._outside.is_first else ()
            was_cut_short = self._file is not None and not self._is_noted and self.position != BEGINNING
            if found or was_cut_short or self._moving:
                try:
                    with locked_scores(self.workspace):
                        self._settle()
                except NeedMissing:  # nothing can be recorded here, but told
                    if found and found != self._told:
                        self._told = found
                        self._news.append(Change(0, self._now(), "", "outside", found))
            return self._taken()

    def flush(self) -> None:
        """Let ``scores.txt`` follow now.

        Raises:
            BeholderError: it can't be written; what was scored is in the history all the same.
        """
        with self._mutex:
            self._is_late |= self._timer is not None  # until it is done
            self._stop_timer()
            self._refresh()
            if self._file is None or self._file.position != self.position:
                self._is_late = True
                with locked_scores(self.workspace):
                    self._settle()
                    if self._file is None or self._file.position != self.position:
                        self._write()
            self._is_late = False

    def close(self) -> None:
        """Write what this store has not written yet."""
        with self._mutex:
            if self._timer is not None or self._is_late:
                self.flush()

    # --- reading

    def _refresh(self) -> None:
        seen = (stamp_of(self.workspace.scores_file), self.scale)
        if seen == self._seen:
            if self._file is not None and self._follow():
                return
            if self._outside is not None and self._history_stamp == stamp_of(self.history.path):
                return
        self._read()

    def _read(self) -> None:
        """Find out what the file is: a text of ours, which the history completes, or another program's."""
        synced, is_note, content, stamp = read_both(self._note, self.workspace.scores_file)
        scale = self.scale
        version = synced.find(digest(content), time_of(stamp)) if synced else None
        if not is_note and content is None and not self.history.size():
            version = NO_FILE
        if version is not None and not self.history.holds(version.position):
            version = None
        may_follow = self._file is not None and self._read_scale == scale
        self._seen = None
        if version is not None and may_follow and self._follow():
            self.sheet.comments = comment_lines(content or b"")
        elif version is not None:
            self._open(version, parse_scores(content or b"", scale, self.workspace.scores_file), synced)
        else:
            text = parse_scores(content or b"", scale, self.workspace.scores_file)
            known = synced if synced and self.history.holds(synced.current.position) else None
            self._compare(text, digest(content), known, is_note and synced is None)
        self._file = version
        self._is_noted = synced is not None and version == synced.current
        self._stamp, self._read_scale = stamp, scale
        self._seen = None if is_fresh(stamp) else (stamp, scale)

    def _follow(self) -> bool:
        """Take in what was appended to the history; say False where it is not the same history any more."""
        stamp = stamp_of(self.history.path)
        if stamp != self._history_stamp:
            if not self.history.holds(self.position):
                return False
            self._take(self.history.after(self.position))
            self._history_stamp = stamp
        if self._moving:
            self._moving = self._unfinished(self._moving, read_synced(self._note)[0])
        return True

    def _take(self, changes: Sequence[Placed]) -> None:
        for change, position in changes:
            self.sheet.apply(change.edits)
            self.position = position
            if change.moves:
                self._moving.append((change, position))
            if change.kind == "outside" and change.seq:
                self._news.append(change)

    def _open(self, version: Version, text: ScoreText, synced: Synced | None) -> None:
        """Take a text of ours, and what the history has beyond it."""
        self._hear()
        self._history_stamp = stamp_of(self.history.path)
        changes = self.history.after(version.position)
        self.position = changes[-1][1] if changes else version.position
        self.sheet = Sheet(text)
        for change, _ in changes:
            self.sheet.apply(change.edits)
        self._moving = self._unfinished([placed for placed in changes if placed[0].moves], synced)
        self._outside = None

    def _compare(self, text: ScoreText, sha256: str, known: Synced | None, is_lost: bool) -> None:
        """Take another program's text: what it changed goes on top of what is there."""
        self._hear()
        self._history_stamp = stamp_of(self.history.path)
        changes = self.history.after(BEGINNING)
        self.position = changes[-1][1] if changes else BEGINNING
        since = _written(self._clock() - _STALE)
        edits, base = outside_edits(text.scores, changes, known, since, is_lost=is_lost)
        present = replay(change for change, _ in changes)
        self.sheet = Sheet(ScoreText(present, text.comments))
        self.sheet.apply(edits)
        self._moving = []
        if known is not None:
            self._moving = self._unfinished([placed for placed in changes if placed[0].moves], known)
        stands = self.sheet.scores == text.scores
        is_first = known is None and self.position == BEGINNING
        self._outside = _Outside(tuple(edits), Version(sha256, base), is_first, stands)

    def _hear(self) -> None:
        """Note what other programs did since the last look, before everything is read anew."""
        if self.position != BEGINNING and self.history.holds(self.position):
            fresh = self.history.after(self.position)
            self._news += [change for change, _ in fresh if change.kind == "outside" and change.seq]

    def _unfinished(self, moving: Sequence[Placed], synced: Synced | None) -> list[Placed]:
        end = synced.current.position.end if synced else self.position.end
        return [(change, position) for change, position in moving if position.end > end]

    # --- writing, under the lock

    def _settle(self) -> None:
        """Bring the disk into order before a change: no edit unrecorded, no move half done, the file noted."""
        self._refresh()
        for change, _ in self._moving:
            for move in change.moves:
                finish(self.workspace, move)
        if self._outside is not None:
            self._record(self._outside)
        elif self._moving or (not self._is_noted and self.position != BEGINNING):
            self._write()  # a crash came between the note and the file, or before the note
        elif not self._is_noted:
            write_synced(self._note, Synced(NO_FILE))
            self._is_noted = True
        self._moving = []

    def _record(self, found: _Outside) -> None:
        """Put another program's edit into the history; the sheet has it already."""
        if found.edits:
            seq = 0 if found.is_first else self.position.seq + 1
            change = Change(seq, self._now(), "", "outside", found.edits)
            self.position = self.history.append(change)
            self._history_stamp = stamp_of(self.history.path)
            if seq:
                self._news.append(change)
        self._outside, self._is_noted = None, True
        if found.stands:
            self._file = Version(found.version.sha256, self.position)
            write_synced(self._note, Synced(self._file))
        else:
            self._file = found.version
            self._write()

    def _write(self) -> None:
        """Replace the file. The note goes first: whenever this is cut short, the file is one of the two noted."""
        assert self._file is not None
        path, before = self.workspace.scores_file, self._file
        content = self.sheet.content()
        version = Version(digest(content), self.position)
        is_same = version.sha256 == before.sha256
        write_synced(self._note, Synced(version, None if is_same else before, time_of(self._stamp)))
        self._moving = []
        if not is_same:
            if stamp_of(path) != self._stamp:
                self._write_later()  # another program was quicker; the next look takes its edit in first
                return
            write_bytes(path, content)
            with contextlib.suppress(BeholderError):  # done all the same; the note then names one text too many
                write_synced(self._note, Synced(version))
            self._stamp = stamp_of(path)
            self._seen = None if is_fresh(self._stamp) else (self._stamp, self._read_scale)
        self._file, self._is_noted, self._is_late = version, True, False

    def _take_back(self, change: Change, before: Position, carried: Sequence[Move]) -> None:
        """Let a change not have happened, after a later step of it failed."""
        appended, file = self.position, self._file
        self._file = self._seen = None  # where this fails too, the disk is read anew
        for move in reversed(carried):
            carry(self.workspace, move._replace(out=not move.out))
        self.history.cut(appended)
        self._history_stamp = stamp_of(self.history.path)
        self.position, self._file = before, file
        self.sheet.apply([Edit(edit.name, edit.new, edit.old) for edit in change.edits])
        if stamp_of(self.workspace.scores_file) != self._stamp:
            self._stamp = stamp_of(self.workspace.scores_file)
            self._write()

    def _write_later(self) -> None:
        if self._timer is not None:
            return
        self._timer = threading.Timer(_DELAY, self._flush_quietly)
        self._timer.daemon = True
        atexit.register(self._flush_quietly)
        try:
            self._timer.start()
        except RuntimeError:  # Python is ending and starts no more threads
            self._stop_timer()
            self._write()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            atexit.unregister(self._flush_quietly)

    def _flush_quietly(self) -> None:
        # Nobody listens here, and nothing is lost: the next change or `close` tells what is wrong.
        with contextlib.suppress(BeholderError):
            self.flush()

    def _taken(self) -> list[Change]:
        news, self._news = self._news, []
        return news

    def _now(self) -> str:
        return _written(self._clock())


def _written(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
