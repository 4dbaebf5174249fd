"""Write a gallery of the best photos: a single page with the pictures inside, which loads nothing from anywhere."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from engine.errors import Message, UsageError
from engine.events import Notice, Progress, StopCheck, never_stop
from engine.outputs.gallery_choice import Choice, Links, Names
from engine.outputs.gallery_page import MARK, Card, ScoreText, card, head, tail
from engine.outputs.gallery_pictures import Pictures, make_pictures
from engine.outputs.gallery_words import ENGLISH
from engine.outputs.report_words import Words
from engine.outputs.sidecars import default_thresholds, stars_of
from engine.storage import disk_error, disk_errors, replacing
from engine.thumbnails import Thumbnails
from engine.workspace import Scale

MOST = 2000
"""How many photos one page shows."""

_HEAD = 1000


def check_place(out: Path) -> Path:
    """Return where a gallery will be written, links followed; refuse what can't be, before any work is done.

    Args:
        out: the file. One that is there may be replaced if it is a gallery.

    Raises:
        UsageError: it is a folder, or another file than a gallery.
        NotFound: its folder is not there. NeedMissing: no permission. BeholderError: it can't be read.
    """
    target = out if _is_device(out) else Path(os.path.realpath(out))
    if target.is_dir():
        raise UsageError(
            "{path} is a folder.", remedy="Name the file that the gallery is to be written to.", path=target
        )
    written = target if _is_device(target) else target.parent
    with disk_errors(written):
        written.stat()
    if not os.access(written, os.W_OK):
        raise disk_error(OSError(errno.EACCES, ""), written)
    if target.is_file():
        with disk_errors(target), target.open("rb") as data:
            start = data.read(_HEAD)
        if start and MARK.encode() not in start:
            raise UsageError(
                "{path} is there already and is not a gallery.",
                remedy="Choose another name, or remove it first.",
                path=target,
            )
    return target


def write_gallery(
    rows: Iterable[Mapping[str, Any]],
    out: Path,
    *,
    words: Mapping[str, str],
    title: str,
    scale: Scale,
    should_stop: StopCheck = never_stop,
    thresholds: Sequence[float] | None = None,
    thumbnails: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress | Notice]:
    """Write the best photos as one self-contained HTML page, each picture going into the file when it is made.

    Memory does not grow with the number of rows: only the best `MOST` and the first failures are kept. With its
    small pictures of about 10 kB and the large ones of the best hundred, of about 100 kB, a full page has 40 MB.

    Args:
        rows: in the contract's columns; a row without a score is listed with its ``error`` at the page's end.
        out: the file; a gallery that is there is replaced when the new one is complete, and not before.
        words: the page's words by the keys of `engine.outputs.gallery_words.ENGLISH`; English where one is missing.
        title: of the page.
        scale: of the scores.
        should_stop: asked before each picture.
        thresholds: the scores from which a photo has 2, 3, 4 and 5 stars; fifths of the scale if None.
        thumbnails: the workspace's folder of small pictures, used and filled; None keeps none.
        clock: seconds, for the rate.

    Yields:
        `Progress` of the phase ``gallery``; a `Notice` where there are more photos than the page shows.

    Raises:
        UsageError, NotFound, NeedMissing: see `check_place`; raised before the first row is asked for.
        Interrupted: `should_stop` said so; what was there before is untouched, as with any error.
    """
    target = check_place(out)
    with contextlib.ExitStack() as held:
        page = held.enter_context(_opened(target))
        choice = Choice.of(rows, MOST)
        total = len(choice.best)
        if choice.total > total:
            yield Notice(
                Message("The gallery shows the best {shown} of {n} photos.", {"shown": total, "n": choice.total})
            )
        kept = held.enter_context(contextlib.closing(Thumbnails(thumbnails)))
        look = _Look(
            choice, Words(words, ENGLISH), title, scale, tuple(thresholds or default_thresholds(scale)), target
        )
        pictures = held.enter_context(
            contextlib.closing(make_pictures([photo.path for photo in choice.best], kept, should_stop))
        )
        yield Progress("gallery", 0, total)
        started = clock()
        for done, piece in enumerate(look.pieces(pictures)):
            page.write(piece.encode("utf-8", "backslashreplace"))
            if 0 < done <= total:  # the first piece is the head, the last one the tail
                rate = done / max(clock() - started, 1e-9)
                yield Progress("gallery", done, total, rate, (total - done) / rate)


def _is_device(target: Path) -> bool:
    return target.exists() and not target.is_file() and not target.is_dir()


@contextlib.contextmanager
def _opened(target: Path) -> Iterator[BinaryIO]:
    """Open the new page beside the old one; a device or a pipe as it is."""
    if _is_device(target):
        with disk_errors(target), target.open("wb") as page:
            yield page
    else:
        with replacing(target) as page:
            yield page


@dataclass(frozen=True)
class _Look:
    """How the photos of one page are shown."""

    choice: Choice
    words: Words
    title: str
    scale: Scale
    thresholds: tuple[float, ...]
    target: Path

    def pieces(self, pictures: Iterable[Pictures]) -> Iterator[str]:
        """Yield the page: its head, each photo, its tail."""
        choice, words, score = self.choice, self.words, ScoreText(self.scale.span)
        names = Names([photo.path for photo in choice.best])
        links = (lambda path: "") if _is_device(self.target) else Links(self.target)
        yield head(self.title, total=choice.total, shown=len(choice.best), models=choice.models(), words=words)
        count = size = 0
        for rank, (photo, (small, large)) in enumerate(zip(choice.best, pictures, strict=True), 1):
            stars = stars_of(photo.score, self.thresholds)
            name, place = names(photo.path), names.place(photo.path)
            shown = Card(name, place, rank, photo.score, photo.low, photo.high, stars, links(photo.path), small, large)
            piece = card(shown, score, words)
            count, size = count + (small is not None), size + len(piece)
            yield piece
        failed = [(names(path), reason) for path, reason in choice.failed]
        said = words.plain("size", pictures=count, megabytes=f"{size / 1e6:.1f}") if count else ""
        yield tail(failed, choice.failures - len(failed), said, words)
