"""`ridge`: linear regression with a penalty on the weights, in closed form on standardised features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.events import Event, StopCheck, raise_if_stopped
from engine.models.arrays import load_shaped, save_arrays
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.folds import Index, deal_folds
from engine.models.kernels import Matrix
from engine.models.label_curve import label_curve
from engine.models.moments import MANY, in_blocks
from engine.models.products import Weighted, weighted
from engine.models.ridge_of_many import RidgeOfMany
from engine.models.scaling import AUTO, WEIGHTINGS, asked_weightings
from engine.models.settings import settings
from engine.models.standardise import Standardiser

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
FOLDS = 5
_UNTRIED = 1.0  # where there is only one group, nothing can be held out to choose by
_FILE = "ridge.safetensors"
_RECIPE, _ALONE = Recipe("ridge"), FitControl()


class Ridge(OnFeatures):
    """A weight for each feature; grouped cross-validation chooses the penalty and how features are scaled. A `Scorer`.

    The strength is relative to the mean squared length of the centred rows. Predicting needs numpy alone.

    Args:
        recipe: see `Recipe`.
        many: scored photos from which on the same answer is found from `Moments`, in memory that doesn't grow.
    """

    name: ClassVar[str] = "ridge"

    def __init__(self, recipe: Recipe = _RECIPE, *, many: int = MANY) -> None:
        chosen = settings(recipe)
        self._many = many
        self._asked, self._weighting = str(chosen["strength"]), str(chosen["weighting"])
        self._standardiser: Standardiser | None = None
        self._strength = 0.0
        self._weights: Matrix = np.zeros(0)
        self._intercept = 0.0

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Choose the strength, show the learning curve with it, fit on all of `data`; see `Scorer.fit`."""
        raise_if_stopped(control.should_stop)
        folds = deal_folds(data.groups, FOLDS, data.seed)
        if data.scores.size > self._many:
            yield from self._fit_many(RidgeOfMany(data, control, centred=True), folds, validation)
            return
        tried = []
        for weighting in asked_weightings(self._weighting):
            known = weighted(data, weighting)
            tried.append((known, *choose_strength(known, data.scores, folds, self._strengths, control.should_stop)))
        chosen, self._strength, _ = min(tried, key=lambda each: each[2])
        self._weighting = chosen.weighting
        if validation is not None and validation.scores.size:
            across = weighted(validation, self._weighting).rows @ chosen.rows.T

            def refit(draw: Index) -> tuple[Scores, Scores]:
                inner = chosen.inner[np.ix_(draw, draw)]
                alpha, level = dual_ridge(inner, data.scores[draw], self._strength)
                return inner @ alpha + level, across[:, draw] @ alpha + level

            yield from label_curve(data.scores, validation.scores, refit, data.seed, control)
        raise_if_stopped(control.should_stop)
        self._solve(chosen)

    @property
    def _strengths(self) -> Sequence[float]:
        return STRENGTHS if self._asked == AUTO else (float(self._asked),)

    def again(self, data: TrainingSet) -> Ridge:
        """Return a scorer with this one's settings, fitted on other photos; see `Settled.again`."""
        other = Ridge(many=self._many)
        other._strength, other._weighting = self._strength, self._weighting
        other._solve(weighted(data, self._weighting))
        return other

    def _solve(self, known: Weighted) -> None:
        scores = known.data.scores
        self._standardiser = known.standardiser
        if scores.size > self._many:
            work = RidgeOfMany(known.data, _ALONE, centred=True)
            self._weights, self._intercept = work.solve(known.weighting, self._strength)
        elif known.rows.shape[0] <= known.rows.shape[1]:
            alpha, self._intercept = dual_ridge(known.inner, scores, self._strength)
            self._weights = alpha @ known.rows
        else:
            weights, intercepts = ridge_weights(known.rows, scores, [self._strength])
            self._weights, self._intercept = weights[0], float(intercepts[0])

    def _fit_many(self, work: RidgeOfMany, folds: Index, validation: TrainingSet | None) -> Iterator[Event]:
        """As `fit`, from the moments of each fold: no matrix of the photos is made, no copy of their rows."""
        weightings = asked_weightings(self._weighting)
        self._weighting, self._strength = yield from work.choose(folds, weightings, self._strengths)
        self._standardiser = work.standardiser(self._weighting)
        self._weights, self._intercept = work.solve(self._weighting, self._strength)
        if validation is not None and validation.scores.size:
            yield from work.curve(self._weighting, self._strength, validation)

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features; numpy alone."""
        standardiser = self._standardiser
        if standardiser is None:
            raise ValueError("not fitted")
        return in_blocks(lambda part: standardiser.apply(part) @ self._weights + self._intercept, features)

    def details(self) -> dict[str, float | int | str]:
        """Return the penalty's strength and the features' weighting."""
        return {"strength": self._strength, "weighting": self._weighting}

    def save(self, folder: Path) -> None:
        """Write ``ridge.safetensors``."""
        if self._standardiser is None:
            raise ValueError("not fitted")
        save_arrays(
            folder / _FILE,
            {
                "mean": self._standardiser.mean,
                "factor": self._standardiser.factor,
                "weights": self._weights,
                "intercept": np.array([self._intercept]),
                "strength": np.array([self._strength, float(self._weighting == "variance")]),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Ridge:
        """Return the fitted model that `save` wrote; see `Scorer.load`."""
        arrays = load_shaped(
            folder / _FILE,
            {"mean": "D", "factor": "D", "weights": "D", "intercept": (1,), "strength": (2,)},
        )
        model = cls()
        model._standardiser = Standardiser(arrays["mean"], arrays["factor"])
        model._weights, model._intercept = arrays["weights"], float(arrays["intercept"][0])
        model._strength = float(arrays["strength"][0])
        model._weighting = WEIGHTINGS[int(arrays["strength"][1] > 0)]
        return model


def ridge_weights(rows: Matrix, scores: Scores, strengths: Sequence[float]) -> tuple[Matrix, NDArray[np.float64]]:
    """Return ridge regression's weights and intercepts for several penalties from one eigendecomposition.

    Args:
        rows: (N, D), N ≥ 1; need not be centred.
        scores: (N,).
        strengths: P penalties above 0, relative to the mean squared length of the centred rows.

    Returns:
        (P, D) weights and (P,) intercepts; the intercept is not penalised.
    """
    centre, mean = rows.mean(axis=0), float(scores.mean())
    centred, target = rows - centre, scores - mean
    scale = max(float((centred**2).sum()) / scores.size, 1e-9)
    penalties = scale * np.asarray(strengths, np.float64)[:, None]
    if rows.shape[0] <= rows.shape[1]:
        # as many unknowns as photos: the same answer from the smaller of the two systems
        values, vectors = np.linalg.eigh(centred @ centred.T)
        dual = (vectors.T @ target) / (np.maximum(values, 0.0) + penalties)
        weights: Matrix = (dual @ vectors.T) @ centred
    else:
        values, vectors = np.linalg.eigh(centred.T @ centred)
        weights = ((vectors.T @ (centred.T @ target)) / (np.maximum(values, 0.0) + penalties)) @ vectors.T
    return weights, mean - weights @ centre


def dual_ridge(inner: Matrix, scores: Scores, strength: float) -> tuple[Scores, float]:
    """Return ridge regression of one penalty, as `ridge_weights`, from the rows' inner products.

    Returns:
        (N,) weights of the rows, which sum to 0, and the intercept: a photo's score is the sum of its inner products
        with the rows, so weighted, and the intercept.
    """
    centred, target = centred_products(inner), scores - scores.mean()
    penalty = strength * max(float(np.trace(centred)) / scores.size, 1e-9)
    centred[np.diag_indices_from(centred)] += penalty
    alpha: Scores = np.linalg.solve(centred, target)
    alpha -= alpha.mean()  # rounding aside it is 0
    return alpha, float(scores.mean() - (inner @ alpha).mean())


def centred_products(inner: Matrix) -> Matrix:
    """Return the (N, N) inner products of rows from which their mean was taken, from those of the rows themselves."""
    mean = inner.mean(axis=0)
    centred: Matrix = inner - mean[:, None]
    centred -= mean[None, :] - mean.mean()
    return centred


def choose_strength(
    known: Weighted, scores: Scores, folds: Index, strengths: Sequence[float], should_stop: StopCheck
) -> tuple[float, float]:
    """Return the penalty with the smallest squared error on photos of groups that were held out, and that mean error.

    Args:
        known: N photos' standardised features. scores: (N,). folds: (N,) numbers, as `deal_folds` deals them.
        strengths: penalties to choose from, as in `ridge_weights`. should_stop: see `FitControl`.

    Raises:
        Interrupted: `should_stop` said so.
    """
    if folds.max() == 0:
        return min(strengths, key=lambda strength: abs(strength - _UNTRIED)), float(scores.var())
    errors = np.zeros(len(strengths))
    if known.rows.shape[0] <= known.rows.shape[1]:
        for _, missed in missed_by(known.inner, scores, folds, strengths, should_stop):
            errors += (missed**2).sum(axis=1)
    else:
        for fold in range(int(folds.max()) + 1):
            raise_if_stopped(should_stop)
            seen, unseen = folds != fold, folds == fold
            weights, intercepts = ridge_weights(known.rows[seen], scores[seen], strengths)
            errors += ((known.rows[unseen] @ weights.T + intercepts - scores[unseen, None]) ** 2).sum(axis=0)
    best = int(np.argmin(errors))
    return strengths[best], float(errors[best]) / scores.size


def missed_by(
    inner: Matrix, scores: Scores, folds: Index, strengths: Sequence[float], should_stop: StopCheck
) -> Iterator[tuple[Index, Matrix]]:
    """Yield each fold's rows, and by how much ridge regression of all other rows misses their scores: (P, n).

    One eigendecomposition serves all folds and penalties: with the hat matrix H of all rows, those of a fold are missed
    by (I − H)⁻¹ (y − Hy), taken over the fold alone, by a fit that has not seen them.

    Args:
        inner: (N, N) inner products of the rows. scores, folds, strengths, should_stop: see `choose_strength`.

    Raises:
        Interrupted: `should_stop` said so.
    """
    count = scores.size
    values, vectors = np.linalg.eigh(centred_products(inner))
    values, along = np.maximum(values, 0.0), vectors.T @ (scores - scores.mean())
    for fold in range(int(folds.max()) + 1):
        raise_if_stopped(should_stop)
        seen, unseen = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        among = inner[np.ix_(seen, seen)]
        # penalties are relative to the rows that are learned from
        scale = max(float(np.trace(among)) / seen.size - float(among.mean()), 1e-9)
        own, missed = vectors[unseen], np.zeros((len(strengths), unseen.size))
        for number, strength in enumerate(strengths):
            left = strength * scale / (values + strength * scale)
            missed[number] = np.linalg.solve((own * left) @ own.T - 1 / count, own @ (left * along))
        yield unseen, missed
