"""Download a backbone's weights: resumed where it broke off, checked by its hash, in place only when it is whole."""

from __future__ import annotations

import contextlib
import http.client
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout

from engine.errors import DamagedFile, Interrupted, Message, NeedMissing, UsageError
from engine.events import Event, Notice, Phase, Progress, StopCheck, never_stop
from engine.features.adding import add_weights
from engine.features.backbones import Backbone
from engine.features.publishers import Remote, gone, login_wanted, no_connection, remote_of
from engine.features.weights import cache_folder, file_stem, hub_folder, own_file
from engine.storage import content_hash, disk_errors, require_space, sync_folder

_CHUNK = 1 << 18
_TIMEOUT = 20.0
_SECONDS_BETWEEN_PROGRESS = 0.2
_PAUSES = (1.0, 3.0, 9.0)  # seconds before each new attempt that follows one without progress
_SPARE = 50_000_000
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _BrokenOff(Exception):
    """The transfer ended before its time; what came is in the part file."""


def fetch(
    backbone: Backbone,
    *,
    remote: Remote | None = None,
    should_stop: StopCheck = never_stop,
    pauses: Sequence[float] = _PAUSES,
) -> Generator[Event, None, Path]:
    """Get a backbone's weights from its publisher, unless they are here already.

    torchvision's go where torchvision itself keeps them; timm's are checked against the network and kept as
    `engine.features.adding.add_weights` keeps a file.

    Args:
        backbone: which network.
        remote: where they are, if not at their publisher's.
        should_stop: asked between two pieces; what has come by then is kept, and the next fetch goes on from there.
        pauses: seconds before each new attempt.

    Yields:
        Phase ``download`` with `Progress` in bytes, phase ``checking``, notices.

    Returns:
        The file.

    Raises:
        NeedMissing: no connection, a login is wanted, the disk is full, or they come with a package.
        NotFound: there is nothing at the address. DamagedFile: what came is not what was published.
        UsageError: another program is at it. Interrupted: `should_stop` said so.
    """
    known = yield from _at_hand(backbone)
    if known is not None:
        return known
    yield Phase("connecting")
    found = remote or remote_of(backbone)
    if isinstance(found, Path):
        return add_weights(backbone, found).path
    if backbone.licence not in {"Apache-2.0", "BSD-3-Clause", "apache-2.0", "mit", "bsd-3-clause"}:
        values = {"backbone": backbone.name, "licence": backbone.licence}
        yield Notice(Message("The licence of {backbone}'s weights: {licence}.", values))
    if backbone.source == "torchvision":
        target = hub_folder() / backbone.weights_file.file
        yield from download(found, target, backbone=backbone.name, should_stop=should_stop, pauses=pauses)
        return target
    suffix = ".safetensors" if found.name.endswith(".safetensors") else ".pth"
    target = cache_folder() / "downloads" / f"{file_stem(backbone.name)}{suffix}"
    yield from download(found, target, backbone=backbone.name, should_stop=should_stop, pauses=pauses)
    try:
        return add_weights(backbone, target).path
    finally:
        target.unlink(missing_ok=True)


def _at_hand(backbone: Backbone) -> Generator[Event, None, Path | None]:
    path = own_file(backbone.name, backbone.weights_file)
    if path is None:
        return None
    try:
        backbone.find_weights()
    except DamagedFile as error:
        if backbone.source == "package":
            raise
        yield Notice(error.message)
        return None
    yield Notice(
        Message("The weights of {backbone} are here already: {path}.", {"backbone": backbone.name, "path": path})
    )
    return path


