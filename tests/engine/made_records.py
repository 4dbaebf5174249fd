"""Bundles with a record that a test chooses: a small fitted model, and what it is to have said of each photo."""

import itertools
from datetime import UTC, datetime

from engine.events import exhaust
from engine.models.base import Recipe
from engine.models.bundle import find_bundle, save_bundle
from engine.models.catalog import make_scorer
from engine.models.record import Guessed, Record
from tests.engine.made_features import BLOCKS, made_set

_numbers = itertools.count(1)


def said(names, given, predicted, *, part="train", held_out=True, groups=None):
    """Return one guess a photo."""
    groups = [None] * len(names) if groups is None else groups
    return tuple(
        Guessed(name, float(score), float(guess), part, held_out, group)
        for name, score, guess, group in zip(names, given, predicted, groups, strict=True)
    )


def made_bundle(workspace, guesses=(), events=(), *, record=True, **manifest):
    """Save a bundle of a small `taste` with this record and manifest, and return its info."""
    data = made_set(photos=20, unscored=0)
    scorer = make_scorer(Recipe("taste"))
    exhaust(scorer.fit(data))
    content = {
        "model_id": f"taste-20261123-1200{next(_numbers):02}-abcd",
        "name": "",
        "model": "taste",
        "backbone": "efficientnet_lite0",
        "weights": "default",
        "created": datetime(2026, 11, 23, 12, tzinfo=UTC).isoformat(),
        "fingerprint": "0" * 16,
        "n": len(guesses),
        "scale": [0, 100],
        "spec": {"model": "taste", "seed": 0, "split": [0.7, 0.15, 0.15]},
        "data_hash": "0" * 64,
        "split": {"kind": "folds", "groups": 5, "folds": 5},
        "interval": {"coverage": 0.9, "halfwidth": 12.0},
        "metrics": {},
        "baseline": {},
        "details": {"blocks": len(BLOCKS)},
        "versions": {"numpy": "2"},
        **manifest,
    }
    save_bundle(workspace, content, scorer, data.features, Record(tuple(events), tuple(guesses)) if record else None)
    return find_bundle(workspace, content["model_id"])
