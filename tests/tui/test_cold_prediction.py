"""One photo in a cold process: what `beholder predict` imports, for every family that predicts from kept vectors."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.features.backbones import get_backbone
from engine.models.base import Recipe, TrainingSet
from engine.models.bundle import new_model_id, save_bundle
from engine.models.catalog import make_scorer
from engine.workspace import Workspace
from tests.tui.test_imports import imported_by

NEVER = ("torch", "torchvision", "timm", "sklearn", "skops", "pandas", "huggingface_hub", "textual", "optuna")
QUICK = {
    "taste": {},
    "ridge": {},
    "svr": {},
    "gp": {},
    "random-forest": {"trees": 5},
    "gradient-boosting": {"stages": 5},
    "hist-gradient-boosting": {"stages": 5},
}


def made_bundle(workspace: Workspace, recipe: Recipe) -> str:
    """Fit a family on made features as wide as the default network's, and return the new model's id."""
    backbone = get_backbone("efficientnet_lite0")
    widths, random = tuple(width for _, width in backbone.blocks), np.random.default_rng(0)
    album = random.normal(size=(32, backbone.width)).astype(np.float32)
    scores = np.clip(50 + 20 * album[:, 0], 0, 100).astype(np.float64)
    scorer = make_scorer(recipe)
    list(scorer.fit(TrainingSet(album, scores, np.arange(32), album, widths, 0)))
    created = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    manifest = {
        "model_id": new_model_id(recipe.model, created),
        "name": "",
        "model": recipe.model,
        "backbone": backbone.name,
        "created": created.isoformat(),
        "n": 32,
        "scale": [0, 100],
        "metrics": {"cv": {"srcc": 0.5}},
        "weights": "default",
        "fingerprint": backbone.fingerprint("default"),
        "interval": {"halfwidth": 10.0, "coverage": 0.9},
    }
    return save_bundle(workspace, manifest, scorer, album).model_id


def imported(workspace: Workspace, photo: Path, models: list[str]) -> list[str]:
    code = f"""
from tui.cli import main
for model in {models!r}:
    assert main(["-w", {str(workspace.root)!r}, "predict", {str(photo)!r}, "--model", model, "--format", "csv"]) == 0
"""
    return imported_by(code, *NEVER)


# the session's workspace was trained, so the network lies converted in the cache
def test_a_cold_prediction_imports_nothing_that_trains(
    tmp_path: Path, new_photos: Path, trained_workspace: Workspace
) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.create()
    models = [made_bundle(workspace, Recipe(name, params=values)) for name, values in QUICK.items()]
    assert imported(workspace, new_photos / "new-a.jpg", models) == []


@pytest.mark.slow
def test_nor_do_the_families_that_take_longer_to_fit(
    tmp_path: Path, new_photos: Path, trained_workspace: Workspace
) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.create()
    recipes = [Recipe("stacking", params={"folds": 2}), Recipe("frozen", epochs=2)]
    models = [made_bundle(workspace, recipe) for recipe in recipes]
    assert imported(workspace, new_photos / "new-b.jpg", models) == []
