"""A model family for tests of searches: its one setting decides how well it ranks, whether it fails and how long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from engine.events import Epoch, Event, raise_if_stopped
from engine.models.base import Features as Vectors
from engine.models.base import FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.catalog import ModelFamily, Param

EPOCHS = 20
FAMILY = ModelFamily(
    "moody",
    "tests.engine.moody_family:Moody",
    {"epochs": Param(EPOCHS)},
    {"mood": Param("fair", choices=("fair", "bad", "broken"))},
    axis="epochs",
)
_ALONE = FitControl()


class Moody(OnFeatures):
    """Guesses by the photos' place in the order of features: rightly when fair, the wrong way round when bad."""

    name: ClassVar[str] = "moody"
    epochs_of: ClassVar[list[int]] = []  # epochs that each fit went through, of all fits

    def __init__(self, recipe: Recipe) -> None:
        self._mood, self._epochs = recipe.params["mood"], recipe.epochs or EPOCHS

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        if self._mood == "broken":
            raise ValueError("out of sorts")
        srcc = 0.9 if self._mood == "fair" else -0.9
        self.epochs_of.append(0)
        for epoch in range(1, self._epochs + 1):
            raise_if_stopped(control.should_stop)
            self.epochs_of[-1] = epoch
            yield Epoch(epoch, self._epochs, "head", 1.0, 1.0, {"srcc": srcc}, 0.1, epoch)
        centred = data.features - data.features.mean(axis=0)
        self._weights = centred.T @ (data.scores - data.scores.mean()) * (1 if self._mood == "fair" else -1)

    def predict(self, features: Vectors) -> Scores:
        guess: Scores = (features @ self._weights).astype(np.float64)
        return np.asarray(50 + guess / np.abs(self._weights).sum())

    def details(self) -> dict[str, float | int | str]:
        return {}

    def save(self, folder: Path) -> None:
        (folder / "moody.txt").write_text(str(self._mood))

    @classmethod
    def load(cls, folder: Path) -> Moody:
        raise NotImplementedError
