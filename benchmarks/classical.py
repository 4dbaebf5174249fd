"""Forest, boosting and stacking beside scikit-learn's as they come: ``python -m benchmarks.classical [--quick]``.

Features as a network gives them, 1,000 photos of 1,280 numbers, are made: what a fit costs hangs on how many they are,
not on what they show. How well photos are ranked is measured on real people's votes, ``oasis/`` below
``$BEHOLDER_EVAL_DATA``, on groups that no fit has seen; of its 396 photos 300 mean scores stand for a thousand.

*Plain* is the estimator with its defaults. The plain stack is ``StackingRegressor`` with its defaults over
``RandomForestRegressor``, ``SVR``, ``GradientBoostingRegressor`` and ``Ridge`` with theirs: each is fitted six times,
once on all photos and once without each of five folds. The whole takes some ten minutes, nearly all of it the plain
way's; ``--quick`` takes 300 photos, 120 for the stack, and ranks nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.comparison import Comparison, print_comparisons, quickest, seconds
from benchmarks.model_families import MOST_OF_ONE_PERSON, Album, draws, one_fit, one_plain_fit, read_album
from engine.events import exhaust
from engine.features.cache import FeatureCache
from engine.models.base import Recipe, TrainingSet
from engine.models.catalog import make_scorer
from engine.training.threads import few_threads

NAME = "Classical models, fitted and asked, against scikit-learn's defaults"
FAMILIES = ("random-forest", "gradient-boosting", "stacking")
_PHOTOS, _ASKED, _WIDTH = 1000, 200, 1280
_QUICK = {"random-forest": 300, "gradient-boosting": 300, "stacking": 120}
_MOST = 0.1
_MANY = 300
_DRAWS = {"random-forest": (10, 1), "gradient-boosting": (10, 1), "stacking": (4, 1)}  # of single persons, of splits


def compare(quick: bool) -> Iterator[Comparison]:
    """Yield a line a family: seconds of one fit and 200 predictions, and what it ranks beside the plain way."""
    album = None if quick else _album()
    for family in FAMILIES:
        data, asked = made_album(_QUICK[family] if quick else _PHOTOS)
        ours = quickest(partial(_ours, family, data, asked), rounds=2)
        plain = seconds(partial(_plain, family, data, asked))
        yield Comparison(
            f"{family}, {data.scores.size:,} × {_WIDTH:,}",
            "s",
            plain,
            ours,
            must=f"≤ {_MOST} × plain",
            holds=ours <= _MOST * plain,
            remark="" if album is None else f"SRCC {_ranked(family, album)}",
        )


def made_album(photos: int) -> tuple[TrainingSet, NDArray[np.float32]]:
    """Return scored photos' features, and those of 200 others: correlated, none below 0, as a network's last stage."""
    random = np.random.default_rng(0)
    count = photos + _ASKED
    hidden = random.normal(size=(count, 60)) * np.linspace(2.0, 0.3, 60)
    said = hidden @ random.normal(size=(60, _WIDTH)) / 4 + 0.7 * random.normal(size=(count, _WIDTH)) - 0.5
    features = np.maximum(said, 0.0).astype(np.float32)
    scores = np.clip(50 + 4 * (hidden[:, :8] @ random.normal(size=8)) + 4 * random.normal(size=count), 0, 100)
    known = features[:photos]
    data = TrainingSet(known, scores[:photos], np.arange(photos, dtype=np.int64), known, [_WIDTH])
    return data, features[photos:]


def _ours(family: str, data: TrainingSet, asked: NDArray[np.float32]) -> None:
    with few_threads(family, data.scores.size):  # as every training does
        scorer = make_scorer(Recipe(family))
        exhaust(scorer.fit(data))
        scorer.predict(asked)


def _plain(family: str, data: TrainingSet, asked: NDArray[np.float32]) -> None:
    plain_estimator(family).fit(data.features, data.scores).predict(asked)


def plain_estimator(family: str) -> Any:
    """Return scikit-learn's estimator of a kind, as it comes."""
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor, StackingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.svm import SVR

    forest, booster = RandomForestRegressor(random_state=0), GradientBoostingRegressor(random_state=0)
    if family == "stacking":
        return StackingRegressor([("forest", forest), ("svr", SVR()), ("booster", booster), ("ridge", Ridge())])
    return {"random-forest": forest, "gradient-boosting": booster}[family]


def _album() -> Album | None:
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if not base.is_dir():
        print(f"there is no {base}: how well photos are ranked is not measured; set BEHOLDER_EVAL_DATA")
        return None
    with tempfile.TemporaryDirectory() as scratch, FeatureCache(Path(scratch) / "features.sqlite") as cache:
        return read_album(base, cache)


def _ranked(family: str, album: Album) -> str:
    """Say how a family ranks photos of groups it never saw, beside the plain way on the network's pooled output."""
    parts = []
    for n, count in zip((MOST_OF_ONE_PERSON, _MANY), _DRAWS[family], strict=True):
        drawn = list(draws(album, n, count))
        with few_threads(family, n):
            ours = [one_fit(family, draw)[0].srcc or 0.0 for draw in drawn]
        plain = [one_plain_fit(partial(plain_estimator, family), draw)[0].srcc or 0.0 for draw in drawn]
        whose = f"{n} scores of one person, {count} persons" if n <= MOST_OF_ONE_PERSON else f"{n} mean scores"
        parts.append(f"{_paired(ours, plain)} ({whose})")
    return "; ".join(parts)


def _paired(ours: Sequence[float], plain: Sequence[float]) -> str:
    gaps = np.subtract(ours, plain)
    half = f" ± {1.96 * gaps.std(ddof=1) / np.sqrt(gaps.size):.3f}" if gaps.size > 1 else ""
    return f"{np.mean(ours):.3f} against {np.mean(plain):.3f}, {gaps.mean():+.3f}{half}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classical", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer photos, and nothing is ranked")
    print_comparisons(NAME, list(compare(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
