"""Remove from a workspace's caches what nobody will ask for again, and give the room back to the disk.

Everything here can be made again: what is removed by mistake costs time and nothing else. Jobs may write meanwhile:
removals are short transactions, and room is given back in pieces.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cache_plan import PruneWish, VectorPlan
from engine.cache_survey import cache_bytes
from engine.errors import DamagedFile
from engine.events import Progress, StopCheck, never_stop, raise_if_stopped
from engine.features.cache_file import LaterLayout, give_space_back, open_cache_file
from engine.features.kept_networks import KeptNetwork, kept_networks, remove_network
from engine.kept_thumbnails import Thumbnail, list_thumbnails, needless_thumbnails, thumbnails_in
from engine.storage import disk_error, disk_errors
from engine.workspace import Workspace

__all__ = ["PruneReport", "PruneWish", "prune_cache"]

_ROWS = 500  # removed at a time; others write in between
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class PruneReport:
    """What was removed, or would be.

    Args:
        dry_run: nothing was removed.
        stale: vectors that no network or model of today has a use for. gone: those of photos that are gone.
        old: those that nobody asked for in the given time. over: those that were too many.
        files: file names that are forgotten. out_of_reach: those that were left alone, because their whole folder is
            missing or empty.
        thumbnails: small pictures. networks: converted networks of the user's cache folder.
        bytes_before: what the workspace's caches took, with the converted networks that are removed.
        bytes_after: what they take now; of a dry run an estimate.
        complete: whether all room was given back; else another program has the file open, and the next time will do it.
    """

    dry_run: bool
    stale: int
    gone: int
    old: int
    over: int
    files: int
    out_of_reach: int
    thumbnails: int
    networks: int
    bytes_before: int
    bytes_after: int
    complete: bool = True

    @property
    def vectors(self) -> int:
        """How many vectors in all."""
        return self.stale + self.gone + self.old + self.over

    @property
    def freed(self) -> int:
        """How many bytes the disk has, or would have, more."""
        return max(self.bytes_before - self.bytes_after, 0)

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing to remove."""
        return not (self.vectors or self.files or self.thumbnails or self.networks)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**vars(self), "vectors": self.vectors, "freed": self.freed}


def prune_cache(
    workspace: Workspace,
    wish: PruneWish,
    now: float,
    *,
    dry_run: bool = False,
    tell: Callable[[Progress], object] = lambda progress: None,
    should_stop: StopCheck = never_stop,
) -> PruneReport:
    """Remove what nobody will ask for again.

    Args:
        workspace: whose caches.
        wish: what is to be removed.
        now: seconds since 1970.
        dry_run: only say what would be.
        tell: is told how far it is.
        should_stop: asked between the pieces; what was removed by then stays removed.

    Raises:
        DamagedFile: the vectors can't be read, or a later version wrote them.
        NeedMissing: the disk is full. Interrupted: `should_stop` said so.
    """
    before = cache_bytes(workspace.features_file)
    with _Vectors.opened(workspace, wish, now) as vectors:
        pictures = [] if wish.only_stale else _pictures(workspace, wish, now, vectors)
        networks = [] if wish.older_than is None else _unused_networks(now - wish.older_than * _DAY_SECONDS)
        small = thumbnails_in(workspace.thumbnails).bytes
        before += small + sum(network.bytes for network in networks)
        after = vectors.bytes_left + small - sum(picture.bytes for picture in pictures)
        files, out_of_reach = vectors.files, vectors.out_of_reach
        complete = True
        if not dry_run:
            complete = vectors.remove(tell, should_stop)
            for picture in pictures:
                raise_if_stopped(should_stop)
                with contextlib.suppress(OSError):  # another program was faster
                    picture.file.unlink()
            for network in networks:
                remove_network(network)
    if not dry_run:  # closing the file is what shrinks it to the end
        after = cache_bytes(workspace.features_file) + thumbnails_in(workspace.thumbnails).bytes
    return PruneReport(
        dry_run,
        **vectors.counts,
        files=files,
        out_of_reach=out_of_reach,
        thumbnails=len(pictures),
        networks=len(networks),
        bytes_before=before,
        bytes_after=max(after, 0),
        complete=complete,
    )


