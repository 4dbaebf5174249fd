"""`random-forest`: scikit-learn's random forest on deep features, grown tree by tree under the person's eyes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.events import CurvePoint, Event, raise_if_stopped
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.settings import settings
from engine.models.skops_file import load_estimator, read_stored, save_estimator
from engine.models.sound_trees import check_features, check_trees
from engine.models.stored_trees import StoredEstimator, StoredTrees
from engine.storage import write_bytes

# trees between two points of the curve; a step costs more than its trees, so they are wider where nobody watches
_STEP, _STEP_UNWATCHED = 25, 75
_FILE = "forest.skops"
_TRUSTED = (
    "sklearn.ensemble._forest.RandomForestRegressor",
    "sklearn.tree._classes.DecisionTreeRegressor",
    "sklearn.tree._tree.Tree",
)
_RECIPE, _ALONE = Recipe("random-forest"), FitControl()


class RandomForest(OnFeatures):
    """By default 300 trees, √D features tried at each split, at least two photos in a leaf; a `Scorer`.

    The curve shows the error on the photos a tree did not see (out of bag) and on the validation part. Asked to finish
    early it keeps the trees that have grown: a further one never makes a forest worse but by chance.
    """

    name: ClassVar[str] = "random-forest"

    def __init__(self, recipe: Recipe = _RECIPE) -> None:
        chosen = settings(recipe)
        self._wanted, self._leaf = int(chosen["trees"]), int(chosen["min_samples_leaf"])
        self._tried = str(chosen["max_features"])
        self._grown: Any = None
        self._stored: StoredTrees | None = None
        self._file: tuple[Path, bytes] | None = None
        self._oob_mae: float | None = None

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Grow the forest in steps, a curve point each; see `Scorer.fit`."""
        from sklearn.ensemble import RandomForestRegressor

        # sqrt(D) candidates are a fifth of the work of D/3 and, with thousands of correlated features, as good
        forest = RandomForestRegressor(
            max_features=self._tried if self._tried in {"sqrt", "log2"} else float(self._tried),
            min_samples_leaf=self._leaf,
            warm_start=True,
            n_jobs=-1,
            random_state=data.seed,
        )
        watched = validation is not None and validation.scores.size > 0
        step = _STEP if watched else _STEP_UNWATCHED
        out_of_bag, unseen = _Answers(data.scores.size), _Answers(0 if validation is None else validation.scores.size)
        known = 0
        for trees in [*range(step, self._wanted, step), self._wanted]:
            raise_if_stopped(control.should_stop)
            forest.set_params(n_estimators=trees)
            forest.fit(data.features, data.scores)
            # only the new trees are asked: those of earlier steps have not changed their minds
            for tree, drawn in zip(forest.estimators_[known:], forest.estimators_samples_[known:], strict=True):
                left_out = np.bincount(drawn, minlength=data.scores.size) == 0
                out_of_bag.add(_said(tree, data.features), left_out)
                if validation is not None and watched:
                    unseen.add(_said(tree, validation.features), np.ones(validation.scores.size, np.bool_))
            known = trees
            self._oob_mae = out_of_bag.error(data.scores)
            error = unseen.error(validation.scores) if validation is not None and watched else None
            yield CurvePoint("trees", float(trees), "mae", self._oob_mae, error)
            if control.should_finish():
                break
        # one thread predicts a handful of photos faster than a pool starts, and always sums in the same order
        forest.set_params(n_jobs=1, warm_start=False)
        self._grown, self._stored, self._file = forest, None, None

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features."""
        if self._stored is not None:
            return self._stored.predict(features)
        if self._grown is None:
            raise ValueError("not fitted")
        if not features.shape[0]:
            return np.zeros(0)  # scikit-learn refuses to predict nothing
        guessed: Scores = np.asarray(self._grown.predict(features), np.float64)
        return guessed

    @property
    def _forest(self) -> Any:
        """scikit-learn's forest, for an export; that of a loaded model is made when it is first asked for."""
        if self._grown is None and self._file is not None:
            self._grown = _load(*self._file)
        return self._grown

    def details(self) -> dict[str, float | int | str]:
        """Return the number of trees and, after a fit, the out-of-bag error."""
        found: dict[str, float | int | str] = {
            "trees": self._count(),
            "max_features": self._tried,
            "min_samples_leaf": self._leaf,
        }
        return found if self._oob_mae is None else {**found, "out_of_bag_mae": round(self._oob_mae, 6)}

    def _count(self) -> int:
        if self._stored is not None:
            return int(self._stored.roots.size)
        return len(self._grown.estimators_) if self._grown is not None else 0

    def save(self, folder: Path) -> None:
        """Write ``forest.skops``."""
        if self._file is not None:
            write_bytes(folder / _FILE, self._file[1])
            return
        if self._grown is None:
            raise ValueError("not fitted")
        save_estimator(folder / _FILE, self._grown)

    @classmethod
    def load(cls, folder: Path) -> RandomForest:
        """Return the fitted forest that `save` wrote; see `Scorer.load`. No scikit-learn is imported."""
        model = cls()
        path = folder / _FILE
        (model._stored, model._tried, model._leaf), data = read_stored(path, _TRUSTED[0], _TRUSTED, _read)
        model._file = path, data
        return model


class _Answers:
    """The mean of what trees say of photos, tree by tree: not every tree has an answer for every photo."""

    def __init__(self, photos: int) -> None:
        self._sum, self._count = np.zeros(photos), np.zeros(photos)

    def add(self, said: Scores, rows: NDArray[np.bool_]) -> None:
        """Take a tree's (N,) answers, for the photos among them that it may be asked about."""
        self._sum[rows] += said[rows]
        self._count[rows] += 1

    def error(self, scores: Scores) -> float:
        """Return the mean absolute error; a photo that nobody has said anything of counts as 0, as in scikit-learn."""
        return float(np.abs(self._sum / np.maximum(self._count, 1) - scores).mean())


def _said(tree: Any, features: Features) -> Scores:
    """Return a fitted tree's (N,) answers, without the checks of its input that take longer than they do."""
    said: Scores = tree.tree_.predict(features)[:, 0]
    return said


def _read(stored: StoredEstimator) -> tuple[StoredTrees, str, int]:
    tried, leaf = stored.plain("max_features"), stored.plain("min_samples_leaf")
    if type(leaf) is not int or type(tried) not in {str, float}:
        raise ValueError("settings of another kind")
    return StoredTrees.of(stored.forest(), stored.features, is_mean=True), str(tried), leaf


def _load(path: Path, data: bytes) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    def check(forest: Any) -> None:
        check_trees(forest.estimators_, check_features(forest))
        if type(forest.min_samples_leaf) is not int or type(forest.max_features) not in {str, float}:
            raise ValueError("settings of another kind")
        forest.set_params(n_jobs=1, verbose=0)

    return load_estimator(path, RandomForestRegressor, _TRUSTED, check, data)
