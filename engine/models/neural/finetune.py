"""`finetune`: the whole pretrained network and its head are trained from the photos.

First the head alone, on the features that the network gives as it is; then everything, each layer the more slowly the
nearer it is to the picture (LP-FT, Kumar et al. 2022). What predicts is the tuned network's feature vector and a linear
head on it, so that features are computed and cached like those of any other network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from engine.errors import ImageError
from engine.events import Event, never_stop
from engine.features.backbones import get_backbone
from engine.models.base import Features, FitControl, Recipe, Scores, TrainingSet
from engine.models.damaged import damaged_model
from engine.models.neural.head import Head
from engine.storage import content_hash, copy_file, disk_errors, write_bytes, write_json

if TYPE_CHECKING:
    from torch import nn

NETWORK_FILE, HEAD_FILE, NOTES_FILE = "network.safetensors", "head.safetensors", "finetune.json"
_MOST_UNREADABLE = 0.1  # of the photos that are asked about
_RECIPE, _ALONE = Recipe("finetune"), FitControl()


class Finetune:
    """See the module's first lines; a `Scorer`."""

    name: ClassVar[str] = "finetune"

    def __init__(self, recipe: Recipe = _RECIPE) -> None:
        self._recipe = recipe
        self._backbone = recipe.backbone
        self._head: Head | None = None
        self._network: nn.Module | None = None
        self._folder: Path | None = None
        self._known: dict[str, Features] = {}
        self._details: dict[str, float | int | str] = {}

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Train head, then network, with early stopping; see `Scorer.fit`.

        A photo that can't be read any more, or has changed, is told and left out.

        Raises:
            Interrupted: `control.should_stop` said so.
            NotEnoughData: too few photos can be read. NeedMissing: the network is too large for the memory, or its
                weights are not here. BeholderError: the loss is not a number, with a learning rate to try.
        """
        from engine.models.neural.tuning import NetworkFit

        work = NetworkFit(self._recipe, data, validation, control)
        yield from work.run()
        self._network, self._head, self._known, self._details = work.features, work.head, work.vectors, work.details
        self._folder = None

    def vectors(self, data: TrainingSet) -> Features:
        """Return the tuned network's (N, D) float32 vectors of the set's photos.

        A photo that can't be read gets the mean vector of the others, which makes its score an average one.

        Raises:
            ImageError: more than a tenth can't be read. DamagedFile: the network's file is damaged.
        """
        width = self._fitted().width
        found = np.zeros((len(data.photos), width), np.float32)
        keys = vector_keys(data)
        missing = np.array([row for row, key in enumerate(keys) if key not in self._known], np.int64)
        for row, key in enumerate(keys):
            found[row] = self._known.get(key, 0.0)
        lost = self._compute(data, missing, found) if missing.size else missing
        if lost.size > max(1.0, _MOST_UNREADABLE * len(keys)) or 0 < len(keys) == lost.size:
            raise ImageError(
                "{count} photos can't be read any more, or have changed; the first one is {path}.",
                remedy="Bring them back, or remove them from the album, and train again.",
                count=int(lost.size),
                path=data.photos[int(lost[0])],
            )
        if lost.size:
            found[lost] = np.delete(found, lost, axis=0).mean(axis=0)
        return found

    def _compute(self, data: TrainingSet, rows: Any, into: Features) -> Any:
        """Write the vectors of these rows; return the rows whose photo can't be read."""
        import torch

        from engine.models.neural.pixels import read_pixels
        from engine.models.neural.tuned import vectors_of

        how = get_backbone(self._backbone).preprocess
        part = data.subset(rows)
        network = self._torch_network()
        device = next(network.parameters()).device
        done: list[int] = []
        for start in range(0, rows.size, 256):  # so that very many photos are never held at once
            few = slice(start, start + 256)
            reading = read_pixels(part.photos[few], part.hashes[few], how, never_stop, None)
            try:
                while True:
                    next(reading)
            except StopIteration as end:
                store = end.value
            with torch.inference_mode():
                for places, values in vectors_of(network, store, store.rows().tolist(), how, device):
                    into[rows[places + start]] = values
            done += (store.rows() + start).tolist()
        return np.delete(rows, done)

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for the (N, D) float32 vectors of the tuned network; numpy alone."""
        return self._fitted().predict(features)

    def details(self) -> dict[str, float | int | str]:
        """Return how long and how it was trained."""
        return dict(self._details)

    def weights_digest(self) -> str:
        """Return the SHA-256 that the tuned network's file has."""
        if self._folder is not None:
            return content_hash(self._folder / NETWORK_FILE)
        return hashlib.sha256(self._network_bytes()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write ``network.safetensors``, ``head.safetensors`` and ``finetune.json``."""
        self._fitted().save(folder / HEAD_FILE)
        if self._folder is not None:
            copy_file(self._folder / NETWORK_FILE, folder / NETWORK_FILE)
        else:
            write_bytes(folder / NETWORK_FILE, self._network_bytes())
        write_json(folder / NOTES_FILE, {"backbone": self._backbone})

    @classmethod
    def load(cls, folder: Path) -> Finetune:
        """Return the fitted model that `save` wrote; its network is read when photos are asked about."""
        with disk_errors(folder / NOTES_FILE):
            text = (folder / NOTES_FILE).read_bytes()
        try:
            backbone = str(json.loads(text)["backbone"])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise damaged_model(folder / NOTES_FILE, f"{type(error).__name__}: {error}") from error
        model = cls(Recipe("finetune", backbone=backbone))
        model._head, model._folder = Head.load(folder / HEAD_FILE), folder
        return model

    def _fitted(self) -> Head:
        if self._head is None:
            raise ValueError("not fitted")
        return self._head

    def _torch_network(self) -> nn.Module:
        if self._network is None:
            from engine.features.networks import build_features
            from engine.features.weights import Weights

            assert self._folder is not None
            self._network = build_features(get_backbone(self._backbone), Weights(self._folder / NETWORK_FILE, ""))
        return self._network

    def _network_bytes(self) -> bytes:
        from safetensors.torch import save

        from engine.models.neural.tuned import network_state

        return bytes(save(network_state(self._torch_network())))


def vector_keys(data: TrainingSet) -> list[str]:
    """Return what each photo's vector is remembered by: its content, or its place where no content is known."""
    return list(data.hashes) if data.hashes else [str(path) for path in data.photos]
