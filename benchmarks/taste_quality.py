"""How well a model of the mean score ranks photos of themes it never saw, beside the plain ways.

Reads ``oasis/`` below ``$BEHOLDER_EVAL_DATA``; nothing of it is kept. Every draw imports the photos of two thirds of
the themes into a fresh workspace, trains through the engine as `beholder train` does, and predicts the other third.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.table import print_table
from engine.events import exhaust
from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.labels.importing import run_import
from engine.labels.planning import ImportOptions, plan_import
from engine.models.bundle import find_bundle
from engine.prediction.score import Prediction, predict
from engine.training.run import run_training
from engine.training.spec import make_spec
from engine.workspace import Scale, Workspace

DRAWS = 8
_SAME_PHOTO = {"Lightning": "Thunderstorm"}


@dataclass(frozen=True)
class Rated:
    """One photo of the set: file name, mean score of its raters, theme."""

    name: str
    score: float
    theme: str


def read_set(folder: Path) -> list[Rated]:
    """Return the photos of the evaluation set with their mean scores."""
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as rows:
        return [
            Rated(row["filename"], float(row["mean_score"]), _SAME_PHOTO.get(row["theme"], row["theme"]))
            for row in csv.DictReader(rows)
        ]


def draws(photos: list[Rated]) -> Iterator[tuple[int, list[Rated], list[Rated]]]:
    """Yield (seed, fitted, held out): a third of the themes is held out in each draw."""
    themes = np.unique([photo.theme for photo in photos])
    for seed in range(DRAWS):
        chosen = np.random.default_rng(seed).permutation(themes)[: len(themes) // 3]
        held_out = [photo for photo in photos if photo.theme in chosen]
        yield seed, [photo for photo in photos if photo.theme not in chosen], held_out


def one_draw(images: Path, fitted: list[Rated], held_out: list[Rated], place: Path) -> dict[str, float]:
    """Return the SRCC on the held-out themes: model → value."""
    source = place / "photos"
    source.mkdir()
    for photo in fitted:
        (source / photo.name).symlink_to(images / photo.name)
    labels = place / "labels.csv"
    labels.write_text("filename,score\n" + "".join(f"{p.name},{p.score}\n" for p in fitted), "utf-8")
    workspace = Workspace(place / "workspace")
    workspace.create(Scale(1, 7))
    plan = plan_import(workspace, ImportOptions(source, scores_csv=labels))
    while True:
        try:
            next(plan)
        except StopIteration as end:
            exhaust(run_import(workspace, end.value))
            break
    truth = [photo.score for photo in held_out]
    paths = [images / photo.name for photo in held_out]
    found: dict[str, float] = {}
    for model in ("taste", "random-forest"):
        exhaust(run_training(workspace, make_spec(model=model, name=model)))
        rows = [e for e in predict(workspace, find_bundle(workspace, model), paths) if isinstance(e, Prediction)]
        found[model] = float(spearmanr([row.score for row in rows], truth)[0])
    return found


def plain_ways(images: Path, fitted: list[Rated], held_out: list[Rated], cache: FeatureCache) -> dict[str, float]:
    """Return the SRCC of scikit-learn's defaults on the pooled output of the same network."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    backbone = get_backbone("efficientnet_lite0")
    widths = [width for _, width in backbone.blocks]
    pooled = slice(sum(widths[:-2]), sum(widths[:-1]))

    def features(photos: list[Rated]) -> np.ndarray:
        events = embed([images / photo.name for photo in photos], backbone, cache=cache)
        return np.stack([e.vector[pooled] for e in events if isinstance(e, Embedded) and e.vector is not None])

    train, test = features(fitted), features(held_out)
    scores, truth = [p.score for p in fitted], [p.score for p in held_out]
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(1, 6, 16))).fit(train, scores)
    forest = RandomForestRegressor(random_state=0, n_jobs=-1).fit(train, scores)
    return {
        "plain ridge": float(spearmanr(ridge.predict(test), truth)[0]),
        "plain random forest": float(spearmanr(forest.predict(test), truth)[0]),
    }


def main() -> None:
    """Print the table."""
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if not base.is_dir():
        print(f"skipped: there is no {base}; set BEHOLDER_EVAL_DATA")
        return
    photos = read_set(base)
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch, FeatureCache(Path(scratch) / "features.sqlite") as cache:
        for seed, fitted, held_out in draws(photos):
            place = Path(scratch) / str(seed)
            place.mkdir()
            values = one_draw((base / "images").resolve(), fitted, held_out, place)
            values |= plain_ways(base / "images", fitted, held_out, cache)
            for name, value in values.items():
                found.setdefault(name, []).append(value)
    print_table(
        f"SRCC on unseen themes, mean score of many raters, {DRAWS} draws",
        ("model", "mean", "lowest", "highest"),
        [(name, *(f"{f(v):.3f}" for f in (np.mean, np.min, np.max))) for name, v in found.items()],
    )


if __name__ == "__main__":
    main()
