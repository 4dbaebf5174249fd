"""The photos of a training, decoded once: bytes at the size that the network sees, in memory or in a file beside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import BeholderError, Message
from engine.events import Event, ItemFailed, Progress, StopCheck, raise_if_stopped
from engine.features.backbones import Preprocess
from engine.features.preprocess import load_pixels
from engine.storage import content_hash, disk_errors

_CHUNK = 64
_SHARE_OF_MEMORY = 0.25
_UNKNOWN_MEMORY = 1 << 30

Picture = NDArray[np.uint8]
Shape = tuple[int, int]


class PixelStore:
    """The pixels of N photos by shape.

    Args:
        how: the network's preprocessing; what is stored is its result before the colours are normalised.
        limit: bytes that are held in memory; what is more goes to an unnamed file.
    """

    def __init__(self, how: Preprocess, limit: int) -> None:
        self._how, self._limit = how, limit
        self._used = 0
        self._pictures: dict[int, Picture] = {}
        self._file: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._places: dict[int, tuple[int, Shape]] = {}
        self._end = 0

    def __len__(self) -> int:
        return len(self._pictures) + len(self._places)

    def add(self, row: int, picture: Picture) -> None:
        """Keep the (height, width, 3) uint8 picture of a row.

        Raises:
            NeedMissing: it has to go to the disk, and that is full.
        """
        if self._used + picture.nbytes <= self._limit:
            self._pictures[row] = picture
            self._used += picture.nbytes
            return
        with disk_errors(Path(tempfile.gettempdir())):
            if self._file is None:
                self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - as long as the store
            self._file.seek(self._end)
            self._file.write(picture.tobytes())
            self._file.flush()
        self._places[row] = (self._end, (picture.shape[0], picture.shape[1]))
        self._end += picture.nbytes

    def shape(self, row: int) -> Shape:
        """Return height and width of a row's picture."""
        found = self._places[row][1] if row in self._places else self._pictures[row].shape[:2]
        return (int(found[0]), int(found[1]))

    def rows(self) -> NDArray[np.int64]:
        """Return the rows that have a picture, in order."""
        return np.array(sorted([*self._pictures, *self._places]), np.int64)

    def batch(self, rows: Sequence[int] | NDArray[np.int64]) -> Tensor:
        """Return (B, 3, height, width) uint8 pictures of rows that share one shape, channels last in memory."""
        return torch.from_numpy(np.stack([self._picture(int(row)) for row in rows])).permute(0, 3, 1, 2)

    def by_shape(self, rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
        """Return rows in batches of at most `size`, each of one shape; within a shape the order stays."""
        waiting: dict[Shape, list[int]] = {}
        for row in rows.tolist():
            waiting.setdefault(self.shape(row), []).append(row)
        return [
            np.array(same[start : start + size], np.int64)
            for same in waiting.values()
            for start in range(0, len(same), size)
        ]

    def _picture(self, row: int) -> Picture:
        if row not in self._places:
            return self._pictures[row]
        start, (height, width) = self._places[row]
        assert self._file is not None
        size = 3 * height * width
        data = os.pread(self._file.fileno(), size, start)
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def read_pixels(
    photos: Sequence[Path],
    hashes: Sequence[str],
    how: Preprocess,
    should_stop: StopCheck,
    available: int | None,
) -> Generator[Event, None, PixelStore]:
    """Decode photos exactly as feature extraction does; a photo that failed is told and left out.

    Args:
        photos: N files. hashes: their SHA-256 as they were when their scores were read; empty: not looked at.
        how: the network's preprocessing.
        should_stop: asked between photos.
        available: bytes of memory that there are; a quarter of them is used at most.
    """
    store = PixelStore(how, int(_SHARE_OF_MEMORY * available) if available is not None else _UNKNOWN_MEMORY)
    known = hashes or [""] * len(photos)
    yield Progress("decoding", 0, len(photos))
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="decode") as pool:
        for start in range(0, len(photos), _CHUNK):
            part = range(start, min(start + _CHUNK, len(photos)))
            work = [pool.submit(_read, photos[row], known[row], how, should_stop) for row in part]
            try:
                for row, future in zip(part, work, strict=True):
                    raise_if_stopped(should_stop)
                    found = future.result()
                    if isinstance(found, Message):
                        yield ItemFailed(str(photos[row]), found)
                    else:
                        store.add(row, found)
            finally:
                for future in work:
                    future.cancel()
            yield Progress("decoding", part.stop, len(photos))
    return store


def _read(path: Path, known: str, how: Preprocess, should_stop: StopCheck) -> Picture | Message:
    raise_if_stopped(should_stop)
    try:
        if known and content_hash(path) != known:
            return Message("It has changed since its score was read.")
        return load_pixels(path, how)
    except BeholderError as error:
        return error.message


def normalised(pixels: Tensor, how: Preprocess) -> Tensor:
    """Return (B, 3, height, width) float32 network inputs of pixels: uint8, or float32 of 0…1; their layout stays."""
    mean, std = (torch.tensor(value, device=pixels.device)[:, None, None] for value in (how.mean, how.std))
    unit = 255 if pixels.dtype == torch.uint8 else 1
    # in place on a copy: four passes over a batch would cost as much as the augmentation
    return pixels.to(torch.float32, copy=True).mul_(1 / (unit * std)).sub_(mean / std)
