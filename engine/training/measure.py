"""Measure a recipe honestly: fit it on some groups, ask it about others, beside baselines and a careless split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Message
from engine.events import CurvePoint, Epoch, Event, Notice, Phase, Progress, exhaust, never_stop, raise_if_stopped
from engine.metrics import Interval, Metrics, bootstrap_intervals, evaluate
from engine.models.base import FitControl, Scorer, Scores, TrainingSet, Uncertain
from engine.models.catalog import get_family
from engine.models.folds import Index
from engine.training.baselines import Baselines
from engine.training.leakage import is_grouped, random_folds, random_parts, ungrouped
from engine.training.spec import TrainSpec
from engine.training.split import Parts, fold_masks, split_groups
from engine.training.threads import few_threads
from engine.workspace import Scale

Maker = Callable[[TrainSpec], Scorer]
"""Makes an unfitted scorer as the spec says; see `engine.training.priors.maker`."""

_CV_FOLDS = 5
_TOO_FEW_FOR_A_TEST_PART = 30
_ASKED = 8192  # photos whose vectors are asked about at once


@dataclass(frozen=True)
class Plan:
    """Which photos are fitted and which are asked about.

    Args:
        parts: train, validation and test; in cross-validation the first fold, for the live curve.
        folds: number of folds where cross-validation stands in for the test part; None where it doesn't.
        masks: one (N,) mask for each of these folds: True where a photo is held out; empty without them.
    """

    parts: Parts
    folds: int | None
    masks: tuple[NDArray[np.bool_], ...] = ()

    def fold_of(self, names: Sequence[str]) -> dict[str, int]:
        """Return each photo's fold, 0…K-1, by its name; empty without folds."""
        return {names[row]: fold for fold, mask in enumerate(self.masks) for row in np.flatnonzero(mask).tolist()}

    def part_names(self) -> tuple[str, ...]:
        """Return each photo's part; in cross-validation every photo is tested once."""
        size = sum(rows.size for rows in vars(self.parts).values())
        names = ["test"] * size
        if self.folds is None:
            for part, rows in vars(self.parts).items():
                for row in rows.tolist():
                    names[row] = part
        return tuple(names)


@dataclass(frozen=True)
class Measured:
    """What a recipe achieved.

    Args:
        spec: the training as it was measured: of fewer epochs where it was ended early.
        metrics: ``train``, ``validation`` (if any), ``cv`` (out-of-fold over everything) and ``test``.
        intervals: part → metric → its 95 % interval.
        baselines: ``mean`` and ``nearest``: their metrics on the test part.
        leaked: the test part's metrics under a split that ignores groups; None where it was not measured.
        predicted: (N,) guesses for each scored photo, clipped to the scale.
        held_out: (N,) whether the guess is of a model that never saw the photo's group.
        spread: (N,) standard deviations of these guesses; None where the family gives none.
        tested: (N,) guesses for the test part of the model that was tested on it, which learned from all other parts;
            NaN elsewhere. None where cross-validation stands in for it. tested_spread: as `spread`, of these guesses.
        curve: the live curve's events in JSON form.
        scorer: the measured model itself where it is the one to be saved; None where the recipe is fitted anew.
    """

    spec: TrainSpec
    metrics: Mapping[str, Metrics]
    intervals: Mapping[str, Mapping[str, Interval | None]]
    baselines: Mapping[str, Metrics]
    leaked: Metrics | None
    predicted: Scores
    held_out: NDArray[np.bool_]
    spread: Scores | None = None
    tested: Scores | None = None
    tested_spread: Scores | None = None
    curve: tuple[Mapping[str, Any], ...] = ()
    scorer: Scorer | None = None


def make_plan(spec: TrainSpec, data: TrainingSet) -> Generator[Event, None, Plan]:
    """Split as the spec asks; with too few scores for a test part, say so and plan folds.

    A family that trains the network is never cross-validated unless asked: each fold would cost a whole training.
    """
    yield Phase("splitting")
    folds = spec.folds
    if folds is None and data.scores.size < _TOO_FEW_FOR_A_TEST_PART and not get_family(spec.model).trains_network:
        folds = _CV_FOLDS
        yield Notice(
            Message(
                "{n} scores are too few for a test part of their own: {folds}-fold cross-validation instead.",
                {"n": int(data.scores.size), "folds": folds},
            )
        )
    if folds is None:
        return Plan(split_groups(data.groups, spec.split, spec.seed), None)
    masks = tuple(fold_masks(data.groups, folds, spec.seed))
    nothing = np.zeros(0, np.int64)
    return Plan(Parts(np.flatnonzero(~masks[0]), nothing, np.flatnonzero(masks[0])), folds, masks)


