"""Put feature vectors on one footing: every block standardised over the album and given the same say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.models.base import Features

_FLAT = 1e-6
_BLOCK = 4096  # photos that are looked at together: no copy of a large album in double precision is made


@dataclass(frozen=True)
class Standardiser:
    """Shift and scale of each feature.

    Args:
        mean: (D,) float32, the album's mean.
        factor: (D,) float32, 1 / (deviation · √width of the block); 0 for a feature that never varies, so that
            one unseen photo can't be thrown far off by it.
    """

    mean: NDArray[np.float32]
    factor: NDArray[np.float32]

    @classmethod
    def fit(cls, album: Features, blocks: Sequence[int]) -> Standardiser:
        """Return the standardiser of an album, scored or not: (M, D) float32, blocks' widths summing to D.

        Raises:
            ValueError: the widths don't sum to D.
        """
        if sum(blocks) != album.shape[1]:
            raise ValueError(f"blocks {list(blocks)} don't make up {album.shape[1]} features")
        mean, deviation = _mean_and_deviation(album)
        width = np.repeat(np.asarray(blocks, np.float64), blocks)
        factor = np.where(deviation > _FLAT, 1.0 / (np.maximum(deviation, _FLAT) * np.sqrt(width)), 0.0)
        return cls(mean.astype(np.float32), factor.astype(np.float32))

    @classmethod
    def by_variance(cls, album: Features, blocks: Sequence[int]) -> Standardiser:
        """Return one that centres and keeps the features' own proportions: what varies more says more.

        Args:
            album: (M, D) float32, scored or not.
            blocks: widths; as with `fit`, a photo's squared length becomes about their number.
        """
        mean, deviation = _mean_and_deviation(album)
        total = float((deviation**2).sum())
        factor = np.full(deviation.size, np.sqrt(len(blocks) / total) if total > _FLAT**2 else 0.0)
        factor[deviation <= _FLAT] = 0.0
        return cls(mean.astype(np.float32), factor.astype(np.float32))

    def apply(self, features: Features) -> NDArray[np.float64]:
        """Return (N, D) float64 standardised features; a photo's squared length is about the number of blocks."""
        return ((features - self.mean) * self.factor).astype(np.float64)


def _mean_and_deviation(album: Features) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (D,) means and standard deviations of (M, D) features."""
    mean = album.mean(axis=0, dtype=np.float64)
    if album.shape[0] <= _BLOCK:
        return mean, album.std(axis=0, dtype=np.float64)
    squares = np.zeros(album.shape[1])
    for start in range(0, album.shape[0], _BLOCK):
        squares += ((album[start : start + _BLOCK] - mean) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / album.shape[0])
