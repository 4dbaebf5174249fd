"""The figures of the live curve: those that are quick to compute after each epoch, however many photos there are."""

from __future__ import annotations

import numpy as np

from engine.metrics import correlation, ranks
from engine.models.base import Scores


def curve_figures(given: Scores, predicted: Scores) -> dict[str, float | int | None]:
    """Return ``srcc``, ``plcc``, ``mae`` and ``n`` of (N,) predictions against given scores, N ≥ 1, rounded."""
    found = {
        "srcc": correlation(ranks(given), ranks(predicted)),
        "plcc": correlation(given, predicted),
        "mae": float(np.abs(predicted - given).mean()),
    }
    shown = {name: None if value is None else round(value, 6) for name, value in found.items()}
    return {**shown, "n": int(given.size)}
