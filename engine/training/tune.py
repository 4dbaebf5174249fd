"""A search for better hyper-parameters: trials measured by grouped folds, the best one trained as a normal model.

The test part of the split is never used for choosing: trials see the train and validation rows only, and the model that
is trained with the best settings is measured on the test part like any other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import BeholderError, Interrupted, Message
from engine.events import Epoch, Event, Finished, Notice, Phase, Progress, never_stop, raise_if_stopped
from engine.metrics import evaluate
from engine.models.base import FitControl, Setting
from engine.models.bundle import list_bundles, read_manifest_file
from engine.models.catalog import get_family
from engine.training.album import Album, load_album
from engine.training.measure import Plan, make_plan
from engine.training.priors import Prior, begin, find_prior, prior_notices
from engine.training.run import RESULT, train_album
from engine.training.search_space import defaults, require_search, search_space, settings_of, with_settings
from engine.training.spec import TrainSpec, TuneSpec
from engine.training.split import fold_masks
from engine.training.threads import few_threads
from engine.workspace import Workspace

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

    from engine.training.study import Study

JOURNAL = "tuning.jsonl"
"""The journal in ``.beholder/`` that is used where none is named."""

_FOLDS, _NETWORK_FOLDS = 5, 3  # a whole network costs minutes a fold
_REPORTS = 20  # values that the first fold of a trial reports while its epochs go by
_FAILURES = 8  # so many in a row, before any trial succeeded, and the search is given up
_OF_A_TRIAL = (BeholderError, ValueError, ArithmeticError, RuntimeError, LookupError, MemoryError)
_ALONE = FitControl()


def _now() -> datetime:
    return datetime.now(UTC)


def run_search(
    workspace: Workspace,
    spec: TuneSpec,
    *,
    control: FitControl = _ALONE,
    now: Callable[[], datetime] = _now,
) -> Iterator[Event]:
    """Search, then train the best settings and save the model; the last event is `Finished`.

    The first trial has the family's defaults. A trial's value is the mean SRCC over grouped folds; one that fails is a
    row of its own. A study that is there goes on; several processes may work on one at a time.

    Args:
        workspace: photos and scores come from its ``data/``, the bundle goes to ``trained_models_storage/``.
        spec: what is varied and how often.
        control: `should_finish` ends the search and trains the best settings so far.
        now: the present time.

    Raises:
        UsageError: the family leaves nothing to search. NeedMissing: Optuna or the backbone's weights are missing.
        DamagedFile: the journal is none. BeholderError: as `run_training`, or no trial succeeded.
        Interrupted: `control.should_stop` said so; the trials that are done are kept.
    """
    require_search(spec.base)
    begun = time.monotonic()
    prior = find_prior(workspace, spec.base)
    yield Phase("features")
    album = yield from load_album(workspace, spec.base, control.should_stop)
    yield from prior_notices(prior, album.names)
    plan = yield from make_plan(spec.base, album.scored)
    if plan.folds is not None:
        yield Notice(Message("Without a test part, the figures are of photos that the settings were chosen by."))
    file = Path(spec.storage) if spec.storage else workspace.internal / JOURNAL
    search = _Search(workspace, spec, album, plan, prior, control)
    yield Phase("searching")
    with search.open(file) as study:
        if not study.is_same:
            yield Notice(
                Message(
                    "The study {study} was begun with other settings or scores: its older trials compare badly.",
                    {"study": study.name},
                )
            )
        best = yield from search.run(study)
        model_id, training = yield from search.train(study, best, now)
        yield Finished(
            {
                "study": study.name,
                "storage": str(file),
                "trials": study.done(),
                "best": {"trial": best.number, "value": best.value, "params": settings_of(best.params)},
                "model_id": model_id,
                "training": training,
                "seconds": round(time.monotonic() - begun, 3),
            }
        )


class _Pruned(Exception):
    """The trial lies so far behind that it is not worth its other folds."""


@dataclasses.dataclass
class _Search:
    """One search under way."""

    workspace: Workspace
    spec: TuneSpec
    album: Album
    plan: Plan
    prior: Prior | None
    control: FitControl
    finished: bool = False
    beat: Progress = dataclasses.field(default_factory=lambda: Progress("searching", 0))

    def __post_init__(self) -> None:
        base, data, parts = self.spec.base, self.album.scored, self.plan.parts
        self.space = search_space(base)
        rows = np.sort(np.concatenate([parts.train, parts.validation]))
        self.data = data if self.plan.folds is not None else data.subset(rows)
        folds = base.folds or (_NETWORK_FOLDS if get_family(base.model).trains_network else _FOLDS)
        self.masks = fold_masks(self.data.groups, folds, base.seed)
        epochs = get_family(base.model).options.get("epochs")
        self.epochs = (base.epochs or int(epochs.default)) if epochs is not None else 0

    def open(self, file: Path) -> Study:
        """Return the study, named after what its values depend on where the person gave it no name."""
        from engine.training.study import Study  # Optuna is an extra, and slow to import

        base = self.spec.base
        settings = json.dumps(base.model_dump(mode="json", exclude={"name"}), sort_keys=True)
        digest = hashlib.sha256(f"{settings}\n{self.album.digest()}".encode("utf-8", "surrogateescape")).hexdigest()
        return Study(
            file,
            self.spec.study or f"{base.model}-{base.backbone}-{digest[:8]}",
            {"model": base.model, "backbone": base.backbone, "digest": digest},
            self.space,
            seed=base.seed,
            warm_up=max(self.epochs // 4, 2),
        )

    def run(self, study: Study) -> Generator[Event, None, FrozenTrial]:
        """Try settings until the study has enough trials; return the best trial.

        Raises:
            BeholderError: none succeeded.
        """
        begun, before, failures = time.monotonic(), study.done(), 0
        error: BaseException | None = None
        while failures < _FAILURES or study.best() is not None:
            yield from study.rows()
            yield self._progress(study, begun, before)
            raise_if_stopped(self.control.should_stop)
            if self._is_enough(study) or (asked := study.ask(self.spec.trials)) is None:
                break
            yield from study.rows()
            try:
                yield from self._attempt(study, *asked)
                failures = 0
            except _OF_A_TRIAL as fault:
                if isinstance(fault, Interrupted):
                    raise_if_stopped(self.control.should_stop)
                    break  # asked to finish in the middle of a trial
                error, failures = fault, failures + 1
        yield from study.rows()
        best = study.best()
        if best is None:
            if isinstance(error, BeholderError):
                raise error
            raise BeholderError(
                "No trial of the search succeeded: {cause}.",
                remedy="Give some settings a value of their own, or choose another model.",
                cause=f"{type(error).__name__}: {error}" if error is not None else "–",
            ) from error
        return best

    def _is_enough(self, study: Study) -> bool:
        """Say whether the person asked for an early end, and there is something to keep."""
        self.finished = self.finished or (self.control.should_finish() and study.best() is not None)
        return self.finished

    def _attempt(self, study: Study, trial: Trial, settings: dict[str, Setting]) -> Iterator[Event]:
        """Measure one trial and note how it went.

        Raises:
            Interrupted: asked to stop or to finish. One of `_OF_A_TRIAL`: the trial failed.
        """
        try:
            value = yield from self._measure(study, trial, with_settings(self.spec.base, settings))
            study.complete(trial, value)
        except _Pruned:
            study.end(trial, pruned=True)
        except Interrupted:
            study.end(trial)
            raise
        except _OF_A_TRIAL as error:
            text = Message("The trial failed: {cause}.", {"cause": f"{type(error).__name__}: {error}"})
            study.end(trial, error=error.message if isinstance(error, BeholderError) else text)
            raise

    def _measure(self, study: Study, trial: Trial, spec: TrainSpec) -> Generator[Event, None, float]:
        """Return the mean SRCC over the folds."""
        control = FitControl(should_stop=lambda: self.control.should_stop() or self._is_enough(study))
        found: list[float] = []
        for fold, mask in enumerate(self.masks):
            raise_if_stopped(control.should_stop)
            seen, unseen = (self.data.subset(np.flatnonzero(rows)) for rows in (~mask, mask))
            scorer = begin(spec, self.prior)
            with (
                few_threads(spec.model, seen.scores.size),
                contextlib.closing(_closable(scorer.fit(seen, None, control=control))) as events,
            ):
                yield from self._watch(study, trial, events, is_first=fold == 0)
            guess = np.clip(scorer.predict(scorer.vectors(unseen)), *self.data.scale)
            srcc = evaluate(unseen.scores, guess).srcc
            found.append(0.0 if srcc is None else srcc)  # what is the same for every photo ranks nothing
            value = float(np.mean(found))
            if study.prune(trial, value, self.epochs + fold + 1) and fold + 1 < len(self.masks):
                raise _Pruned
        return value

    def _watch(self, study: Study, trial: Trial, events: Iterator[Event], *, is_first: bool) -> Iterator[Event]:
        """Let a fit run; show that it lives, and prune it by its epochs in the first fold."""
        best, last, every = -1.0, 0, max(self.epochs // _REPORTS, 1)
        for event in events:
            yield self.beat
            if not is_first or not isinstance(event, Epoch):
                continue
            srcc = event.metrics.get("srcc")
            best = max(best, float(srcc)) if srcc is not None else best
            if event.epoch % every == 0 and last < event.epoch <= self.epochs and best > -1.0:
                last = event.epoch  # a family may train several heads in turn: the first one tells
                if study.prune(trial, best, last):
                    raise _Pruned

    def _progress(self, study: Study, begun: float, before: int) -> Progress:
        done, seconds = study.done(), time.monotonic() - begun
        rate = (done - before) / seconds if done > before and seconds > 0 else None
        left = max(self.spec.trials - done, 0)
        total = max(self.spec.trials, done)
        self.beat = Progress("searching", done, total, rate, left / rate if rate else None)
        return self.beat

    def train(
        self, study: Study, best: FrozenTrial, now: Callable[[], datetime]
    ) -> Generator[Event, None, tuple[str, dict[str, Any]]]:
        """Train and save a model with the best settings, unless that was done; return its id and its figures."""
        if settings_of(best.params) == defaults(self.space):
            yield Notice(Message("Nothing better than the settings of the beginning was found."))
        place = hashlib.sha256(f"{self.workspace.root}\n{self.album.digest()}".encode("utf-8", "surrogateescape"))
        known = study.model_of(best, place.hexdigest())
        for info in list_bundles(self.workspace):
            if info.model_id == known:
                yield Notice(Message("The best settings were trained already: {model}.", {"model": known}))
                manifest = read_manifest_file(info.path)
                return info.model_id, {key: manifest.get(key) for key in RESULT} | {"model_id": info.model_id}
        control = self.control.within(f"trial-{best.number}")
        if self.finished:  # that wish was heard already
            control = dataclasses.replace(control, should_finish=never_stop)
        manifest = yield from train_album(
            self.workspace,
            with_settings(self.spec.base, settings_of(best.params)),
            self.album,
            self.plan,
            control=control,
            now=now,
            prior=self.prior,
        )
        study.note_model(best, place.hexdigest(), str(manifest["model_id"]))
        return str(manifest["model_id"]), {key: manifest[key] for key in RESULT}


def _closable(events: Iterator[Event]) -> Generator[Event, None, None]:
    yield from events
