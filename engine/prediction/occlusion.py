"""Where in a photo a score comes from, found by covering it patch by patch: works with every model.

A patch is covered with the photo's mean colour, its edge faded so that no line appears which the network would see. A
blurred photo instead would leave the large patches of light and colour that much of a score hangs on; measured on
photos with people's scores, what the mean colour finds matters as much to the model under either cover. How far the
score drops counts for every place that a patch covers, in the measure in which it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from engine.events import StopCheck, never_stop, raise_if_stopped
from engine.features.preprocess import FloatArray, Pixels
from engine.features.runtime import Runtime
from engine.models.base import Scorer

Map = NDArray[np.float64]

CELLS = 10  # along the longer side
_COVER = 3  # cells that a patch is wide and high, so that nine patches have a say in each cell
_EDGE = 0.25  # of a cell, over which a patch fades
_TOGETHER = 16  # pictures between two looks at the stop check


def occlusion_map(picture: Pixels, runtime: Runtime, scorer: Scorer, *, should_stop: StopCheck = never_stop) -> Map:
    """Return how much what is in each cell of a picture raises the score.

    Args:
        picture: (height, width, 3) uint8, as a `Runtime` takes it.
        runtime: runs the network. scorer: turns its vectors into scores.
        should_stop: asked every few pictures.

    Returns:
        (rows, columns) float64, in score units: above 0 where covering it lowers the score. The longer side has
        `CELLS`, the shorter one as many as make the cells squares.

    Raises:
        Interrupted: `should_stop` said so.
    """
    height, width, _ = picture.shape
    rows, columns = grid_shape(height, width)
    (down, down_cells), (across, across_cells) = _bars(height, rows), _bars(width, columns)
    away = (picture - picture.mean(axis=(0, 1), keepdims=True)).astype(np.float32)
    covered = (_covered(picture, away, np.outer(high, wide)) for high in down for wide in across)
    scores = scorer.predict(_vectors(chain([picture], covered), runtime, should_stop))
    drops = scores[0] - scores[1:]
    drops = np.where(np.isfinite(drops), drops, 0.0).reshape(rows, columns)
    # a patch's share of a cell is the product of its share of the row and of the column
    found: Map = down_cells.T @ drops @ across_cells
    return found / np.outer(down_cells.sum(axis=0), across_cells.sum(axis=0))


def _covered(picture: Pixels, away: FloatArray, cover: Map) -> Pixels:
    pixels: Pixels = np.rint(picture - away * cover[:, :, None].astype(np.float32)).astype(np.uint8)
    return pixels


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of the cells of a picture of this size in pixels."""
    longer = max(height, width)
    return max(round(CELLS * height / longer), 1), max(round(CELLS * width / longer), 1)


def _bars(length: int, count: int) -> tuple[Map, Map]:
    """Return (count, length) and (count, count): how much of each pixel, and each cell, a bar around a cell covers."""
    cell = length / count
    pixels, middles = np.arange(length) + 0.5, (np.arange(count) + 0.5) * cell
    away = np.abs(pixels[None] - middles[:, None])
    bars = np.clip((_COVER / 2 - away / cell) / _EDGE + 0.5, 0.0, 1.0)
    place = np.minimum((pixels / cell).astype(np.int64), count - 1)
    cells = np.stack([bars[:, place == number].mean(axis=1) for number in range(count)], axis=1)
    return bars, cells


def _vectors(pictures: Iterator[Pixels], runtime: Runtime, should_stop: StopCheck) -> FloatArray:
    found: list[FloatArray] = []
    while batch := list(islice(pictures, _TOGETHER)):
        raise_if_stopped(should_stop)
        vectors = runtime.run((str(row), picture) for row, picture in enumerate(batch))
        found += [vectors[str(row)] for row in range(len(batch))]
    return np.stack(found)