class _Vectors:
    """The file of vectors while it is pruned; there may be none."""

    def __init__(self, file: Path, base: sqlite3.Connection | None, plan: VectorPlan | None) -> None:
        self._file, self._base, self._plan = file, base, plan
        self.files = plan.files if plan else 0
        self.out_of_reach = plan.out_of_reach if plan else 0

    @classmethod
    @contextlib.contextmanager
    def opened(cls, workspace: Workspace, wish: PruneWish, now: float) -> Iterator[_Vectors]:
        """Open the file and work out what is to be removed."""
        file, today = workspace.features_file, int(now // _DAY_SECONDS)
        if not file.is_file():
            yield cls(file, None, None)
            return
        with _our_errors(file), contextlib.closing(open_cache_file(file, today)) as base:
            yield cls(file, base, VectorPlan(base, workspace, wish, today))

    @property
    def counts(self) -> dict[str, int]:
        """How many vectors are removed, by why."""
        return {name: getattr(self._plan, name) if self._plan else 0 for name in ("stale", "gone", "old", "over")}

    @property
    def bytes_left(self) -> int:
        """What the file will take, about."""
        return self._plan.bytes_left if self._plan else 0

    def keep_under(self, allowed: int) -> None:
        """Remove more, until only so many bytes are left."""
        if self._plan is not None:
            self._plan.keep_under(allowed)

    def contents_left(self) -> set[str]:
        """Return the contents of photos that are there, as far as they are known here."""
        return self._plan.contents_left() if self._plan else set()

    def remove(self, tell: Callable[[Progress], object], should_stop: StopCheck) -> bool:
        """Remove what was worked out and give its room back; return whether all of it was."""
        with disk_errors(self._file.parent):
            self._file.with_name(f"{self._file.name}.damaged").unlink(missing_ok=True)
        if self._base is None:
            return True
        work = {
            "DELETE FROM features WHERE hash = ? AND fingerprint = ?": "SELECT hash, fingerprint FROM doomed",
            "DELETE FROM files WHERE path = ?": "SELECT path FROM lost",
        }
        rows = [(query, row) for query, which in work.items() for row in self._base.execute(which).fetchall()]
        for at in range(0, len(rows), _ROWS):
            raise_if_stopped(should_stop)
            self._write(rows[at : at + _ROWS])
            tell(Progress("pruning", min(at + _ROWS, len(rows)), len(rows)))
        return give_space_back(self._base, self._file)

    def _write(self, rows: Sequence[tuple[str, tuple[object, ...]]]) -> None:
        assert self._base is not None
        self._base.execute("BEGIN IMMEDIATE")
        try:
            for query, row in rows:
                self._base.execute(query, row)
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise


def _pictures(workspace: Workspace, wish: PruneWish, now: float, vectors: _Vectors) -> list[Thumbnail]:
    """Return the small pictures to be removed; where space is short, have vectors removed in proportion."""
    folder = workspace.thumbnails
    found = needless_thumbnails(folder, vectors.contents_left(), out_of_reach_too=wish.out_of_reach)
    files = {picture.file for picture in found}
    rest = sorted((each for each in list_thumbnails(folder) if each.file not in files), key=lambda each: each.seen)
    if wish.older_than is not None:
        old = [picture for picture in rest if picture.seen < now - wish.older_than * _DAY_SECONDS]
        found, rest = found + old, rest[len(old) :]
    if wish.keep_under is not None:
        small = sum(picture.bytes for picture in rest)
        whole = small + vectors.bytes_left
        share = min(wish.keep_under / whole, 1.0) if whole else 1.0
        vectors.keep_under(int(share * vectors.bytes_left))
        allowed = share * small
        for picture in rest:
            if small <= allowed:
                break
            found.append(picture)
            small -= picture.bytes
    return found


def _unused_networks(limit: float) -> list[KeptNetwork]:
    return [network for network in kept_networks() if network.used < limit]


@contextlib.contextmanager
def _our_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except LaterLayout as error:
        raise DamagedFile(
            "The feature cache {path} was made by a later version of beholder.",
            remedy="Install that version, or delete the file: everything in it can be computed again.",
            path=file,
        ) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise disk_error(OSError(errno.ENOSPC, ""), file) from error
        if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
            raise disk_error(PermissionError(errno.EACCES, ""), file) from error
        raise DamagedFile(
            "The feature cache {path} can't be read: {cause}.",
            remedy="Run the same again; if it stays so, delete the file: everything in it can be computed again.",
            path=file,
            cause=str(error).rstrip("."),
        ) from error
