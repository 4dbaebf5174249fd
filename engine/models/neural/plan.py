"""What a training is asked to do, and where it is: the loop's task, plan and state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.events import CurvePoint, Epoch, Event
from engine.models.base import Scores
from engine.models.neural.figures import curve_figures
from engine.models.neural.scaling import Standard

Rows = NDArray[np.int64]
_WARM_UP = 0.1


class Task(Protocol):
    """What is trained on what."""

    @property
    def module(self) -> nn.Module:
        """What is trained."""
        ...

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return AdamW's groups, each with ``params``, ``factor`` (of the learning rate) and ``decays``."""
        ...

    def batches(self, epoch: int, batch: int) -> Sequence[Rows]:
        """Return the epoch's batches of row numbers, (B,) or (K, B); the same for the same epoch."""
        ...

    def guess(self, rows: Rows) -> Tensor:
        """Return the module's standardised scores, of the shape of `rows`."""
        ...

    def wanted(self, rows: Rows) -> Tensor:
        """Return the standardised scores that are wanted there."""
        ...

    def guess_validation(self) -> Scores:
        """Return (V,) standardised scores for the validation part by the module as it is; V may be 0."""
        ...


@dataclass(frozen=True)
class Plan:
    """How long and how hard is trained.

    Args:
        epochs: the schedule's length. until: the epoch after which training ends all the same.
        lr: highest learning rate. weight_decay: decoupled. batch: photos in a step.
        loss: as `parse_loss` reads it. patience: epochs without a better validation figure.
        clip: longest gradient. ema: share of the running average of weights that a step keeps; 0: none.
        seed: makes order, dropout and augmentation. stage: ``head`` or ``all``, for events.
        fewest: no early end before that epoch, unless the fit is stopped.
        seconds_between_checkpoints: the first epoch is kept at once.
        share_for_checkpoints: of the time, above 0 up to 1; with less than 1 some epochs are not kept.
    """

    epochs: int
    lr: float
    weight_decay: float
    batch: int
    loss: str
    patience: int
    seed: int
    until: int | None = None
    clip: float = math.inf
    ema: float = 0.0
    stage: str = "all"
    fewest: int = 0
    seconds_between_checkpoints: float = 0.0
    share_for_checkpoints: float = 1.0


@dataclass
class State:
    """Where the loop is, tensors apart.

    Args:
        epoch: epochs done. batch: photos in a step by now. steps: optimiser steps done.
        best_epoch: the one with the best validation figure, 0: none yet, or the state before the first.
        best: its SRCC and loss; None: there was none. highest: the highest SRCC of any epoch.
        events: what was told of the epochs that are done.
        ended: there will be no further epoch.
    """

    batch: int
    epoch: int = 0
    steps: int = 0
    best_epoch: int = 0
    best: tuple[float, float] | None = None
    highest: float = -1.0
    ended: bool = False
    events: list[Event] = field(default_factory=list)

    def is_better(self, srcc: float | None, loss: float, photos: int) -> bool:
        """Say whether a validation figure is better than the best so far, and remember it if so.

        The order counts; the loss decides between orders whose difference could be chance, half a standard error.

        Args:
            srcc: None where it is undefined. loss: of the validation part. photos: how many that has.
        """
        found = -1.0 if srcc is None else float(srcc)
        self.highest = max(self.highest, found)
        tie = 0.5 * (1 - self.highest**2) / math.sqrt(max(photos - 1, 1))
        is_better = (
            self.best is None or found > self.best[0] + tie or (found >= self.highest - tie and loss < self.best[1])
        )
        if is_better:
            self.best = (found, loss)
        return is_better

    def notes(self) -> dict[str, Any]:
        """Return all but the events, JSON-ready."""
        return {name: value for name, value in vars(self).items() if name != "events"}

    @classmethod
    def of(cls, notes: Mapping[str, Any], events: Sequence[Event]) -> State:
        """Return the state that `notes` was made of."""
        best = notes["best"]
        return cls(
            batch=int(notes["batch"]),
            epoch=int(notes["epoch"]),
            steps=int(notes["steps"]),
            best_epoch=int(notes["best_epoch"]),
            best=None if best is None else (float(best[0]), float(best[1])),
            highest=float(notes["highest"]),
            ended=bool(notes["ended"]),
            events=[*events],
        )


def lr_factor(progress: float) -> float:
    """Return the learning rate's share of its highest at a progress of 0…1: linear warm-up, then half a cosine.

    >>> [round(lr_factor(progress), 3) for progress in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < _WARM_UP:
        return max(progress, 1e-3) / _WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP)))


def told_of(
    epoch: int,
    plan: Plan,
    best_epoch: int,
    train_loss: float,
    loss: float | None,
    figures: dict[str, float | int | None],
    guesses: Scores,
    wanted: Scores,
    standard: Standard,
) -> list[Event]:
    """Return the events of one epoch; figures of the training photos are those of its own steps, dropout and all."""
    lr = plan.lr * lr_factor(epoch / plan.epochs)
    stage = plan.stage if epoch else "head"
    told: list[Event] = [Epoch(epoch, plan.epochs, stage, train_loss, loss, figures, lr, best_epoch)]
    seen = curve_figures(standard.grow(wanted), standard.grow(guesses)) if guesses.size else {}
    told.append(CurvePoint("epochs", float(epoch), "loss", train_loss, loss))
    if loss is not None:
        told += [
            CurvePoint("epochs", float(epoch), metric, seen.get(metric), figures.get(metric))
            for metric in ("mae", "srcc")
        ]
    return told
