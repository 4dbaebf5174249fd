"""`stacking`: several families asked at once, each heard as far as it was right about photos that it had not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np

from engine.events import CurvePoint, Event, exhaust, raise_if_stopped
from engine.models.arrays import load_shaped, save_arrays
from engine.models.base import (
    Features,
    FitControl,
    OnFeatures,
    Recipe,
    Scorer,
    Scores,
    Setting,
    Settled,
    TrainingSet,
)
from engine.models.catalog import make_scorer, scorer_class
from engine.models.crew import Crew
from engine.models.damaged import damaged_model
from engine.models.folds import deal_folds
from engine.models.kernels import Matrix
from engine.models.products import shared
from engine.models.settings import settings

# Each kind of model once, so that their errors differ: taste, the straight line, likeness to neighbours with and
# without a tube, bagged and boosted trees. Histogram boosting is left out: it errs where the other booster errs.
# The trees are fewer than when they stand alone: each base is fitted six times, and averaging smooths as trees do.
BASES: Mapping[str, Mapping[str, Setting]] = {
    "taste": {},
    "ridge": {},
    "svr": {},
    "gp": {},
    "random-forest": {"trees": 60},
    "gradient-boosting": {"stages": 100, "learning_rate": 0.08},
}
_FEW = 100  # scores at which the penalty counts half
_SILENT = 1e-6  # a weight below this is not heard, so its model need not be kept
_FILE = "stacking.safetensors"
_RECIPE, _ALONE = Recipe("stacking"), FitControl()


class Stacking(OnFeatures):
    """A weighted sum of the families in `BASES`; a `Scorer`.

    The weights, none below 0, come from out-of-fold predictions by grouped folds (Wolpert 1992; Breiman 1996) and are
    drawn towards the plain mean of all, more so the fewer scores there are to tell the families apart. A family chooses
    its few settings once, from all photos, and not anew in each fold.
    """

    name: ClassVar[str] = "stacking"

    def __init__(self, recipe: Recipe = _RECIPE) -> None:
        chosen = settings(recipe)
        self._strength, self._folds = float(chosen["strength"]), int(chosen["folds"])
        self._weights: Scores = np.zeros(len(BASES))
        self._intercept = 0.0
        self._bases: dict[str, Scorer] = {}

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Fit the families, then weigh them fold by fold, a curve point each; see `Scorer.fit`.

        The curve shows the weighted sum's error on the photos whose out-of-fold predictions it was fitted to, and on
        the validation part, there with the mean of the folds' models. Asked to finish early it weighs by the folds
        that are done.
        """
        folds = deal_folds(data.groups, self._folds, data.seed)
        count = int(folds.max()) + 1 if folds.max() else 0
        parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(count)]
        held_out = np.full((data.scores.size, len(BASES)), np.nan)
        unseen = None if validation is None or not validation.scores.size else validation
        watched: Matrix = np.zeros((0 if unseen is None else unseen.scores.size, len(BASES)))
        weights, intercept = np.full(len(BASES), 1 / len(BASES)), 0.0
        data = shared(data)
        with Crew(control.should_stop) as crew:
            # each family chooses its settings once, from all; the folds tell how well it does with them
            whole = dict(zip(BASES, crew.all([partial(_fitted, name, data, control) for name in BASES]), strict=True))
            asked = [
                partial(_asked, whole[name], name, data.subset(seen), control) for seen, _ in parts for name in BASES
            ]
            answers = crew.each(asked)
            for fold, (_, rows) in enumerate(parts):
                for number, base in enumerate(islice(answers, len(BASES))):
                    held_out[rows, number] = base.predict(data.features[rows])
                    if unseen is not None:
                        watched[:, number] += base.predict(unseen.features)
                known = np.flatnonzero(folds <= fold)
                weights, intercept = weigh(held_out[known], data.scores[known], self._strength)
                train = float(np.abs(held_out[known] @ weights + intercept - data.scores[known]).mean())
                error = None
                if unseen is not None:
                    guess = watched / (fold + 1) @ weights + intercept
                    error = float(np.abs(guess - unseen.scores).mean())
                yield CurvePoint("folds", float(fold + 1), "mae", train, error)
                if control.should_finish():
                    break
        weights[weights < _SILENT] = 0.0
        self._bases = {name: whole[name] for name in _heard(weights)}
        self._weights, self._intercept = weights, intercept

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features."""
        if not self._bases:
            raise ValueError("not fitted")
        weights = dict(zip(BASES, self._weights.tolist(), strict=True))
        total: Scores = np.full(features.shape[0], self._intercept)
        for name, base in self._bases.items():
            total += weights[name] * base.predict(features)
        return total

    def details(self) -> dict[str, float | int | str]:
        """Return the weight of each family."""
        return {name: round(weight, 6) for name, weight in zip(BASES, self._weights.tolist(), strict=True)}

    def save(self, folder: Path) -> None:
        """Write ``stacking.safetensors`` and the files of each family that is heard, under their own names."""
        if not self._bases:
            raise ValueError("not fitted")
        save_arrays(folder / _FILE, {"weights": self._weights, "intercept": np.array([self._intercept])})
        for base in self._bases.values():
            base.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Stacking:
        """Return the fitted model that `save` wrote; see `Scorer.load`."""
        arrays = load_shaped(folder / _FILE, {"weights": (len(BASES),), "intercept": (1,)})
        model = cls()
        model._weights, model._intercept = arrays["weights"], float(arrays["intercept"][0])
        if (model._weights < 0).any() or not model._weights.any():
            raise damaged_model(folder / _FILE, "its weights make no sense")
        model._bases = {name: scorer_class(name).load(folder) for name in _heard(model._weights)}
        return model


def _heard(weights: Scores) -> list[str]:
    return [name for name, weight in zip(BASES, weights.tolist(), strict=True) if weight > 0]


def _asked(whole: Scorer, name: str, data: TrainingSet, control: FitControl) -> Scorer:
    """Return a family's model of a part of the photos, with the settings that it has chosen."""
    raise_if_stopped(control.should_stop)
    return whole.again(data) if isinstance(whole, Settled) else _fitted(name, data, control)


def _fitted(name: str, data: TrainingSet, control: FitControl) -> Scorer:
    raise_if_stopped(control.should_stop)
    base = make_scorer(Recipe(name, params=BASES[name]))
    exhaust(base.fit(data, None, control=FitControl(control.should_stop)))
    return base


def weigh(guesses: Matrix, scores: Scores, strength: float) -> tuple[Scores, float]:
    """Return the weights, none below 0, and the intercept of a sum of predictions that fits scores best.

    Ridge regression whose penalty draws the weights towards 1/K each instead of 0: where nothing tells the columns
    apart, the answer is their mean.

    Args:
        guesses: (N, K) out-of-fold predictions, finite. scores: (N,).
        strength: the penalty relative to the columns' mean squared length, above 0; it counts for less as N grows.
    """
    from scipy.optimize import nnls

    count, kinds = guesses.shape
    away, target = guesses - guesses.mean(axis=0), scores - scores.mean()
    even = np.full(kinds, 1 / kinds)
    length = max(float((away**2).sum()) / kinds, 1e-9)
    pull = np.sqrt(strength * length * _FEW / (count + _FEW))
    system = np.concatenate([away, pull * np.eye(kinds)])
    weights: Scores = np.asarray(nnls(system, np.concatenate([target, pull * even]))[0], np.float64)
    if not weights.any():
        weights = even
    return weights, float(scores.mean() - guesses.mean(axis=0) @ weights)
