"""On real photos with real people's scores: nothing shows a family to be worse than scikit-learn as it comes."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.svm import SVR

from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.metrics import correlation, paired_difference, ranks
from engine.models.base import Recipe, TrainingSet
from engine.models.catalog import make_scorer
from engine.models.folds import deal_folds

PLAIN = {
    "ridge": Ridge(),
    "svr": SVR(),
    "random-forest": RandomForestRegressor(max_features="sqrt", random_state=0),  # all columns would take minutes
    "gradient-boosting": GradientBoostingRegressor(n_estimators=40, random_state=0),  # likewise
    "hist-gradient-boosting": HistGradientBoostingRegressor(max_iter=30, random_state=0),
}
PHOTOS = 240


@pytest.fixture(scope="module")
def votes(tmp_path_factory):
    """Return real photos with the mean of real people's scores, grouped by theme."""
    folder = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "oasis"
    if not folder.is_dir():
        pytest.skip(f"there is no evaluation set in {folder}; BEHOLDER_EVAL_DATA names its folder")
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as rows:
        everything = list(csv.DictReader(rows))
    photos = [everything[row] for row in np.random.default_rng(0).permutation(len(everything))[:PHOTOS]]
    backbone = get_backbone("efficientnet_lite0")
    with FeatureCache(tmp_path_factory.mktemp("oasis") / "features.sqlite") as cache:
        events = embed([folder / "images" / row["filename"] for row in photos], backbone, cache=cache)
        vectors = {event.path.name: event.vector for event in events if isinstance(event, Embedded)}
    features = np.stack([vectors[row["filename"]] for row in photos])
    themes = ["Thunderstorm" if row["theme"] == "Lightning" else row["theme"] for row in photos]
    _, groups = np.unique(themes, return_inverse=True)
    scores = np.array([float(row["mean_score"]) for row in photos])
    return TrainingSet(features, scores, groups, features, [width for _, width in backbone.blocks], scale=(1.0, 7.0))


def out_of_fold(data, guess):
    folds = deal_folds(data.groups, 3, seed=0)
    found = np.zeros(data.scores.size)
    for fold in range(3):
        seen, unseen = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        found[unseen] = guess(data.subset(seen), data.features[unseen])
    return found


def ours(name):
    def guess(data, unseen):
        scorer = make_scorer(Recipe(name))
        list(scorer.fit(data))
        return scorer.predict(unseen)

    return guess


def check_not_worse(data, found, plain):
    """One split of so few photos can't tell small differences: the interval, over themes, must not lie below zero."""
    assert correlation(ranks(data.scores), ranks(found)) > 0.5
    _, _, highest = paired_difference(data.scores, found, plain, data.groups)
    assert highest >= 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_nothing_shows_a_family_to_be_worse_than_scikit_learns_own(name, votes):
    plain = out_of_fold(votes, lambda data, unseen: PLAIN[name].fit(data.features, data.scores).predict(unseen))
    check_not_worse(votes, out_of_fold(votes, ours(name)), plain)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gp", "stacking"])
def test_nothing_shows_those_that_combine_to_be_worse_than_plain_ridge(name, votes):
    plain = out_of_fold(votes, lambda data, unseen: Ridge().fit(data.features, data.scores).predict(unseen))
    check_not_worse(votes, out_of_fold(votes, ours(name)), plain)


@pytest.mark.slow
def test_the_gaussian_process_is_about_as_sure_as_it_may_be(votes):
    folds = deal_folds(votes.groups, 3, seed=0)
    inside = []
    for fold in range(3):
        seen, unseen = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        scorer = make_scorer(Recipe("gp"))
        list(scorer.fit(votes.subset(seen)))
        error = np.abs(scorer.predict(votes.features[unseen]) - votes.scores[unseen])
        inside.append(error < 1.645 * scorer.spread(votes.features[unseen]))
    assert 0.75 < np.concatenate(inside).mean() < 0.99
