"""From feature vectors to predictions: the model's score, its 90 % interval, and what can't be scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine.errors import DamagedFile
from engine.features.backbones import get_backbone
from engine.features.extract import Embedded
from engine.models.base import Features, Uncertain
from engine.models.bundle import Bundle
from engine.models.damaged import damaged_model
from engine.models.soundness import FAMILIAR_NAME
from engine.prediction.intervals import half_widths
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
            self._interval = manifest["interval"]
            half_widths(self._interval, 0)
            self.scale, made_with = Scale(*manifest["scale"]), manifest["fingerprint"]
            self._any_score = _any_score(self._interval, self.scale)
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
        if bundle.familiar is not None and bundle.familiar.width != self.backbone.width:
            raise damaged_model(bundle.info.path / FAMILIAR_NAME, f"it takes {bundle.familiar.width} features")

    def __call__(self, photos: Sequence[Embedded]) -> list[Prediction]:
        """Return a prediction for each photo, in order."""
        good = [item.vector for item in photos if item.vector is not None]
        scores = self._scores(np.stack(good)) if good else iter(())
        return [self._prediction(item, scores) for item in photos]

    def _scores(self, vectors: Features) -> Iterator[tuple[float, float, bool]]:
        """Return score, half width and whether it is far, of each of (N, D) vectors."""
        scorer, familiar = self.bundle.scorer, self.bundle.familiar
        spread = scorer.spread(vectors) if isinstance(scorer, Uncertain) and self._needs_spread else None
        widths = half_widths(self._interval, len(vectors), spread)
        far = np.zeros(len(vectors), np.bool_) if familiar is None else familiar.is_far(vectors)
        return zip(scorer.predict(vectors).tolist(), widths.tolist(), far.tolist(), strict=True)

    @property
    def _needs_spread(self) -> bool:
        return self._interval.get("factor") is not None

    def _prediction(self, item: Embedded, scores: Iterator[tuple[float, float, bool]]) -> Prediction:
        model_id = self.bundle.info.model_id
        if item.vector is None:
            return Prediction(item.path, None, None, None, model_id, item.error, item.content_hash)
        raw, width, far = next(scores)
        score = self.scale.clip(raw)
        low, high = score - width, score + width
        if far:  # of such a photo no error was ever measured: nothing is known but which scores the person gives
            low, high = min(low, self._any_score[0]), max(high, self._any_score[1])
        low, high = self.scale.clip(low), self.scale.clip(high)
        return Prediction(item.path, score, low, high, model_id, content_hash=item.content_hash, far=far)


def _any_score(interval: Mapping[str, Any], scale: Scale) -> tuple[float, float]:
    """Return the ends between which the person's score of any photo lies; the scale's where that is not known."""
    low, high = interval.get("far") or (scale.low, scale.high)
    return float(low), float(high)


def _weights(bundle: Bundle) -> str:
    """Return the weights of the bundle's network: a tuned one lies in the bundle itself."""
    weights = str(bundle.manifest["weights"])
    if not bundle.manifest.get("tuned"):
        return weights
    if weights not in bundle.manifest["files"]:
        raise ValueError(f"there is no {weights} in it")
    return str(bundle.info.path / weights)
