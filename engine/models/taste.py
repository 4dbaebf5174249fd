"""`taste`: this project's own model of one person, made for few scores.

Standardised features of all late stages enter one of two estimators: ridge regression, or support vector regression
with a Gaussian kernel whose width comes from the data. Grouped cross-validation chooses the estimator and its
strength; the kernel has to beat ridge by more than its own uncertainty, or ridge stays.

Of thousands of scores no matrix of all pairs is made: ridge comes from `Moments`, the kernel from `KernelOfMany`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import Message
from engine.events import Event, Notice, StopCheck, exhaust, raise_if_stopped
from engine.models.arrays import load_arrays, save_arrays
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.folds import Index, deal_folds
from engine.models.kernels import Matrix, median_distance, squared_distances
from engine.models.label_curve import label_curve
from engine.models.landmarks import LANDMARKS, KernelOfMany
from engine.models.moments import MANY, in_blocks
from engine.models.products import Weighted, weighted
from engine.models.ridge_of_many import RidgeOfMany
from engine.models.standardise import Standardiser

_RIDGE_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_KERNEL_WIDTHS = (0.5, 1.0)
_KERNEL_COSTS = (0.3, 1.0, 3.0)
_LANDMARK_STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_TUBE = 0.1
_FOLDS = 5
_WEIGHTING = "block"
_RECIPE, _ALONE = Recipe("taste"), FitControl()


@dataclass(frozen=True)
class Choice:
    """One estimator and its strength.

    Args:
        kind: ``ridge`` or ``kernel``.
        strength: ridge: penalty relative to the kernel's mean diagonal; kernel: SVR's C in deviations of the scores,
            with landmarks a penalty like ridge's.
        width: kernel only: the Gaussian's exponent relative to the median squared distance.
        landmarks: kernel only: how many photos stand for all; 0: those that SVR chose.
    """

    kind: str
    strength: float
    width: float = 0.0
    landmarks: int = 0


class Taste(OnFeatures):
    """See the module's first lines; a `Scorer`.

    Args:
        recipe: see `Recipe`.
        many: scored photos beyond which no matrix of all pairs is made. landmarks: photos that then stand for all.
    """

    name: ClassVar[str] = "taste"

    def __init__(self, recipe: Recipe = _RECIPE, *, many: int = MANY, landmarks: int = LANDMARKS) -> None:
        self._many, self._landmarks = many, landmarks
        self._standardiser: Standardiser | None = None
        self._choice = Choice("ridge", 1.0)
        self._gamma = 0.0
        self._cv_rmse = 0.0
        self.cv_errors: Scores = np.zeros(0)
        """(N,) how far the chosen estimator was off each score of the fit, in folds that had not seen its group."""
        self._weights: Matrix = np.zeros(0)
        self._support: Matrix = np.zeros((0, 0))
        self._intercept = 0.0

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Choose by grouped cross-validation, then fit on all of `data`; see `Scorer.fit`."""
        if data.scores.size > self._many:
            yield from self._fit_many(data, validation, control)
            return
        known = weighted(data, _WEIGHTING)
        median = median_distance(known.squared)
        folds = deal_folds(data.groups, _FOLDS, data.seed)
        distances = known.squared / median
        self._choice, self.cv_errors = _choose(known.inner, distances, data.scores, folds, control.should_stop)
        self._cv_rmse = float(np.sqrt((self.cv_errors**2).mean()))
        if validation is not None and validation.scores.size:
            unseen = known.standardiser.apply(validation.features)

            def refit(draw: Index) -> tuple[Scores, Scores]:
                probe = Taste()
                probe._choice = self._choice
                probe._solve(known.only(draw), median)
                return probe._raw(known.rows[draw]), probe._raw(unseen)

            yield from label_curve(data.scores, validation.scores, refit, data.seed, control)
        raise_if_stopped(control.should_stop)
        self._solve(known, median)

    def again(self, data: TrainingSet) -> Taste:
        """Return a scorer with this one's settings, fitted on other photos; see `Settled.again`."""
        other = Taste(many=self._many, landmarks=self._landmarks)
        if data.scores.size > self._many or self._choice.landmarks:
            exhaust(other.fit(data))  # how it learns from so many hangs together with what it chooses
            return other
        known = weighted(data, _WEIGHTING)
        other._choice = self._choice
        other._solve(known, median_distance(known.squared))
        return other

    def _fit_many(self, data: TrainingSet, validation: TrainingSet | None, control: FitControl) -> Iterator[Event]:
        """As `fit`, in memory that grows by 4 kB a photo: in blocks, with landmarks in place of all pairs."""
        folds = deal_folds(data.groups, _FOLDS, data.seed)
        ridge = RidgeOfMany(data, control, centred=False)
        weighting, strength = yield from ridge.choose(folds, (_WEIGHTING,), _RIDGE_STRENGTHS)
        self._choice = Choice("ridge", strength)
        self._standardiser = ridge.standardiser(weighting)
        errors = ridge.held_out_errors(folds, weighting)
        if folds.max() > 0:
            kernel = KernelOfMany(data, control, self._standardiser, self._landmarks)
            strength, width = yield from kernel.choose(folds, _KERNEL_WIDTHS, _LANDMARK_STRENGTHS)
            tried = kernel.held_out_errors(folds)
            if _pays(errors - tried):
                errors, marks = tried, kernel.support.shape[0]
                self._choice, self._gamma = Choice("kernel", strength, width, marks), kernel.gamma
                text = "{n} scores are many: photos are compared with {landmarks} of them, not with all."
                yield Notice(Message(text, {"n": int(data.scores.size), "landmarks": marks}))
        self.cv_errors = np.sqrt(errors)
        self._cv_rmse = float(np.sqrt(errors.mean()))
        watched = validation if validation is not None and validation.scores.size else None
        curve: Iterator[Event] | tuple[Event, ...] = ()
        if self._choice.kind == "ridge":
            self._support = np.zeros((0, data.features.shape[1]))
            self._weights, self._intercept = ridge.solve(weighting, self._choice.strength)
            curve = ridge.curve(weighting, self._choice.strength, watched) if watched is not None else ()
        else:
            self._support = kernel.support.astype(np.float64)
            self._weights, self._intercept = kernel.solve()
            curve = kernel.curve(watched) if watched is not None else ()
        yield from curve
        raise_if_stopped(control.should_stop)

    def _solve(self, known: Weighted, median: float) -> None:
        """Learn photos' scores with the choice that was made; `median` is the squared distance that widths refer to."""
        self._standardiser, self._gamma = known.standardiser, self._choice.width / median
        if self._choice.kind == "ridge":
            alpha, self._intercept = _ridge(known.inner, known.data.scores, self._choice.strength)
            self._weights, self._support = known.rows.T @ alpha, np.zeros((0, known.rows.shape[1]))
        else:
            gram = np.exp(-self._gamma * known.squared)
            used, alpha, self._intercept = _kernel_regression(gram, known.data.scores, self._choice.strength)
            self._weights, self._support = alpha, known.rows[used]

    def _raw(self, rows: Matrix) -> Scores:
        if self._choice.kind == "ridge":
            return rows @ self._weights + self._intercept
        return np.exp(-self._gamma * squared_distances(rows, self._support)) @ self._weights + self._intercept

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features; numpy alone."""
        standardiser = self._standardiser
        if standardiser is None:
            raise ValueError("not fitted")
        return in_blocks(lambda part: self._raw(standardiser.apply(part)), features)

    def details(self) -> dict[str, float | int | str]:
        """Return the chosen estimator, its strength and its cross-validated error."""
        chosen: dict[str, float | int | str] = {
            "estimator": self._choice.kind,
            "strength": self._choice.strength,
            "inner_cv_rmse": round(self._cv_rmse, 6),
        }
        if self._choice.kind == "kernel":
            counted = "landmarks" if self._choice.landmarks else "support_vectors"
            chosen |= {"width": self._choice.width, counted: int(self._support.shape[0])}
        return chosen

    def save(self, folder: Path) -> None:
        """Write ``taste.safetensors``."""
        if self._standardiser is None:
            raise ValueError("not fitted")
        save_arrays(
            folder / "taste.safetensors",
            {
                "mean": self._standardiser.mean,
                "factor": self._standardiser.factor,
                "weights": self._weights,
                "support": self._support,
                "intercept": np.array([self._intercept]),
                "kernel": np.array([self._gamma if self._choice.kind == "kernel" else 0.0]),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Taste:
        """Return the fitted model that `save` wrote; see `Scorer.load`."""
        arrays = load_arrays(
            folder / "taste.safetensors", ("mean", "factor", "weights", "support", "intercept", "kernel")
        )
        model = cls()
        model._standardiser = Standardiser(arrays["mean"].astype(np.float32), arrays["factor"].astype(np.float32))
        model._weights, model._support = arrays["weights"], arrays["support"]
        model._intercept, model._gamma = float(arrays["intercept"][0]), float(arrays["kernel"][0])
        model._choice = Choice("kernel", 0.0) if model._gamma > 0 else Choice("ridge", 0.0)
        return model


def _ridge(inner: Matrix, scores: Scores, strength: float) -> tuple[Matrix, float]:
    """Return dual weights and intercept of ridge regression from the (N, N) inner products."""
    mean = float(scores.mean())
    penalty = strength * max(float(np.trace(inner)) / scores.size, 1e-9)
    alpha = np.linalg.solve(inner + penalty * np.eye(scores.size), scores - mean)
    return alpha.astype(np.float64), mean


def _kernel_regression(gram: Matrix, scores: Scores, cost: float) -> tuple[NDArray[np.int64], Matrix, float]:
    """Return the support's rows, their weights and the intercept of SVR from an (N, N) Gaussian kernel."""
    from sklearn.svm import SVR

    mean, spread = float(scores.mean()), max(float(scores.std()), 1e-9)
    model = SVR(kernel="precomputed", C=cost, epsilon=_TUBE).fit(gram, (scores - mean) / spread)
    used = np.asarray(model.support_, np.int64)
    return used, np.asarray(model.dual_coef_[0]) * spread, float(model.intercept_[0]) * spread + mean


