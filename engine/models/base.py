"""What every model family is: a Scorer that learns scores from feature vectors, or from the photos themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.events import Event, StopCheck, never_stop

if TYPE_CHECKING:
    from engine.models.products import Part

Features = NDArray[np.float32]
Scores = NDArray[np.float64]
Setting = float | int | str | bool


@dataclass(frozen=True)
class Recipe:
    """Which family is fitted, and how; None where the family's own default holds.

    Args:
        model: model family, a name of `engine.models.catalog.MODELS`.
        backbone: the pretrained network; a family that learns from photos trains it further.
        weights: the network's weights: ``default``, ``none`` (random, on purpose) or a file.
        epochs: at most so many passes over the photos.
        lr: highest learning rate, above 0.
        batch: photos in a step.
        weight_decay: decoupled weight decay, 0 or more.
        dropout: share of the head's inputs that are dropped in training, 0 up to but not 1.
        loss: what is made small, as `engine.models.loss_terms.parse_loss` reads it.
        augment: ``none``, ``light`` or ``strong``.
        patience: epochs without a better validation figure after which training ends.
        params: the family's own hyper-parameters by name; see `ModelFamily.params`.
    """

    model: str = "taste"
    backbone: str = "efficientnet_lite0"
    weights: str = "default"
    epochs: int | None = None
    lr: float | None = None
    batch: int | None = None
    weight_decay: float | None = None
    dropout: float | None = None
    loss: str | None = None
    augment: str | None = None
    patience: int | None = None
    params: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True)
class FitControl:
    """How a fit is steered from outside.

    Args:
        should_stop: asked often; True ends the fit with `Interrupted`.
        should_finish: asked after each epoch, stage or step; True ends the fit early, and what is best so far is kept.
        checkpoints: a folder of its own in which the fit may keep where it is, so that the same fit, begun again with
            the same data, goes on from there; None: nothing is kept.
    """

    should_stop: StopCheck = never_stop
    should_finish: StopCheck = never_stop
    checkpoints: Path | None = None

    def within(self, stage: str) -> FitControl:
        """Return the control of one of several fits: its checkpoints lie in a folder of that name."""
        return dataclasses.replace(self, checkpoints=self.checkpoints / stage if self.checkpoints else None)


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
        photos: the N files; empty where only features are known.
        hashes: SHA-256 of the N files' content; empty likewise.
        scale: lowest and highest score there is.
        part: where the inner products of these photos are found that all fits on the album share; None where a fit
            computes its own.
    """

    features: Features
    scores: Scores
    groups: NDArray[np.int64]
    album: Features
    blocks: Sequence[int]
    seed: int = 0
    photos: tuple[Path, ...] = ()
    hashes: tuple[str, ...] = ()
    scale: tuple[float, float] = (0.0, 100.0)
    part: Part | None = field(default=None, repr=False, compare=False)

    def subset(self, rows: NDArray[np.int64]) -> TrainingSet:
        """Return the set with only these rows scored; the album stays whole."""
        return dataclasses.replace(
            self,
            features=self.features[rows],
            scores=self.scores[rows],
            groups=self.groups[rows],
            photos=tuple(self.photos[row] for row in rows) if self.photos else (),
            hashes=tuple(self.hashes[row] for row in rows) if self.hashes else (),
            part=None if self.part is None else self.part.of(rows),
        )


class Scorer(Protocol):
    """One model family, made from a `Recipe`.

    A fit is a generator of events; when it is exhausted the scorer is fitted.
    """

    name: ClassVar[str]

    def __init__(self, recipe: Recipe = ...) -> None: ...

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = ...
    ) -> Iterator[Event]:
        """Learn from `data`; show the curve on `validation`, which no weight is learned from.

        A family that stops early does so by `validation`; without one it holds out some groups of `data` for that.
        """
        ...

    def vectors(self, data: TrainingSet) -> Features:
        """Return the (N, D) float32 vectors of the set's photos that `predict` takes."""
        ...

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores, not clipped to the scale, for (N, D) float32 vectors."""
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


@runtime_checkable
class Uncertain(Protocol):
    """A scorer that says how sure it is of each photo."""

    def spread(self, features: Features) -> Scores:
        """Return (N,) standard deviations of the predicted scores, above 0, for (N, D) float32 vectors."""
        ...


@runtime_checkable
class Settled(Protocol):
    """A scorer that, once fitted, can learn other photos of the album without choosing anything anew."""

    def again(self, data: TrainingSet) -> Scorer:
        """Return a scorer with this one's settings, fitted on `data`; far cheaper than a fit that chooses them."""
        ...


class OnFeatures:
    """A family that takes the backbone's feature vectors as they are."""

    def vectors(self, data: TrainingSet) -> Features:
        """Return the set's feature vectors; see `Scorer.vectors`."""
        return data.features
