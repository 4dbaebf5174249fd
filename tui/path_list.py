"""A list of paths that comes on a stream: one a line, or ended by NUL, taken as it comes."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 16
_SECONDS = 0.2


def read_paths(stream: BinaryIO) -> Iterator[Path | None]:
    """Yield paths as they arrive; None each time that nothing has come for a moment.

    A NUL anywhere before the first line's end, or right behind it, says that NUL ends each path.
    """
    rest, sign = b"", b""
    while True:
        data = _read(stream)
        if data is None:
            yield None
            continue
        rest += data
        if not sign and (b"\0" in rest or b"\n" in rest):
            sign = b"\0" if b"\0" in rest else b"\n"
        if data and sign:
            *whole, rest = rest.split(sign)
            yield from filter(None, map(_path, whole))
        if not data:
            last = _path(rest)
            if last is not None:
                yield last
            return


def _read(stream: BinaryIO) -> bytes | None:
    """Return what has come, nothing at the end, None where one has to wait."""
    try:
        handle = stream.fileno()
    except (AttributeError, io.UnsupportedOperation, ValueError):
        return stream.read()
    if not select.select([handle], [], [], _SECONDS)[0]:
        return None
    return os.read(handle, _CHUNK)


def _path(word: bytes) -> Path | None:
    word = word.rstrip(b"\r")
    return Path(os.fsdecode(word)) if word else None