def _choose(
    inner: Matrix, distances: Matrix, scores: Scores, folds: NDArray[np.int64], should_stop: StopCheck
) -> tuple[Choice, Scores]:
    """Return the best choice and its (N,) cross-validated errors, 0 or more; the kernel only where it clearly pays."""
    choices = [Choice("ridge", strength) for strength in _RIDGE_STRENGTHS]
    choices += [Choice("kernel", cost, width) for width in _KERNEL_WIDTHS for cost in _KERNEL_COSTS]
    errors = {choice: np.zeros(scores.size) for choice in choices}
    if folds.max() == 0:
        return Choice("ridge", 1.0), np.abs(scores - scores.mean())
    grams = {width: np.exp(-width * distances) for width in _KERNEL_WIDTHS}
    for fold in range(int(folds.max()) + 1):
        seen, unseen = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        for choice in choices:
            raise_if_stopped(should_stop)
            if choice.kind == "ridge":
                alpha, intercept = _ridge(inner[np.ix_(seen, seen)], scores[seen], choice.strength)
                guess = inner[np.ix_(unseen, seen)] @ alpha + intercept
            else:
                gram = grams[choice.width]
                used, alpha, intercept = _kernel_regression(gram[np.ix_(seen, seen)], scores[seen], choice.strength)
                guess = gram[np.ix_(unseen, seen[used])] @ alpha + intercept
            errors[choice][unseen] = (guess - scores[unseen]) ** 2
    ridge = min((choice for choice in choices if choice.kind == "ridge"), key=lambda choice: errors[choice].mean())
    kernel = min((choice for choice in choices if choice.kind == "kernel"), key=lambda choice: errors[choice].mean())
    best = kernel if _pays(errors[ridge] - errors[kernel]) else ridge
    return best, np.sqrt(errors[best])


def _pays(gain: Scores) -> bool:
    """Say whether (N,) gains of the kernel over ridge are more than their uncertainty."""
    return bool(gain.mean() > gain.std() / np.sqrt(gain.size))
