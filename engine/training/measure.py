"""Measure a recipe honestly: fit it on some groups, ask it about others, beside the mean-score baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from engine.errors import Message
from engine.events import Event, Notice, Phase, Progress, exhaust
from engine.metrics import Metrics, baseline, evaluate
from engine.models.base import FitControl, Scores, TrainingSet
from engine.models.catalog import make_scorer
from engine.models.folds import Index
from engine.training.spec import TrainSpec
from engine.training.split import Parts, fold_masks, split_groups
from engine.workspace import Scale

_CV_FOLDS = 5
_TOO_FEW_FOR_A_TEST_PART = 30


@dataclass(frozen=True)
class Plan:
    """Which photos are fitted and which are asked about.

    Args:
        parts: train, validation and test; in cross-validation the first fold, for the live curve.
        folds: number of folds where cross-validation stands in for the test part; None where it doesn't.
    """

    parts: Parts
    folds: int | None


@dataclass(frozen=True)
class Measured:
    """What a recipe achieved.

    Args:
        metrics: ``train``, ``validation`` (if any), ``cv`` (out-of-fold over everything) and ``test``.
        baseline: the mean score's metrics on the test part.
        out_of_fold: (N,) guesses for each scored photo by a model that never saw its group.
    """

    metrics: dict[str, Metrics]
    baseline: Metrics
    out_of_fold: Scores


def make_plan(spec: TrainSpec, data: TrainingSet) -> Generator[Event, None, Plan]:
    """Split as the spec asks; with too few scores for a test part, say so and plan folds."""
    yield Phase("splitting")
    folds = spec.folds
    if folds is None and data.scores.size < _TOO_FEW_FOR_A_TEST_PART:
        folds = _CV_FOLDS
        yield Notice(
            Message(
                "{n} scores are too few for a test part of their own: {folds}-fold cross-validation instead.",
                {"n": int(data.scores.size), "folds": folds},
            )
        )
    if folds is None:
        return Plan(split_groups(data.groups, spec.split, spec.seed), None)
    held_out = fold_masks(data.groups, folds, spec.seed)[0]
    nothing = np.zeros(0, np.int64)
    return Plan(Parts(np.flatnonzero(~held_out), nothing, np.flatnonzero(held_out)), folds)


def measure(
    spec: TrainSpec, data: TrainingSet, plan: Plan, scale: Scale, control: FitControl
) -> Generator[Event, None, Measured]:
    """Fit with the live curve, then cross-validate, then test; return the figures.

    Guesses are clipped to the scale before they are measured, as people get to see them.

    Raises:
        Interrupted: `control.should_stop` said so.
    """
    parts = plan.parts
    yield Phase("fitting")
    probe = make_scorer(spec.recipe())
    watched = parts.validation if parts.validation.size else parts.test
    yield from probe.fit(data.subset(parts.train), data.subset(watched), control=control.within("probe"))
    metrics = {
        name: evaluate(data.scores[rows], _clipped(probe.predict(probe.vectors(data.subset(rows))), scale))
        for name, rows in (("train", parts.train), ("validation", parts.validation))
        if rows.size
    }

    yield Phase("evaluating")
    out_of_fold, plain = np.zeros(data.scores.size), np.zeros(data.scores.size)
    masks = fold_masks(data.groups, plan.folds or _CV_FOLDS, spec.seed)
    rounds = len(masks) + (plan.folds is None)
    for done, mask in enumerate(masks):
        yield Progress("evaluating", done, rounds)
        seen, held_out = np.flatnonzero(~mask), np.flatnonzero(mask)
        guess = _fit_and_guess(spec, data, seen, held_out, control.within(f"fold-{done}"))
        out_of_fold[held_out] = _clipped(guess, scale)
        plain[held_out] = data.scores[seen].mean()
    metrics["cv"] = evaluate(data.scores, out_of_fold)
    if plan.folds is not None:
        metrics["test"] = metrics["cv"]
        # a mean ranks nothing; that each fold's mean leans away from the fold is no correlation
        plainest = dataclasses.replace(evaluate(data.scores, plain), srcc=None, plcc=None)
    else:
        yield Progress("evaluating", len(masks), rounds)
        seen = np.sort(np.concatenate([parts.train, parts.validation]))
        guess = _clipped(_fit_and_guess(spec, data, seen, parts.test, control.within("test")), scale)
        metrics["test"] = evaluate(data.scores[parts.test], guess)
        plainest = baseline(data.scores[seen], data.scores[parts.test])
    yield Progress("evaluating", rounds, rounds)
    return Measured(metrics, plainest, out_of_fold)


def _fit_and_guess(spec: TrainSpec, data: TrainingSet, seen: Index, unseen: Index, control: FitControl) -> Scores:
    scorer = make_scorer(spec.recipe())
    exhaust(scorer.fit(data.subset(seen), None, control=control))
    return scorer.predict(scorer.vectors(data.subset(unseen)))


def _clipped(guess: Scores, scale: Scale) -> Scores:
    return np.clip(guess, scale.low, scale.high)
