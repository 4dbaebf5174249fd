"""What long work reports while it runs: small frozen events, and their JSON form.

A fit, a scan, an embedding and a batch prediction are generators of these events; whoever consumes them
decides whether they feed a progress bar, a JSON line or a plot.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from engine.errors import Interrupted, Message

StopCheck = Callable[[], bool]


@dataclass(frozen=True)
class Event:
    """The root of all events; `type` is its name in JSON."""

    type: ClassVar[str] = "event"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form with ``type`` first; values that are not finite become None."""
        data: dict[str, Any] = {"type": self.type}
        for place in dataclasses.fields(self):
            data[place.name] = _plain(getattr(self, place.name))
        return data


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_dict()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@dataclass(frozen=True)
class Phase(Event):
    """A new stage begins: reading, features, splitting, fitting, evaluating, saving, scanning, copying."""

    type: ClassVar[str] = "phase"
    phase: str


@dataclass(frozen=True)
class Progress(Event):
    """How far the present stage is.

    Args:
        phase: the stage's name.
        done: items done.
        total: items in all; None while unknown.
        rate: items a second so far; None while unknown.
        eta: seconds left; None while unknown.
    """

    type: ClassVar[str] = "progress"
    phase: str
    done: int
    total: int | None = None
    rate: float | None = None
    eta: float | None = None


@dataclass(frozen=True)
class CurvePoint(Event):
    """One point of the live curve.

    Args:
        axis: what `x` counts: ``labels``, ``trees``, ``stages``, ``folds`` or ``epochs``.
        x: position on the axis.
        metric: what the two values are: ``mae`` (in score units) as a rule, ``loss`` or ``srcc``; an axis may
            have several.
        train: value on the photos that were fitted.
        validation: value on photos that the fit never saw; None where there are none.
    """

    type: ClassVar[str] = "curve"
    axis: str
    x: float
    metric: str
    train: float | None
    validation: float | None


@dataclass(frozen=True)
class StepLoss(Event):
    """The loss of one optimiser step.

    Args:
        epoch: which epoch, from 1. step: which step of it, from 1. steps: how many it has.
        loss: of this step's batch. lr: highest learning rate in use.
    """

    type: ClassVar[str] = "step"
    epoch: int
    step: int
    steps: int
    loss: float
    lr: float


@dataclass(frozen=True)
class Epoch(Event):
    """One epoch is over.

    Args:
        epoch: which one, from 1; 0 is the head that fine-tuning begins with. epochs: how many there are at most.
        stage: ``head`` while only the head learns, else ``all``.
        train_loss: mean loss over the epoch's batches. validation_loss: over the validation part; None without one.
        metrics: the validation part's metrics, such as ``srcc`` and ``mae``.
        lr: highest learning rate at its end.
        best_epoch: the epoch whose weights are best so far; this one if they are equal.
        eta: seconds left if no early stop comes; None while unknown.
    """

    type: ClassVar[str] = "epoch"
    epoch: int
    epochs: int
    stage: str
    train_loss: float
    validation_loss: float | None
    metrics: Mapping[str, float | int | None]
    lr: float
    best_epoch: int
    eta: float | None = None


@dataclass(frozen=True)
class Row(Event):
    """One line of a table that grows: a model of a comparison, a trial of a search; a later one may replace it.

    Args:
        table: ``leaderboard`` or ``trials``.
        key: tells the lines of one table apart.
        values: what stands in it, JSON-ready.
    """

    type: ClassVar[str] = "row"
    table: str
    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Notice(Event):
    """Something the person should know; the work goes on."""

    type: ClassVar[str] = "notice"
    message: Message


@dataclass(frozen=True)
class ItemFailed(Event):
    """One photo failed, with the reason; the others go on."""

    type: ClassVar[str] = "item_failed"
    path: str
    reason: Message


@dataclass(frozen=True)
class PartMetrics(Event):
    """The metrics of one part of the split (``test``, ``cv``, ``baseline``)."""

    type: ClassVar[str] = "metrics"
    part: str
    values: Mapping[str, float | int | None]


@dataclass(frozen=True)
class Finished(Event):
    """The work is done; `result` is what the command line prints with ``--json``."""

    type: ClassVar[str] = "finished"
    result: Mapping[str, Any]


def never_stop() -> bool:
    """Return False: the stop check of work that nobody can interrupt."""
    return False


def raise_if_stopped(should_stop: StopCheck) -> None:
    """Raise `Interrupted` when the stop check says so."""
    if should_stop():
        raise Interrupted("Stopped.", remedy="What was done is kept; run the same again to continue.")


def exhaust(events: Iterable[object]) -> None:
    """Run work to its end where nobody watches its events."""
    for _ in events:
        continue
