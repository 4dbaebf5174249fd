"""`random-forest`: scikit-learn's random forest on deep features, grown tree by tree under the person's eyes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from engine.errors import DamagedFile
from engine.events import CurvePoint, Event, raise_if_stopped
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.skops_file import load_estimator, save_estimator

_TREES = 300
_STEP = 25
_TRUSTED = ("sklearn.tree._tree.Tree",)
_RECIPE, _ALONE = Recipe("random-forest"), FitControl()


class RandomForest(OnFeatures):
    """300 trees, √D features tried at each split, at least two photos in a leaf; a `Scorer`.

    The curve shows the error on the photos a tree did not see (out of bag) and on the validation part.
    """

    name: ClassVar[str] = "random-forest"

    def __init__(self, recipe: Recipe = _RECIPE) -> None:
        self._forest: Any = None
        self._oob_mae = 0.0

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Grow the forest in steps, a curve point each; see `Scorer.fit`."""
        from sklearn.ensemble import RandomForestRegressor

        # sqrt(D) candidates are a fifth of the work of D/3 and, with thousands of correlated features, as good
        forest = RandomForestRegressor(
            n_estimators=_STEP,
            max_features="sqrt",
            min_samples_leaf=2,
            oob_score=True,
            warm_start=True,
            n_jobs=-1,
            random_state=data.seed,
        )
        for trees in range(_STEP, _TREES + 1, _STEP):
            raise_if_stopped(control.should_stop)
            forest.set_params(n_estimators=trees)
            with warnings.catch_warnings():
                # with few trees some photos have no out-of-bag guess yet
                warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
                forest.fit(data.features, data.scores)
            self._oob_mae = float(np.abs(forest.oob_prediction_ - data.scores).mean())
            unseen = None
            if validation is not None and validation.scores.size:
                unseen = float(np.abs(forest.predict(validation.features) - validation.scores).mean())
            yield CurvePoint("trees", float(trees), "mae", self._oob_mae, unseen)
        self._forest = forest

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features."""
        guessed: Scores = np.asarray(self._forest.predict(features), np.float64)
        return guessed

    def details(self) -> dict[str, float | int | str]:
        """Return the number of trees and the out-of-bag error."""
        return {"trees": _TREES, "out_of_bag_mae": round(self._oob_mae, 6)}

    def save(self, folder: Path) -> None:
        """Write ``forest.skops``."""
        # one thread predicts a handful of photos faster than a pool starts
        self._forest.set_params(n_jobs=1, warm_start=False)
        save_estimator(folder / "forest.skops", self._forest)

    @classmethod
    def load(cls, folder: Path) -> RandomForest:
        """Return the fitted forest that `save` wrote; see `Scorer.load`."""
        from sklearn.ensemble import RandomForestRegressor

        model = cls()
        model._forest = load_estimator(folder / "forest.skops", _TRUSTED)
        if not isinstance(model._forest, RandomForestRegressor):
            raise DamagedFile(
                "{path} holds no random forest.",
                remedy="Delete this model and train it again.",
                path=folder / "forest.skops",
            )
        return model
