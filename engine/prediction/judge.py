"""From feature vectors to predictions: the model's score, its 90 % interval, and what can't be scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import DamagedFile
from engine.features.backbones import get_backbone
from engine.features.extract import Embedded
from engine.models.base import Features, Scorer, Scores, Uncertain
from engine.models.bundle import Bundle
from engine.models.damaged import damaged_model
from engine.prediction.predicted import Prediction
from engine.workspace import Scale


class Judge:
    """One loaded model, with its scale and intervals.

    Args:
        bundle: the model.

    Attributes:
        backbone: the network whose vectors it takes. weights: that network's weights, as for `embed`.
        scale: of its scores.

    Raises:
        DamagedFile: the manifest is damaged, or the features are no longer computed the same way.
        NeedMissing: the backbone's weights are not on this machine.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        manifest = bundle.manifest
        try:
            self._half_widths = _half_widths(manifest["interval"], bundle.scorer)
            self.scale, made_with = Scale(*manifest["scale"]), manifest["fingerprint"]
            self.weights = _weights(bundle)
        except (LookupError, TypeError, ValueError) as error:
            raise damaged_model(bundle.info.path / "manifest.json", f"{type(error).__name__}: {error}") from error
        self.backbone = get_backbone(bundle.info.backbone)
        if self.backbone.fingerprint(self.weights) != made_with:
            raise DamagedFile(
                "{path} was trained on features that this version of beholder computes differently.",
                remedy="Train it again; the photos and scores are not touched.",
                path=bundle.info.path,
            )

    def __call__(self, photos: Sequence[Embedded]) -> list[Prediction]:
        """Return a prediction for each photo, in order."""
        good = [item.vector for item in photos if item.vector is not None]
        vectors = np.stack(good) if good else np.zeros((0, self.backbone.width), np.float32)
        scorer = self.bundle.scorer
        scores = (
            iter(zip(scorer.predict(vectors).tolist(), self._half_widths(vectors).tolist(), strict=True))
            if good
            else iter(())
        )
        return [self._prediction(item, scores) for item in photos]

    def _prediction(self, item: Embedded, scores: Iterator[tuple[float, float]]) -> Prediction:
        model_id = self.bundle.info.model_id
        if item.vector is None:
            return Prediction(item.path, None, None, None, model_id, item.error, item.content_hash)
        raw, width = next(scores)
        score = self.scale.clip(raw)
        low, high = self.scale.clip(score - width), self.scale.clip(score + width)
        return Prediction(item.path, score, low, high, model_id, content_hash=item.content_hash)


def _weights(bundle: Bundle) -> str:
    """Return the weights of the bundle's network: a tuned one lies in the bundle itself."""
    weights = str(bundle.manifest["weights"])
    if not bundle.manifest.get("tuned"):
        return weights
    if weights not in bundle.manifest["files"]:
        raise ValueError(f"there is no {weights} in it")
    return str(bundle.info.path / weights)


def _half_widths(interval: Mapping[str, Any], scorer: Scorer) -> Callable[[Features], Scores]:
    """Return what gives each photo's half width: the same for all, or by the model's own doubt."""
    half, factor = float(interval["halfwidth"]), interval.get("factor")
    if factor is None or not isinstance(scorer, Uncertain):
        return lambda vectors: np.full(len(vectors), half)
    by_doubt = float(factor)
    return lambda vectors: by_doubt * scorer.spread(vectors)
