"""`gradient-boosting` and `hist-gradient-boosting`: trees that each mend what the ones before got wrong."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.events import CurvePoint, Event, raise_if_stopped
from engine.models.arrays import load_arrays, save_arrays
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.damaged import damaged_model
from engine.models.settings import settings
from engine.models.skops_file import load_estimator, read_stored, save_estimator
from engine.models.sound_trees import check_features, check_predictors, check_trees
from engine.models.stored_trees import StoredEstimator, StoredTrees
from engine.storage import write_bytes

# points of the live curve, and how often a fit looks whether it should stop; a step costs more than its stages, so
# there are fewer where no validation part is watched
_POINTS, _POINTS_UNWATCHED = 20, 5
_LOSS_TYPES = (
    "sklearn._loss._loss.CyHalfSquaredError",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.loss.HalfSquaredError",
)
_RECIPE, _HIST_RECIPE, _ALONE = Recipe("gradient-boosting"), Recipe("hist-gradient-boosting"), FitControl()

Unseen = tuple[Features, Scores] | None


class _Boosting(OnFeatures):
    """What both boosters share: an estimator that was fitted here, or trees that were read from a file."""

    _FILE: ClassVar[str]

    def __init__(self) -> None:
        self._grown: Any = None
        self._stored: StoredTrees | None = None
        self._file: tuple[Path, bytes] | None = None

    @property
    def _booster(self) -> Any:
        """scikit-learn's booster, for an export; that of a loaded model is made when it is first asked for."""
        if self._grown is None and self._file is not None:
            self._grown = self._make(*self._file)
        return self._grown

    def _make(self, path: Path, data: bytes) -> Any:
        raise NotImplementedError

    def _guess(self, told: Features) -> Scores:
        if self._stored is not None:
            return self._stored.predict(told)
        if self._grown is None:
            raise ValueError("not fitted")
        if not told.shape[0]:
            return np.zeros(0)  # scikit-learn refuses to predict nothing
        guessed: Scores = np.asarray(self._grown.predict(told), np.float64)
        return guessed

    def _count(self, stages: str) -> int:
        if self._stored is not None:
            return int(self._stored.roots.size)
        return len(getattr(self._grown, stages)) if self._grown is not None else 0

    def _save(self, folder: Path) -> None:
        if self._file is not None:
            write_bytes(folder / self._FILE, self._file[1])
            return
        if self._grown is None:
            raise ValueError("not fitted")
        save_estimator(folder / self._FILE, self._grown)


class GradientBoosting(_Boosting):
    """scikit-learn's gradient boosting of small trees on deep features; a `Scorer`.

    Each split looks at √D features: with thousands of correlated ones that is as good as all, and sixty times faster.
    Asked to finish early it keeps the stages that did best on the validation part, or all where there is none.
    """

    name: ClassVar[str] = "gradient-boosting"
    _FILE: ClassVar[str] = "boosting.skops"
    _TRUSTED: ClassVar[tuple[str, ...]] = (
        *_LOSS_TYPES,
        "numpy.random.mtrand.RandomState",
        "sklearn.dummy.DummyRegressor",
        "sklearn.ensemble._gb.GradientBoostingRegressor",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._tree.Tree",
    )

    def __init__(self, recipe: Recipe = _RECIPE) -> None:
        chosen = settings(recipe)
        self._wanted, self._depth = int(chosen["stages"]), int(chosen["max_depth"])
        self._rate, self._share = float(chosen["learning_rate"]), float(chosen["subsample"])
        super().__init__()

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Add stages in steps, a curve point each; see `Scorer.fit`."""
        from sklearn.ensemble import GradientBoostingRegressor

        booster = GradientBoostingRegressor(
            learning_rate=self._rate,
            max_depth=self._depth,
            # a stage draws this share of the photos, and with a handful of them still has one to learn from
            subsample=max(self._share, min(1.0, 2 / data.scores.size)),
            max_features="sqrt",
            warm_start=True,
            random_state=data.seed,
        )

        def grow(stages: int) -> None:
            booster.set_params(n_estimators=stages)
            booster.fit(data.features, data.scores)

        unseen = None if validation is None else (validation.features, validation.scores)
        best = yield from _in_steps(grow, booster, (data.features, data.scores), unseen, self._wanted, control)
        booster.estimators_ = booster.estimators_[:best]
        booster.set_params(n_estimators=best, warm_start=False)
        booster.n_estimators_ = best
        self._grown, self._stored, self._file = booster, None, None

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features."""
        return self._guess(features)

    def details(self) -> dict[str, float | int | str]:
        """Return the settings, and how many stages were kept."""
        return {
            "stages": self._count("estimators_"),
            "learning_rate": self._rate,
            "max_depth": self._depth,
            "subsample": self._share,
        }

    def save(self, folder: Path) -> None:
        """Write ``boosting.skops``."""
        self._save(folder)

    @classmethod
    def load(cls, folder: Path) -> GradientBoosting:
        """Return the fitted booster that `save` wrote; see `Scorer.load`. No scikit-learn is imported."""

        def read(stored: StoredEstimator) -> tuple[StoredTrees, Any]:
            stored.check_loss()
            settings = [stored.number(name) for name in ("learning_rate", "subsample", "max_depth")]
            trees = stored.stages()
            return StoredTrees.of(trees, stored.features, start=stored.mean(), rate=settings[0]), settings

        model = cls()
        path = folder / cls._FILE
        kind = "sklearn.ensemble._gb.GradientBoostingRegressor"
        (model._stored, (model._rate, model._share, model._depth)), data = read_stored(path, kind, cls._TRUSTED, read)
        model._file = path, data
        return model

    def _make(self, path: Path, data: bytes) -> Any:
        from sklearn.ensemble import GradientBoostingRegressor

        return load_estimator(path, GradientBoostingRegressor, self._TRUSTED, _check_plain, data)