def measure(
    spec: TrainSpec,
    data: TrainingSet,
    plan: Plan,
    scale: Scale,
    control: FitControl,
    *,
    make: Maker,
    leaked: bool = True,
) -> Generator[Event, None, Measured]:
    """Fit with the live curve, then cross-validate, then test; return the figures.

    Guesses are clipped to the scale before they are measured, as people get to see them. A family that trains the
    network is fitted once, and that model is the one to be saved, unless folds were asked for.

    Args:
        spec: what is asked.
        data: all scored photos.
        plan: from `make_plan`.
        scale: of the scores.
        control: `should_finish` ends the fit with the live curve; what follows is fitted for as many epochs.
        make: makes the scorers.
        leaked: measure under a random split too.

    Raises:
        Interrupted: `control.should_stop` said so.
    """
    work = _Measuring(spec, data, plan, scale, control, make)
    yield from work.probe()
    is_network = get_family(spec.model).trains_network
    if is_network and plan.folds is None:
        return work.measured_once()
    # the careless figure is worth one more cheap fit, not one more training of a network
    leaked = leaked and not is_network
    yield from work.cross_validate(leaked=leaked and is_grouped(data.groups))
    return work.measured(leaked=leaked)


def fit_quietly(scorer: Scorer, data: TrainingSet, control: FitControl, model: str) -> Scorer:
    """Fit a scorer of this family to its end, where nobody watches the curve, and return it.

    Raises:
        Interrupted: `control.should_stop` said so.
    """
    with few_threads(model, data.scores.size):
        exhaust(scorer.fit(data, None, control=control))
    return scorer


def fit_watched(
    scorer: Scorer, data: TrainingSet, control: FitControl, model: str, beat: Event
) -> Generator[Event, None, Scorer]:
    """As `fit_quietly`; `beat` is said again whenever the fit tells of progress, so that a long one is no silence.

    Raises:
        Interrupted: `control.should_stop` said so.
    """
    with few_threads(model, data.scores.size):
        for event in scorer.fit(data, None, control=control):
            if isinstance(event, Progress):
                yield beat
    return scorer


@dataclass
class _Guesses:
    """Held-out guesses as they come in."""

    predicted: Scores
    spread: Scores

    @classmethod
    def of(cls, size: int) -> _Guesses:
        return cls(np.zeros(size), np.full(size, np.nan))


