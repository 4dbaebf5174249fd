"""One training from spec to bundle, as a generator of events: embed, split, fit, evaluate, save.

The test part is never seen by the model that is measured on it. When all is measured, the bundle that is saved learns
from every score: with few labels each one counts, and the figures describe the recipe. A family that trains the whole
network is fitted once, and the model that was measured is the one that is saved.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from typing import Any

from engine.events import Event, Finished, PartMetrics, Phase, Progress, never_stop
from engine.models.base import FitControl, Scorer
from engine.training.album import Album, load_album
from engine.training.keeping import Training, keep
from engine.training.measure import Plan, fit_watched, make_plan, measure
from engine.training.priors import Prior, begin, find_prior, prior_notices
from engine.training.spec import TrainSpec
from engine.workspace import Workspace

RESULT = ("model_id", "name", "model", "backbone", "n", "metrics", "intervals", "baseline", "baselines", "leaked")
"""What of the manifest is the training's result, besides ``seconds``."""

_ALONE = FitControl()


def _now() -> datetime:
    return datetime.now(UTC)


def run_training(
    workspace: Workspace,
    spec: TrainSpec,
    *,
    control: FitControl = _ALONE,
    now: Callable[[], datetime] = _now,
) -> Iterator[Event]:
    """Train, measure and save one model; the last event is `Finished` with the contract's result.

    Args:
        workspace: photos and scores come from its ``data/``, the bundle goes to ``trained_models_storage/``.
        spec: what is asked.
        control: stops, ends early, and keeps where the work is.
        now: the present time.

    Raises:
        BeholderError: too few scores, a damaged ``scores.txt``, missing weights, a full disk, …
    """
    begun = time.monotonic()
    prior = find_prior(workspace, spec)
    yield Phase("features")
    album = yield from load_album(workspace, spec, control.should_stop)
    yield from prior_notices(prior, album.names)
    plan = yield from make_plan(spec, album.scored)
    manifest = yield from train_album(workspace, spec, album, plan, control=control, now=now, prior=prior, begun=begun)
    yield Finished({key: manifest[key] for key in (*RESULT, "seconds")})


def train_album(
    workspace: Workspace,
    spec: TrainSpec,
    album: Album,
    plan: Plan,
    *,
    control: FitControl = _ALONE,
    now: Callable[[], datetime] = _now,
    prior: Prior | None = None,
    begun: float | None = None,
    leaked: bool = True,
) -> Generator[Event, None, dict[str, Any]]:
    """Measure a recipe on an album whose features and split are there, save the model and return its manifest.

    Args:
        workspace: where the bundle goes.
        spec: what is asked. album: on what. plan: how it is split.
        control, now: as for `run_training`.
        prior: the model to start from.
        begun: `time.monotonic` of the beginning, for ``seconds``; None: now.
        leaked: measure under a random split too.

    Raises:
        BeholderError: as `run_training`.
    """
    begun = time.monotonic() if begun is None else begun

    def make(spec: TrainSpec) -> Scorer:
        return begin(spec, prior)

    measured = yield from measure(spec, album.scored, plan, workspace.scale, control, make=make, leaked=leaked)
    for part in ("test", "cv"):
        if part in measured.metrics:
            yield PartMetrics(part, measured.metrics[part].to_dict())
    yield PartMetrics("baseline", measured.baselines["mean"].to_dict())
    yield Phase("saving")
    scorer = measured.scorer
    if scorer is None:
        ending = dataclasses.replace(control.within("final"), should_finish=never_stop)
        beat = Progress("saving", 0, None)
        scorer = yield from fit_watched(make(measured.spec), album.scored, ending, spec.model, beat)
    training = Training(spec, album, plan, measured, prior, now(), time.monotonic() - begun)
    return (yield from keep(workspace, training, scorer))
