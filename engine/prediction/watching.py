"""Watch folders for new and changed photos; a photo that is still being written waits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from engine.errors import BeholderError, Message, NotFound, UsageError
from engine.events import Notice
from engine.images import find_images, is_picture_name, open_image
from engine.mounts import file_system_of, is_remote

_LOOK_MS = 200
_POLL_MS = 2000
_GONE_EVERY = 5.0
_MOST_REMEMBERED = 10_000
_PROBE = (64, 64)


@dataclass
class _Waiting:
    """A photo that may still be written: its size and time, since when they are so, when to try again to decode it."""

    stamp: tuple[int, int]
    since: float
    next_try: float = 0.0


class Watch:
    """Folders under watch, from the moment it is made; a context manager.

    Args:
        folders: what to watch.
        recursive: with the folders in them.
        settle: seconds for which a photo's size and time must stay the same.
        patience: seconds after which a file that is no picture is given up on, until it changes again.
        poll: look at all files every two seconds, for disks that report nothing; None finds out.
        timer: tells seconds.

    Attributes:
        notices: what there is to say about how it watches.

    Raises:
        UsageError: there is no folder among them.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        recursive: bool = True,
        settle: float = 1.0,
        patience: float = 10.0,
        poll: bool | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = [folder for folder in folders if folder.is_dir()]
        if not self._folders:
            raise UsageError(
                "There is no folder to watch.", remedy="Name one, such as: beholder predict FOLDER --watch"
            )
        self._recursive, self._settle, self._patience, self._timer = recursive, settle, patience, timer
        self.notices: list[Notice] = []
        self._waiting: dict[Path, _Waiting] = {}
        self._new_folders: dict[Path, float] = {}
        self._told: dict[Path, tuple[int, int]] = {}
        self._begun = time.time_ns()
        remote = any(is_remote(file_system_of(folder.resolve())) for folder in self._folders)
        self._notifier = self._open(remote if poll is None else poll)

    def _open(self, poll: bool) -> Any:
        from watchfiles._rust_notify import RustNotify

        # watchfiles.watch() would begin only when its first change is asked for
        names = [os.fspath(folder) for folder in self._folders]
        try:
            return RustNotify(names, False, poll, _POLL_MS, self._recursive, True)
        except (OSError, RuntimeError) as error:
            if poll:
                raise BeholderError(
                    "The folders can't be watched: {cause}.",
                    remedy="Run the command again without --watch, now and then, with --resume.",
                    cause=str(error),
                ) from error
            self.notices.append(
                Notice(
                    Message(
                        "The system can't report changes ({cause}), so the folders are looked through every {n} s.",
                        {"cause": str(error), "n": _POLL_MS // 1000},
                    )
                )
            )
            return self._open(True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._notifier.close()

    def takes(self, path: Path) -> bool:
        """Take care of a photo that was changed just now or since the watch began: it may still be written."""
        try:
            state = path.stat()
        except OSError:
            return False
        if state.st_ctime_ns < self._begun - int(self._settle * 1e9):
            return False
        self._offer(path)
        return True

    def __iter__(self) -> Iterator[Path | None]:
        """Yield each photo once it is whole, for ever; None whenever there is none.

        Raises:
            NotFound: the watched folders are gone.
        """
        looked = self._timer()
        while True:
            self._take_changes()
            self._look_into_new_folders()
            for path in list(self._waiting):
                if self._is_ready(path):
                    yield path
            if self._timer() - looked >= _GONE_EVERY:
                looked = self._timer()
                if not any(folder.is_dir() for folder in self._folders):
                    raise NotFound(
                        "The watched folder {path} is gone.", remedy="Make it and start again.", path=self._folders[0]
                    )
            yield None

    def _take_changes(self) -> None:
        changes = self._notifier.watch(_LOOK_MS, 50, _LOOK_MS, None)
        if isinstance(changes, str):
            return  # there are none
        for _, name in changes:
            path = Path(name)
            if self._is_hidden(path):
                continue
            if path.is_dir():
                if self._recursive and path not in self._folders:
                    self._new_folders[path] = self._timer() - self._settle
            elif is_picture_name(path.name):
                self._offer(path)

    def _is_hidden(self, path: Path) -> bool:
        for folder in self._folders:
            if path.is_relative_to(folder):
                return any(part.startswith(".") for part in path.relative_to(folder).parts)
        return False

    def _look_into_new_folders(self) -> None:
        """Offer what a folder brought along when it was moved here, and what came before it was watched."""
        now = self._timer()
        for folder, since in list(self._new_folders.items()):
            if now - since < self._settle:
                continue
            if since > now - 2 * self._settle:
                del self._new_folders[folder]  # this is the second look
            else:
                self._new_folders[folder] = now
            try:
                self._offer_all(find_images(folder))
            except BeholderError:
                self._new_folders.pop(folder, None)  # gone again

    def _offer_all(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._offer(path)

    def _offer(self, path: Path) -> None:
        stamp = _stamp(path)
        if stamp is not None and self._told.get(path) != stamp:
            waiting = self._waiting.get(path)
            if waiting is None or waiting.stamp != stamp:
                self._waiting[path] = _Waiting(stamp, self._timer())

    def _is_ready(self, path: Path) -> bool:
        """Say whether a photo is whole by now; one that is gone, or known as it is, waits no more."""
        waiting, stamp, now = self._waiting[path], _stamp(path), self._timer()
        if stamp is None:
            del self._waiting[path]
            return False
        if stamp != waiting.stamp:
            self._waiting[path] = _Waiting(stamp, now)
            return False
        still = now - waiting.since
        if still < self._settle or now < waiting.next_try:
            return False
        if still < self._patience and not _is_whole(path):
            waiting.next_try = now + self._settle
            return False
        del self._waiting[path]
        self._told.pop(path, None)
        self._told[path] = stamp
        for _ in range(len(self._told) - _MOST_REMEMBERED):
            del self._told[next(iter(self._told))]
        return True


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _is_whole(path: Path) -> bool:
    try:
        open_image(path, target=_PROBE)
    except BeholderError:
        return False
    return True
