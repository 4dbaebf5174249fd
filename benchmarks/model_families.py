"""How well each model family ranks photos of groups it never saw, beside two baselines and scikit-learn's defaults.

``python -m benchmarks.model_families [--people N] [--n 75,150,300] [--families ridge,frozen]``

Reads ``oasis/`` below ``$BEHOLDER_EVAL_DATA``; nothing of it is kept. No person of the set rated more than 101 photos:
with up to 75 scores each draw is one real person, the rest of whose photos (some 25) are tested; with more scores it is
the mean score of all raters, and about 96 photos are tested. Photos that look alike or share a theme are never on both
sides.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import print_table
from engine.events import exhaust
from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.metrics import Metrics, evaluate
from engine.models.base import Recipe, TrainingSet
from engine.models.catalog import FAMILIES, check_model, make_scorer
from engine.training.baselines import Baselines
from engine.training.split import group_photos

BACKBONE = "efficientnet_lite0"
SCALE = (1.0, 7.0)
MOST_OF_ONE_PERSON = 75
_MOST_TESTED = 96
_REFERENCE = "ridge"


@dataclass(frozen=True)
class Album:
    """The whole set: files, hashes, feature vectors, and who gave which score.

    Args:
        photos: the N files. hashes: SHA-256 of each. features: (N, D) float32.
        raters: one (N,) float64 for each person: the score, NaN where there is none.
    """

    photos: tuple[Path, ...]
    hashes: tuple[str, ...]
    features: NDArray[np.float32]
    raters: Sequence[NDArray[np.float64]]


@dataclass(frozen=True)
class Draw:
    """One split: what is learned from, and what is asked about."""

    data: TrainingSet
    seen: NDArray[np.int64]
    unseen: NDArray[np.int64]


@dataclass
class Results:
    """What one way achieved over the draws of one size."""

    metrics: list[Metrics] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def mean(self, metric: str) -> float:
        """Return a metric's mean over the draws; an undefined one counts as 0: who ranks nothing gets nothing."""
        return float(np.mean([getattr(found, metric) or 0.0 for found in self.metrics]))


def read_album(folder: Path, cache: FeatureCache) -> Album:
    """Return the evaluation set with its features."""
    photos = tuple(sorted((folder / "images").iterdir()))
    row = {photo.name: number for number, photo in enumerate(photos)}
    raters: dict[str, NDArray[np.float64]] = {}
    with (folder / "votes.csv").open(encoding="utf-8", newline="") as rows:
        for vote in csv.DictReader(rows):
            scores = raters.setdefault(vote["rater"], np.full(len(photos), np.nan))
            scores[row[vote["filename"]]] = float(vote["score"])
    found = [event for event in embed(photos, BACKBONE, cache=cache) if isinstance(event, Embedded)]
    vectors = [event.vector for event in found if event.vector is not None]
    if len(vectors) < len(photos):
        raise SystemExit("some photos of the evaluation set can't be read")
    return Album(photos, tuple(event.content_hash for event in found), np.stack(vectors), list(raters.values()))


def draws(album: Album, n: int, count: int) -> Iterator[Draw]:
    """Yield splits with `n` scores to learn from."""
    order = np.random.default_rng(0).permutation(len(album.raters))
    everyone = np.nanmean(np.stack(album.raters), axis=0)
    for seed in range(count):
        scores = album.raters[order[seed]] if n <= MOST_OF_ONE_PERSON else everyone
        rows = np.flatnonzero(np.isfinite(scores))
        data = _training_set(album, rows, scores[rows], seed)
        random = np.random.default_rng(seed)
        groups = random.permutation(np.unique(data.groups))
        wanted = min(max(rows.size - n, 1), _MOST_TESTED)
        chosen: list[int] = []
        for group in groups:
            size = int((data.groups == group).sum())
            if size <= wanted:
                chosen.append(int(group))
                wanted -= size
        held_out = np.isin(data.groups, chosen)
        learned = random.permutation(np.flatnonzero(~held_out))[:n]
        yield Draw(data, np.sort(learned), np.flatnonzero(held_out))


def _training_set(album: Album, rows: NDArray[np.int64], scores: NDArray[np.float64], seed: int) -> TrainingSet:
    features = album.features[rows]
    blocks = [width for _, width in get_backbone(BACKBONE).blocks]
    photos = tuple(album.photos[row] for row in rows)
    groups = group_photos([photo.name for photo in photos], features, blocks)
    hashes = tuple(album.hashes[row] for row in rows)
    return TrainingSet(features, scores, groups, features, blocks, seed, photos, hashes, SCALE)


def one_fit(family: str, draw: Draw) -> tuple[Metrics, float]:
    """Return a family's figures on the photos it never saw, and the seconds of its fit."""
    scorer = make_scorer(Recipe(family, BACKBONE))
    begun = time.perf_counter()
    exhaust(scorer.fit(draw.data.subset(draw.seen)))
    seconds = time.perf_counter() - begun
    predicted = scorer.predict(scorer.vectors(draw.data.subset(draw.unseen)))
    return evaluate(draw.data.scores[draw.unseen], np.clip(predicted, *SCALE)), seconds