def download(
    remote: Remote,
    target: Path,
    *,
    backbone: str,
    should_stop: StopCheck = never_stop,
    pauses: Sequence[float] = _PAUSES,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Download a file to `target`, which has it whole or not at all; see `fetch`.

    Beside it lies ``target.part`` for as long as the file is not whole.
    """
    part = target.with_name(f"{target.name}.part")
    with disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target, backbone):
        resumed = _size(part) > 0
        while True:
            yield Phase("download")
            yield from _persist(remote, part, backbone, should_stop, pauses, clock)
            yield Phase("checking")
            if not remote.sha256 or content_hash(part).startswith(remote.sha256):
                break
            with disk_errors(part):
                part.unlink(missing_ok=True)
            if not resumed:
                raise DamagedFile(
                    "What came from {url} is not what was published: its checksum is wrong.",
                    remedy="Run the same again; if it stays so, something between here and there changes it: "
                    "download it elsewhere and add it: beholder backbones add {backbone} FILE",
                    url=remote.url,
                    backbone=backbone,
                )
            resumed = False
            yield Notice(Message("The part that was here did not fit the rest; everything is downloaded again."))
        with disk_errors(target):
            part.replace(target)
            sync_folder(target.parent)


@contextlib.contextmanager
def _alone(target: Path, backbone: str) -> Iterator[None]:
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with disk_errors(target.parent):
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(
                "Another program is downloading the weights of {backbone}.",
                remedy="Wait until it is done.",
                backbone=backbone,
            ) from error
    try:
        yield
    finally:
        lock.release()


def _persist(
    remote: Remote,
    part: Path,
    backbone: str,
    should_stop: StopCheck,
    pauses: Sequence[float],
    clock: Callable[[], float],
) -> Iterator[Event]:
    """Transfer until the part is whole; an attempt that brings something earns new ones."""
    waits = iter(pauses)
    while True:
        before = _size(part)
        try:
            yield from _transfer(remote, part, backbone, should_stop, clock)
            return
        except _BrokenOff as error:
            if _size(part) > before:
                waits = iter(pauses)
            wait = next(waits, None)
            if wait is None:
                raise NeedMissing(
                    "The connection to {url} broke off after {done} MB: {cause}.",
                    remedy="What has come is kept: run the same again to go on from there.",
                    url=remote.url,
                    done=round(_size(part) / 1e6, 1),
                    cause=str(error),
                ) from error
            yield Notice(Message("The connection broke off ({cause}); trying again.", {"cause": str(error)}))
            _wait(wait, should_stop, clock)


def _wait(seconds: float, should_stop: StopCheck, clock: Callable[[], float]) -> None:
    end = clock() + seconds
    while (left := end - clock()) > 0:
        _raise_if_stopped(should_stop)
        time.sleep(min(left, 0.1))


def _raise_if_stopped(should_stop: StopCheck) -> None:
    if should_stop():
        raise Interrupted("Stopped.", remedy="What has come is kept: run the same again to go on from there.")


def _transfer(
    remote: Remote, part: Path, backbone: str, should_stop: StopCheck, clock: Callable[[], float]
) -> Iterator[Event]:
    _raise_if_stopped(should_stop)
    answer = _opened(remote, part, backbone)
    if answer is None:
        return
    with contextlib.closing(answer):
        start, total = _place(answer, _size(part))
        total = remote.size if total is None else total
        if total is not None:
            require_space(part.parent, total - start + _SPARE)
        done, begun = start, clock()
        said = begun
        yield Progress("download", done, total)
        with disk_errors(part), part.open("r+b" if start else "wb") as out:
            out.seek(start)
            out.truncate()
            while piece := _read(answer):
                out.write(piece)
                done += len(piece)
                now = clock()
                if now - said >= _SECONDS_BETWEEN_PROGRESS:
                    said = now
                    rate = (done - start) / (now - begun)
                    yield Progress("download", done, total, rate, (total - done) / rate if total and rate else None)
                _raise_if_stopped(should_stop)
    if total is not None and done < total:
        raise _BrokenOff(f"{done} of {total} bytes")
    yield Progress("download", done, total or done)


def _opened(remote: Remote, part: Path, backbone: str) -> Any:
    """Return the server's answer, from the part's end on if it can; None where it has nothing beyond that."""
    had = _size(part)
    if urlsplit(remote.url).scheme not in {"http", "https"}:
        raise no_connection(backbone, remote.url, "not http")
    request = Request(remote.url, headers={"User-Agent": "beholder", "Accept-Encoding": "identity"})
    for name, value in remote.headers.items():
        request.add_unredirected_header(name, value)
    if had:
        request.add_header("Range", f"bytes={had}-")
    try:
        return urlopen(request, timeout=_TIMEOUT)
    except HTTPError as error:
        status, length = error.code, str(error.headers.get("Content-Range", "")).rpartition("/")[2]
        error.close()
        if status == 416 and had:
            if length == str(had):
                return None
            with disk_errors(part):
                part.unlink(missing_ok=True)
        if status in {404, 410}:
            raise gone(backbone, remote.url) from error
        if status in {401, 403}:
            raise login_wanted(backbone, remote.url, status) from error
        raise _BrokenOff(f"HTTP {status}") from error
    except URLError as error:
        raise no_connection(backbone, remote.url, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOff(str(error) or type(error).__name__) from error


def _place(answer: Any, had: int) -> tuple[int, int | None]:
    """Return from which byte on the answer goes, and how long the whole file is."""
    if answer.status == 206:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if found is None or int(found[1]) != had:
            raise _BrokenOff("another part than was asked for")
        return had, int(found[2]) if found[2] != "*" else None
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _read(answer: Any) -> bytes:
    """Return what has come, at least a byte; nothing at the end."""
    try:
        piece: bytes = answer.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOff(str(error) or type(error).__name__) from error
    return piece


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0
