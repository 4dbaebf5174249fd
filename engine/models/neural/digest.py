"""What tells one fit from another, so that a checkpoint is never taken up by a fit of other data or settings."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from engine.models.base import Recipe, TrainingSet


def fit_digest(recipe: Recipe, data: TrainingSet, validation: TrainingSet | None, *more: str) -> str:
    """Return the SHA-256 of everything that a fit's result follows from.

    Args:
        recipe: the settings. data, validation: photos (by content) or features, scores, groups and seed.
        more: what else decides, such as the hash of the pretrained weights.
    """
    settings = {name: value for name, value in vars(recipe).items() if name != "params"}
    found = hashlib.sha256(json.dumps([settings, dict(recipe.params), more], sort_keys=True, default=str).encode())
    for part in (data, validation):
        if part is None:
            found.update(b"none")
            continue
        found.update(json.dumps([part.seed, list(part.blocks), list(part.scale), list(part.hashes)]).encode())
        for array in (part.scores, part.groups) if part.hashes else (part.scores, part.groups, part.features):
            found.update(np.ascontiguousarray(array).tobytes())
    found.update(data.album.mean(axis=0, dtype=np.float64).tobytes())
    return found.hexdigest()