class HistGradientBoosting(_Boosting):
    """scikit-learn's histogram gradient boosting on the features that go with the scores most; a `Scorer`.

    Histograms pay off with many rows and few columns; a person's scores are the opposite, and with all columns a fit
    takes a hundred times as long. So the columns with the highest correlation, by amount, are kept: measured, they do
    better than as many principal components. Ends early as `GradientBoosting` does.
    """

    name: ClassVar[str] = "hist-gradient-boosting"
    _FILE: ClassVar[str] = "hist-boosting.skops"
    _COLUMNS: ClassVar[str] = "columns.safetensors"
    _TRUSTED: ClassVar[tuple[str, ...]] = (
        *_LOSS_TYPES,
        "numpy.random._generator.Generator",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    )

    def __init__(self, recipe: Recipe = _HIST_RECIPE) -> None:
        chosen = settings(recipe)
        self._wanted, self._leaves = int(chosen["stages"]), int(chosen["max_leaf_nodes"])
        self._rate, self._kept = float(chosen["learning_rate"]), int(chosen["columns"])
        self._columns: NDArray[np.int64] = np.zeros(0, np.int64)
        super().__init__()

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Choose the columns, then add stages in steps, a curve point each; see `Scorer.fit`."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        raise_if_stopped(control.should_stop)
        columns = telling_columns(data.features, data.scores, self._kept)
        told = data.features[:, columns]
        booster = HistGradientBoostingRegressor(
            learning_rate=self._rate,
            max_leaf_nodes=self._leaves,
            # a leaf of twenty, the library's own, would leave forty scores with a single split
            min_samples_leaf=int(np.clip(data.scores.size // 15, 2, 20)),
            max_features=0.3,
            early_stopping=False,
            warm_start=True,
            random_state=data.seed,
        )

        def grow(stages: int) -> None:
            booster.set_params(max_iter=stages)
            booster.fit(told, data.scores)

        unseen = None if validation is None else (validation.features[:, columns], validation.scores)
        best = yield from _in_steps(grow, booster, (told, data.scores), unseen, self._wanted, control)
        booster._predictors = booster._predictors[:best]
        booster.set_params(max_iter=best, warm_start=False)
        self._grown, self._stored, self._file, self._columns = booster, None, None, columns

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features."""
        return self._guess(features[:, self._columns])

    def details(self) -> dict[str, float | int | str]:
        """Return the settings, and how many columns and stages were kept."""
        return {
            "stages": self._count("_predictors"),
            "learning_rate": self._rate,
            "max_leaf_nodes": self._leaves,
            "columns": int(self._columns.size),
        }

    def save(self, folder: Path) -> None:
        """Write ``hist-boosting.skops`` and ``columns.safetensors``."""
        self._save(folder)
        save_arrays(folder / self._COLUMNS, {"columns": self._columns})

    @classmethod
    def load(cls, folder: Path) -> HistGradientBoosting:
        """Return the fitted booster that `save` wrote; see `Scorer.load`. No scikit-learn is imported."""
        columns = load_arrays(folder / cls._COLUMNS, ("columns",))["columns"]
        if columns.ndim != 1 or columns.dtype != np.int64 or (columns < 0).any() or (np.diff(columns) <= 0).any():
            raise damaged_model(folder / cls._COLUMNS, "it is no list of columns")

        def read(stored: StoredEstimator) -> tuple[StoredTrees, Any]:
            if stored.features != columns.size:
                raise ValueError("it takes another number of columns")
            stored.check_loss()
            if stored.plain("_preprocessor") is not None:
                raise ValueError("other features")
            settings = [stored.number(name) for name in ("learning_rate", "max_leaf_nodes")]
            return StoredTrees.of(stored.predictors(), stored.features, start=stored.baseline()), settings

        model = cls()
        path = folder / cls._FILE
        kind = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor"
        (model._stored, (model._rate, model._leaves)), data = read_stored(path, kind, cls._TRUSTED, read)
        model._file, model._columns = (path, data), columns
        return model

    def _make(self, path: Path, data: bytes) -> Any:
        from sklearn.ensemble import HistGradientBoostingRegressor

        def check(booster: Any) -> None:
            if check_features(booster) != self._columns.size:
                raise ValueError("it takes another number of columns")
            _check_hist(booster)

        return load_estimator(path, HistGradientBoostingRegressor, self._TRUSTED, check, data)


def telling_columns(features: Features, scores: Scores, count: int) -> NDArray[np.int64]:
    """Return the ascending numbers of the (up to) `count` columns that go with the scores most, up or down.

    Args:
        features: (N, D) float32, N ≥ 1.
        scores: (N,).
        count: how many are wanted, at least 1.
    """
    away = features - features.mean(axis=0, dtype=np.float64)
    length = np.sqrt((away**2).sum(axis=0))
    together = np.abs((scores - scores.mean()) @ away)
    # a column that never varies tells nothing, and what is left of it is rounding
    worth = np.where(length > 1e-6 * np.maximum(1.0, np.abs(features).max(axis=0)), together / (length + 1e-12), -1.0)
    return np.sort(np.argsort(-worth, kind="stable")[:count]).astype(np.int64)


def _in_steps(
    grow: Callable[[int], None],
    booster: Any,
    fitted: tuple[Features, Scores],
    unseen: Unseen,
    wanted: int,
    control: FitControl,
) -> Generator[Event, None, int]:
    """Grow a booster to the wanted number of stages, a curve point each step; return how many stages are to be kept."""
    watched = unseen is not None and unseen[1].size > 0
    step = max(1, round(wanted / (_POINTS if watched else _POINTS_UNWATCHED)))
    best, least = 0, np.inf
    for stages in [*range(step, wanted, step), wanted]:
        raise_if_stopped(control.should_stop)
        grow(stages)
        train = float(np.abs(booster.predict(fitted[0]) - fitted[1]).mean())
        error = None
        if unseen is not None and watched:
            error = float(np.abs(booster.predict(unseen[0]) - unseen[1]).mean())
        if error is None or error < least:
            best, least = stages, np.inf if error is None else error
        yield CurvePoint("stages", float(stages), "mae", train, error)
        if control.should_finish():
            return best
    return wanted


def _check_plain(booster: Any) -> None:
    """Refuse a gradient booster whose native code could be led astray; see `sound_trees`."""
    from sklearn._loss.loss import HalfSquaredError
    from sklearn.dummy import DummyRegressor

    stages, first, features = booster.estimators_, booster.init_, check_features(booster)
    if not isinstance(stages, np.ndarray) or stages.ndim != 2 or stages.shape[1] != 1:
        raise ValueError("stages of another shape")
    check_trees(stages[:, 0], features)
    if type(first) is not DummyRegressor or first.n_outputs_ != 1 or np.shape(first.constant_) != (1, 1):
        raise ValueError("it begins from something else than a mean")
    if type(booster._loss) is not HalfSquaredError or booster.n_trees_per_iteration_ != 1:
        raise ValueError("another loss")
    _check_settings(booster.learning_rate, booster.subsample, booster.max_depth)


def _check_hist(booster: Any) -> None:
    """Refuse a histogram booster whose native code could be led astray; see `sound_trees`."""
    from sklearn._loss.loss import HalfSquaredError

    features = check_features(booster)
    check_predictors(booster._predictors, features)
    categories = booster._bin_mapper.is_categorical_
    if not isinstance(categories, np.ndarray) or categories.shape != (features,) or categories.any():
        raise ValueError("categories")
    if np.shape(booster._baseline_prediction) != (1, 1) or booster.n_trees_per_iteration_ != 1:
        raise ValueError("it begins from something else than a mean")
    if type(booster._loss) is not HalfSquaredError or booster._preprocessor is not None:
        raise ValueError("another loss, or other features")
    _check_settings(booster.learning_rate, booster.max_leaf_nodes)


def _check_settings(*values: Any) -> None:
    if not all(type(value) in {int, float} and np.isfinite(value) for value in values):
        raise ValueError("settings that are no numbers")
