"""What every model family is: a Scorer that learns scores from feature vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.events import Event, StopCheck

Features = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingSet:
    """What a fit gets to see.

    Args:
        features: (N, D) float32, one row a scored photo.
        scores: (N,) float64, the person's scores.
        groups: (N,) int, photos of one group (one theme, one burst) are never on both sides of a split.
        album: (M, D) float32, feature vectors of all photos of the album, scored or not; M ≥ N.
        blocks: widths of the feature vector's blocks; they sum to D.
        seed: makes every random choice repeatable.
    """

    features: Features
    scores: Scores
    groups: NDArray[np.int64]
    album: Features
    blocks: Sequence[int]
    seed: int = 0

    def subset(self, rows: NDArray[np.int64]) -> TrainingSet:
        """Return the set with only these rows scored; the album stays whole."""
        return TrainingSet(
            self.features[rows], self.scores[rows], self.groups[rows], self.album, self.blocks, self.seed
        )


class Scorer(Protocol):
    """One model family.

    A fit is a generator of events; when it is exhausted the scorer is fitted.
    """

    name: ClassVar[str]

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, should_stop: StopCheck
    ) -> Iterator[Event]:
        """Learn from `data`; show the curve on `validation`, which is never learned from."""
        ...

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores, not clipped to the scale, for (N, D) float32 features."""
        ...

    def details(self) -> dict[str, float | int | str]:
        """Return what the fit chose, for the manifest."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted state into a folder; no pickle."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Scorer:
        """Return the fitted scorer that `save` wrote.

        Raises:
            DamagedFile: the files are not what `save` writes.
        """
        ...
