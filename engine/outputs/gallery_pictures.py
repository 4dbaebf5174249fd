"""The pictures of a gallery: photos made small, as JPEG without anything that the camera wrote, some at a time."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from engine.errors import ImageError
from engine.events import StopCheck, raise_if_stopped
from engine.outputs.gallery_page import Picture
from engine.thumbnails import Thumbnails

SIDE = 240
LARGE_SIDE = 1024
LARGE = 100
"""So many photos, the best, have a large picture too."""

# quality and most bytes: a noisy picture is kept less well, so that the page stays small
_SMALL = ((78, 60, 40), 20_000)
_LARGE = ((80, 65, 45), 240_000)
_AT_ONCE = min(4, os.cpu_count() or 1)

Pictures = tuple[Picture | None, Picture | None]


def make_pictures(paths: Sequence[str], kept: Thumbnails, should_stop: StopCheck) -> Generator[Pictures, None, None]:
    """Yield the small and the large picture of each photo, in order; a few are made at a time, in threads.

    A photo that can't be read has none; beyond the first `LARGE` photos there is no large one.

    Raises:
        Interrupted: `should_stop` said so.
    """
    waiting: deque[Future[Pictures]] = deque()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="gallery") as pool:
        try:
            for at, path in enumerate(paths):
                raise_if_stopped(should_stop)
                waiting.append(pool.submit(_pictures, path, at < LARGE, kept))
                if len(waiting) > 2 * _AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                raise_if_stopped(should_stop)
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _pictures(path: str, is_large: bool, kept: Thumbnails) -> Pictures:
    if "\0" in path:
        return None, None
    side = LARGE_SIDE if is_large else SIDE
    try:
        image = kept.read(Path(path), (side, side)).convert("RGB")
    except ImageError:  # it is gone, or has changed since it was scored
        return None, None
    image.info.clear()
    small = image.copy()
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return _jpeg(small, *_SMALL), _jpeg(image, *_LARGE) if is_large else None


def _jpeg(image: Image.Image, qualities: Sequence[int], most: int) -> Picture:
    data = io.BytesIO()
    for quality in qualities:
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality, optimize=True)
        if data.tell() <= most:
            break
    return Picture(data.getvalue(), image.width, image.height)