@dataclass
class _Measuring:
    """One measurement under way."""

    spec: TrainSpec
    data: TrainingSet
    plan: Plan
    scale: Scale
    control: FitControl
    make: Maker
    curve: list[Mapping[str, Any]] = field(default_factory=list)
    metrics: dict[str, Metrics] = field(default_factory=dict)
    intervals: dict[str, dict[str, Interval | None]] = field(default_factory=dict)
    careless: Metrics | None = None
    scorer: Scorer | None = None

    def __post_init__(self) -> None:
        self.guesses, self.tested = (_Guesses.of(self.data.scores.size) for _ in range(2))
        self.baselines = Baselines(self.data)

    def probe(self) -> Generator[Event, None, None]:
        """Fit on the train part and show the curve on the photos that are watched."""
        yield Phase("fitting")
        parts, epochs = self.plan.parts, 0
        self.scorer = self.make(self.spec)
        watched = self._watched()
        train = self.data.subset(parts.train)
        events = self.scorer.fit(
            train, self.data.subset(watched) if watched.size else None, control=self.control.within("probe")
        )
        with few_threads(self.spec.model, parts.train.size):
            for event in events:
                if isinstance(event, CurvePoint | Epoch):
                    self.curve.append(event.to_dict())
                    epochs = event.epoch if isinstance(event, Epoch) else epochs
                yield event
        del train  # a copy of most vectors
        if epochs and self.control.should_finish():
            self.spec = self.spec.model_copy(update={"epochs": epochs})
        self.control = dataclasses.replace(self.control, should_finish=never_stop)
        for name, rows in (("train", parts.train), ("validation", parts.validation)):
            if rows.size:
                guess = self._ask(self.scorer, rows, self.guesses)
                self._note(name, rows, guess)

    def _watched(self) -> Index:
        """Return the photos of the curve: a network is stopped by them, so there they are never the test part."""
        parts = self.plan.parts
        is_network = get_family(self.spec.model).trains_network
        return parts.validation if parts.validation.size or is_network else parts.test

    def cross_validate(self, *, leaked: bool) -> Generator[Event, None, None]:
        """Guess every photo by a model that never saw its group; then the test part, and both carelessly."""
        data, parts = self.data, self.plan.parts
        masks = self.plan.masks or fold_masks(data.groups, _CV_FOLDS, self.spec.seed)
        rounds: list[tuple[str, TrainingSet, Index, Index]] = [
            (f"fold-{number}", data, np.flatnonzero(~mask), np.flatnonzero(mask)) for number, mask in enumerate(masks)
        ]
        careless = ungrouped(data)
        if self.plan.folds is None:
            rounds.append(("test", data, np.sort(np.concatenate([parts.train, parts.validation])), parts.test))
            if leaked:
                rounds.append(("leaked", careless, *random_parts(data.scores.size, parts.test.size, self.spec.seed)))
        elif leaked:
            dealt = random_folds(data.scores.size, self.plan.folds, self.spec.seed)
            rounds += [(f"leaked-{number}", careless, *rows) for number, rows in enumerate(dealt)]

        yield Phase("evaluating")
        self.guesses, loose = (_Guesses.of(data.scores.size) for _ in range(2))
        for done, (stage, those, seen, unseen) in enumerate(rounds):
            raise_if_stopped(self.control.should_stop)
            yield Progress("evaluating", done, len(rounds))
            kind = stage.partition("-")[0]
            # without a watched part the probe was this very fit
            known = self.scorer if stage == "fold-0" and not self._watched().size else None
            scorer = known
            if scorer is None:
                control, beat = self.control.within(stage), Progress("evaluating", done, len(rounds))
                scorer = yield from fit_watched(
                    self.make(self.spec), those.subset(seen), control, self.spec.model, beat
                )
            self._ask(scorer, unseen, {"fold": self.guesses, "test": self.tested}.get(kind, loose))
            if kind == ("fold" if self.plan.folds else "test"):
                self.baselines.guess(seen, unseen)
        yield Progress("evaluating", len(rounds), len(rounds))

        everything = np.arange(data.scores.size)
        self._note("cv", everything, self.guesses.predicted)
        if self.plan.folds is None:
            self._note("test", parts.test, self.tested.predicted[parts.test])
        else:
            self.metrics["test"], self.intervals["test"] = self.metrics["cv"], self.intervals["cv"]
        if leaked:
            rows = np.sort(np.concatenate([unseen for stage, _, _, unseen in rounds if stage.startswith("leaked")]))
            self.careless = evaluate(data.scores[rows], loose.predicted[rows])

    def measured_once(self) -> Measured:
        """Return the figures of the probe itself, which is what will be saved."""
        assert self.scorer is not None
        parts = self.plan.parts
        self._note("test", parts.test, self._ask(self.scorer, parts.test, self.guesses))
        self.tested = self.guesses
        self.baselines.guess(np.sort(np.concatenate([parts.train, parts.validation])), parts.test)
        held_out = np.ones(self.data.scores.size, np.bool_)
        held_out[parts.train] = False
        return self._figures(held_out, None, self.scorer)

    def measured(self, *, leaked: bool) -> Measured:
        """Return the cross-validated figures."""
        careless = self.careless
        if leaked and not is_grouped(self.data.groups):
            careless = self.metrics["test"]  # where nothing belongs together, the honest split is the random one
        return self._figures(np.ones(self.data.scores.size, np.bool_), careless, None)

    def _figures(self, held_out: NDArray[np.bool_], careless: Metrics | None, scorer: Scorer | None) -> Measured:
        spread = self.guesses.spread
        tested, tested_spread = self._of_the_test_part()
        return Measured(
            self.spec,
            self.metrics,
            self.intervals,
            self.baselines.metrics(),
            careless,
            self.guesses.predicted,
            held_out,
            spread if np.isfinite(spread[held_out]).all() else None,
            tested,
            tested_spread,
            tuple(self.curve),
            scorer,
        )

    def _of_the_test_part(self) -> tuple[Scores | None, Scores | None]:
        """Return guesses and spread of the tested model, NaN for the photos that are not of the test part."""
        if self.plan.folds is not None:
            return None, None
        rows, size = self.plan.parts.test, self.data.scores.size
        guesses, spread = np.full(size, np.nan), np.full(size, np.nan)
        guesses[rows], spread[rows] = self.tested.predicted[rows], self.tested.spread[rows]
        return guesses, spread if np.isfinite(spread[rows]).all() else None

    def _ask(self, scorer: Scorer, rows: Index, into: _Guesses) -> Scores:
        """Return the clipped guesses for photos, and keep them with their spread."""
        with few_threads(self.spec.model, rows.size):
            for start in range(0, rows.size, _ASKED):
                part = rows[start : start + _ASKED]
                vectors = scorer.vectors(self.data.subset(part))
                into.predicted[part] = np.clip(scorer.predict(vectors), self.scale.low, self.scale.high)
                if isinstance(scorer, Uncertain):
                    into.spread[part] = scorer.spread(vectors)
        return into.predicted[rows]

    def _note(self, part: str, rows: Index, guess: Scores) -> None:
        given = self.data.scores[rows]
        self.metrics[part] = evaluate(given, guess)
        with few_threads(self.spec.model, rows.size):
            ends = bootstrap_intervals(given, guess, self.data.groups[rows], seed=self.spec.seed)
        self.intervals[part] = ends
