"""Which photos are meant: files, folders and wildcards become photos one by one, as they are asked for."""

from __future__ import annotations

import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engine.errors import BeholderError, Message, NotFound
from engine.features.extract import Embedded
from engine.images import find_images, is_picture_name
from engine.prediction.known_paths import KnownPaths
from engine.prediction.wildcards import expand, has_wildcard
from engine.storage import disk_errors

_MOST_HELD_BACK = 1000


class Gathering:
    """The photos that a list of paths stands for; each of them once, nothing kept but what that takes.

    Args:
        words: files, folders and patterns; None says that the next one may take a while.
        recursive: look into the folders' folders too.
        done: photos that need no work; those among them that were not changed since are left out.
        single: `words` is one path, so that no photo can come twice and none has to be remembered.
        postpone: says of a photo that somebody else takes care of it.

    Attributes:
        skipped: how many photos were left out because they are done.
    """

    def __init__(
        self,
        words: Iterable[Path | None],
        *,
        recursive: bool = True,
        done: KnownPaths | None = None,
        single: bool = False,
        postpone: Callable[[Path], bool] | None = None,
    ) -> None:
        self._words, self._recursive, self._done, self._single = words, recursive, done, single
        self._postpone = postpone
        self._lost: deque[Embedded] = deque()
        self.skipped = 0

    def __iter__(self) -> Iterator[Path | Embedded | None]:
        """Yield photos, what can't be looked at as an `Embedded` with the reason, and None where it may take a while.

        Raises:
            NotFound: none of the paths exists, or there is no picture in them.
        """
        seen = KnownPaths()
        first: Path | None = None
        missing: list[Embedded] = []
        anything = False
        for word in self._words:
            if word is None:
                yield None
                continue
            first = first or word
            for item in self._of(word):
                path = item.path if isinstance(item, Embedded) else item
                if not self._single and seen.add(os.fspath(path)):
                    continue
                if isinstance(item, Embedded) and item.error == _MISSING and not anything:
                    missing.append(item)  # where nothing else comes, that is one error and no table
                    anything = len(missing) >= _MOST_HELD_BACK
                    continue
                anything = True
                yield from missing
                missing.clear()
                yield item
            anything = anything or self.skipped > 0
        if anything:
            yield from missing
        elif missing:
            raise NotFound("There is no {path}.", remedy="Check the spelling of the path.", path=missing[0].path)
        elif self._postpone is None:
            raise NotFound(
                "There is no picture in {path}.",
                remedy="beholder reads JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC and camera RAW.",
                path=first or Path(),
            )

    def _of(self, word: Path) -> Iterator[Path | Embedded]:
        try:
            with disk_errors(word):
                mode = word.stat().st_mode
            if stat.S_ISDIR(mode):
                yield from self._of_folder(word)
            elif not stat.S_ISREG(mode):
                yield _lost(word, Message("It is not a file."))
            elif self._is_wanted(word):
                yield word
        except NotFound:
            if has_wildcard(word):
                yield from self._of_pattern(word)
            else:
                yield _lost(word, _MISSING)
        except BeholderError as error:
            yield _lost(word, error.message)
        except ValueError:
            yield _lost(word, Message("No file can have this name."))

    def _of_pattern(self, pattern: Path) -> Iterator[Path | Embedded]:
        found = False
        for path in expand(pattern):
            found = True
            yield from self._of(path)
        if not found:
            yield _lost(pattern, _MISSING)

    def _of_folder(self, folder: Path) -> Iterator[Path | Embedded]:
        def lose(path: Path, reason: Message) -> None:
            self._lost.append(_lost(path, reason))

        pass_over = None if self._done is None else self._passing_over
        for path in find_images(folder, recursive=self._recursive, on_problem=lose, pass_over=pass_over):
            while self._lost:
                yield self._lost.popleft()
            if self._postpone is None or not self._postpone(path):
                yield path
        while self._lost:
            yield self._lost.popleft()

    def _passing_over(self, folder: Path) -> Callable[[os.DirEntry[str]], bool] | None:
        assert self._done is not None
        holds = self._done.pass_over(folder)
        if holds is None:
            return None

        def count(entry: os.DirEntry[str]) -> bool:
            known = holds(entry)
            self.skipped += known
            return known

        return count

    def _is_wanted(self, path: Path) -> bool:
        if self._done is not None and self._done.holds(path):
            self.skipped += 1
            return False
        return self._postpone is None or not self._postpone(path)


_MISSING = Message("There is no such file.")


def _lost(path: Path, reason: Message) -> Embedded:
    return Embedded(path, None, "", reason)


class Count:
    """How many photos some paths stand for, counted in a thread; a context manager.

    Args:
        words: files, folders and patterns.
        recursive: look into the folders' folders too.

    Attributes:
        total: the number, an estimate where paths overlap; None until it is known.
    """

    def __init__(self, words: Iterable[Path], *, recursive: bool = True) -> None:
        self._words, self._recursive = list(words), recursive
        self._over = threading.Event()
        self.total: int | None = None
        self._thread = threading.Thread(target=self._count, name="count", daemon=True)

    def __enter__(self) -> Count:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _count(self) -> None:
        total, seen = 0, set[tuple[int, int]]()
        for word in self._words:
            found = expand(word) if has_wildcard(word) and not os.path.lexists(word) else iter((word,))
            for path in found:
                try:
                    status = path.stat()
                except (OSError, ValueError):
                    total += 1
                    continue
                total += self._in_folder(path, status, seen) if stat.S_ISDIR(status.st_mode) else 1
                if self._over.is_set():
                    return
        self.total = total

    def _in_folder(self, top: Path, status: os.stat_result, seen: set[tuple[int, int]]) -> int:
        total, waiting = 0, [(os.fspath(top), (status.st_dev, status.st_ino))]
        while waiting and not self._over.is_set():
            folder, identity = waiting.pop()
            if identity in seen:
                continue
            seen.add(identity)
            try:
                with os.scandir(folder) as listing:
                    for entry in listing:
                        if is_picture_name(entry.name) and not entry.is_dir():
                            total += 1
                        elif self._recursive and not entry.name.startswith(".") and entry.is_dir():
                            status = entry.stat()
                            waiting.append((entry.path, (status.st_dev, status.st_ino)))
            except OSError:
                continue
        return total