def plain_ways(families: Sequence[str]) -> dict[str, Any]:
    """Return scikit-learn's estimators of the same kinds, as they come."""
    from sklearn.ensemble import (
        GradientBoostingRegressor,
        HistGradientBoostingRegressor,
        RandomForestRegressor,
    )
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.linear_model import Ridge
    from sklearn.neural_network import MLPRegressor
    from sklearn.svm import SVR

    known = {
        "frozen": lambda: MLPRegressor(random_state=0),
        "random-forest": lambda: RandomForestRegressor(random_state=0),
        "svr": SVR,
        "gradient-boosting": lambda: GradientBoostingRegressor(random_state=0),
        "ridge": Ridge,
        "gp": GaussianProcessRegressor,
        "hist-gradient-boosting": lambda: HistGradientBoostingRegressor(random_state=0),
    }
    return {name: known[name] for name in families if name in known}


def one_plain_fit(make: Any, draw: Draw) -> tuple[Metrics, float]:
    """Return the figures of an estimator as it comes, on the network's pooled output as it comes."""
    widths = [width for _, width in get_backbone(BACKBONE).blocks]
    pooled = slice(sum(widths[:-2]), sum(widths[:-1]))
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a default that has not converged is a default all the same
        estimator = make().fit(draw.data.features[draw.seen][:, pooled], draw.data.scores[draw.seen])
    seconds = time.perf_counter() - begun
    predicted = estimator.predict(draw.data.features[draw.unseen][:, pooled])
    return evaluate(draw.data.scores[draw.unseen], np.clip(predicted, *SCALE)), seconds


def measure(album: Album, families: Sequence[str], n: int, count: int) -> dict[str, Results]:
    """Return what each way achieved with `n` scores, over `count` draws; the baselines first."""
    found: dict[str, Results] = {}
    plain = plain_ways(families)
    for number, draw in enumerate(draws(album, n, count), start=1):
        baselines = Baselines(draw.data)
        baselines.guess(draw.seen, draw.unseen)
        for name, metrics in baselines.metrics().items():
            found.setdefault(f"always {name}" if name == "mean" else "nearest photo", Results()).metrics.append(metrics)
        for family in families:
            print(f"\r{n} scores, draw {number} of {count}: {family:24}", end="", file=sys.stderr, flush=True)
            _note(found, family, one_fit(family, draw))
            if family in plain:
                _note(found, f"plain {family}", one_plain_fit(plain[family], draw))
    print("\r" + " " * 70 + "\r", end="", file=sys.stderr, flush=True)
    return found


def _note(found: dict[str, Results], name: str, fit: tuple[Metrics, float]) -> None:
    results = found.setdefault(name, Results())
    results.metrics.append(fit[0])
    results.seconds.append(fit[1])


def against(results: Results, reference: Results) -> str:
    """Return the mean difference in SRCC to another way on the same draws, with its 95 % interval over them."""
    gaps = np.array(
        [(a.srcc or 0.0) - (b.srcc or 0.0) for a, b in zip(results.metrics, reference.metrics, strict=True)]
    )
    half = 1.96 * float(gaps.std(ddof=1)) / np.sqrt(gaps.size) if gaps.size > 1 else float("nan")
    return f"{gaps.mean():+.3f} ± {half:.3f}"


def print_results(n: int, count: int, found: dict[str, Results]) -> None:
    """Print one size's table."""
    whose = f"{count} single persons" if n <= MOST_OF_ONE_PERSON else f"mean score of all raters, {count} splits"
    reference = found.get(_REFERENCE)
    rows = []
    for name, results in found.items():
        compared = against(results, reference) if reference and results is not reference else ""
        seconds = f"{np.mean(results.seconds):.2f}" if results.seconds else ""
        rows.append(
            (
                name,
                "–" if name == "always mean" else f"{results.mean('srcc'):.3f}",
                "" if name == "always mean" else compared,
                f"{results.mean('mae'):.3f}",
                f"{results.mean('r2'):.3f}",
                seconds,
            )
        )
    head = ("way", "SRCC", f"SRCC − {_REFERENCE}'s", "MAE", "R²", "fit (s)")
    print_table(f"{n} scores ({whose}; scale 1…7)", head, rows)


def run(families: Sequence[str], sizes: Sequence[int], people: int, splits: int) -> None:
    """Measure and print all sizes."""
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if not base.is_dir():
        print(f"skipped: there is no {base}; set BEHOLDER_EVAL_DATA")
        return
    with tempfile.TemporaryDirectory() as scratch, FeatureCache(Path(scratch) / "features.sqlite") as cache:
        album = read_album(base, cache)
        for n in sizes:
            count = people if n <= MOST_OF_ONE_PERSON else splits
            print_results(n, count, measure(album, families, n, count))


def feature_families() -> list[str]:
    """Return the families that learn from feature vectors: the quick ones."""
    return [name for name, family in FAMILIES.items() if not family.trains_network]


def main() -> None:
    """Print the short form, as a part of all benchmarks."""
    run(feature_families(), (75, 300), people=6, splits=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--people", type=int, default=20, help="persons where each draw is one")
    parser.add_argument("--splits", type=int, default=6, help="splits where each draw is the mean of all raters")
    parser.add_argument("--n", default="75,150,300", help="how many scores are learned from")
    parser.add_argument("--families", default="", help="model families; otherwise all but finetune, which takes long")
    asked = parser.parse_args()
    run(
        [check_model(name) for name in asked.families.split(",")] if asked.families else feature_families(),
        [int(size) for size in asked.n.split(",")],
        asked.people,
        asked.splits,
    )
