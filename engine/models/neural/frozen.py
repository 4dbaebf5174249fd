"""`frozen`: a pretrained network stays as it is; only a small fully connected head on its features is trained.

Five heads are trained side by side and their mean is the score. Without a validation part each head first leaves out
one fifth of the groups, and what they say of these photos tells for how many epochs the heads are then trained on all.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from engine.errors import BeholderError
from engine.events import Event, Notice, raise_if_stopped
from engine.models.base import Features, FitControl, OnFeatures, Recipe, Scores, TrainingSet
from engine.models.folds import deal_folds
from engine.models.neural.head import Head
from engine.models.neural.scaling import Standard
from engine.models.neural.settings import Settings, read_settings

if TYPE_CHECKING:
    from engine.models.neural.checkpoint import CheckpointStore

_HEADS = 5
_FEWEST_EPOCHS = 15  # a head that is asked to finish early needs these, some tenths of a second, to be one
_SECONDS_BETWEEN_CHECKPOINTS = 0.25
_FILE = "frozen.safetensors"
_RECIPE, _ALONE = Recipe("frozen"), FitControl()


@dataclass(frozen=True)
class FittedHead:
    """A head and how it came about.

    Args:
        head: takes feature vectors. epochs: how long it was trained. loss: mean training loss of its last epoch.
    """

    head: Head
    epochs: int
    loss: float


class Frozen(OnFeatures):
    """See the module's first lines; a `Scorer`."""

    name: ClassVar[str] = "frozen"

    def __init__(self, recipe: Recipe = _RECIPE) -> None:
        self._recipe = recipe
        self._head: Head | None = None
        self._details: dict[str, float | int | str] = {}

    def fit(
        self, data: TrainingSet, validation: TrainingSet | None = None, *, control: FitControl = _ALONE
    ) -> Iterator[Event]:
        """Train the heads, with early stopping; see `Scorer.fit`.

        Raises:
            Interrupted: `control.should_stop` said so.
            BeholderError: the loss is not a number, with a learning rate to try.
        """
        settings = read_settings(self._recipe, "frozen")
        hidden = int(settings.params["hidden"])
        found = yield from fit_head(self._recipe, settings, data, validation, control, hidden=hidden)
        self._head = found.head
        self._details = {"heads": found.head.last.shape[0], "hidden": hidden, "epochs": found.epochs}

    def predict(self, features: Features) -> Scores:
        """Return (N,) scores for (N, D) float32 features; numpy alone."""
        return self._fitted().predict(features)

    def details(self) -> dict[str, float | int | str]:
        """Return the number of heads, their hidden layer's width and the epochs they were trained for."""
        return dict(self._details)

    def save(self, folder: Path) -> None:
        """Write ``frozen.safetensors``."""
        self._fitted().save(folder / _FILE)

    @classmethod
    def load(cls, folder: Path) -> Frozen:
        """Return the fitted model that `save` wrote; see `Scorer.load`."""
        model = cls()
        model._head = Head.load(folder / _FILE)
        return model

    def _fitted(self) -> Head:
        if self._head is None:
            raise ValueError("not fitted")
        return self._head


def fit_head(
    recipe: Recipe,
    settings: Settings,
    data: TrainingSet,
    validation: TrainingSet | None,
    control: FitControl,
    *,
    hidden: int,
) -> Generator[Event, None, FittedHead]:
    """Train heads on features; events on the way, the head last.

    Args:
        recipe: tells this fit from others. settings: how it is trained.
        data: what is learned from. validation: what ends the training; None: five parts of `data` in turn.
        control: steers. hidden: width of the hidden layer; 0: none.

    Raises:
        Interrupted, BeholderError: see `Frozen.fit`.
    """
    from engine.models.neural.checkpoint import CheckpointStore
    from engine.models.neural.digest import fit_digest

    validation = validation if validation is not None and validation.scores.size else None
    store = CheckpointStore(control.checkpoints, fit_digest(recipe, data, validation, f"hidden {hidden}"))
    for kept in store.done().latest():
        if isinstance(kept, Notice):
            yield kept
            continue
        yield from kept.events
        arrays: dict[str, Any] = {name: value.numpy() for name, value in kept.tensors.items()}
        return FittedHead(Head(**arrays), int(kept.notes["epochs"]), float(kept.notes["loss"]))
    raise_if_stopped(control.should_stop)
    told: list[Event] = []
    work = _HeadFit(settings, hidden, data, control, store)
    found = yield from _noting(work.watched(validation) if validation is not None else work.held_out(), told)
    yield from _save_done(store, found, told)
    return found


def _noting(events: Generator[Event, None, FittedHead], told: list[Event]) -> Generator[Event, None, FittedHead]:
    """Pass events on and note those that a resumed fit has to tell again."""
    from engine.events import CurvePoint, Epoch

    while True:
        try:
            event = next(events)
        except StopIteration as end:
            found: FittedHead = end.value
            return found
        if isinstance(event, Epoch | CurvePoint | Notice):
            told.append(event)
        yield event


def _save_done(store: CheckpointStore, found: FittedHead, told: Sequence[Event]) -> Iterator[Notice]:
    from engine.models.neural.checkpoint import Checkpoint, array_state

    notes = {"epochs": found.epochs, "loss": found.loss}
    try:
        store.done().save_done(Checkpoint(notes, array_state(vars(found.head)), told))
    except BeholderError as error:
        yield Notice(error.message)  # the head is there all the same


class _HeadFit:
    """The one or two trainings that make a head."""

    def __init__(
        self, settings: Settings, hidden: int, data: TrainingSet, control: FitControl, store: CheckpointStore
    ) -> None:
        from engine.models.neural.bank import Rotation, both_ways

        self.settings, self.hidden, self.data = settings, hidden, data
        self.control, self.store = control, store
        self.standard = Standard.of(data.scores)
        self.rotation = Rotation.fit(data.features, both_ways(data.album, data.blocks), data.seed)
        self.inputs = self.rotation.apply(data.features)
        self.everyone = np.arange(data.scores.size, dtype=np.int64)

    def watched(self, validation: TrainingSet) -> Generator[Event, None, FittedHead]:
        """Train all heads on all photos until the validation part is guessed no better."""
        task = self._task([self.everyone] * _HEADS, 0)
        task.watch(self.rotation.apply(validation.features), None)
        loop = self._loop(task, "watched", validation.scores, None)
        yield from loop.run()
        return self._fold(task, loop.state.best_epoch, self._unit(task.guess_all().mean(axis=0), self.data.scores))

    def held_out(self) -> Generator[Event, None, FittedHead]:
        """Let each head leave out a part to see for how long to train, then train all heads on all photos."""
        folds = deal_folds(self.data.groups, _HEADS, self.data.seed)
        epochs, unit = self.settings.epochs, self.standard
        if folds.max() > 0:
            parts = [np.flatnonzero(folds != fold) for fold in range(int(folds.max()) + 1)]
            task = self._task(parts, 0)
            task.watch(self.inputs, folds)
            loop = self._loop(task, "held-out", self.data.scores, None)
            yield from loop.run()
            epochs, unit = loop.state.best_epoch, self._unit(task.guess_validation(), self.data.scores)
        task = self._task([self.everyone] * _HEADS, 1)
        loop = self._loop(task, "all", np.zeros(0), epochs)
        yield from loop.run()
        return self._fold(task, loop.state.best_epoch, unit)

    def _unit(self, guesses: Scores, scores: Scores) -> Standard:
        """Return the way from the heads' output to scores; a loss of order alone has none of its own."""
        from engine.models.neural.losses import only_ranks

        return Standard.fitted(guesses, scores) if only_ranks(self.settings.loss) else self.standard

    def _task(self, parts: Sequence[Any], number: int) -> Any:
        from engine.models.neural.head_task import HeadTask

        wanted = self.standard.shrink(self.data.scores)
        seed = self.data.seed * 2 + number
        return HeadTask(self.inputs, wanted, parts, self.hidden, self.settings.dropout, seed)

    def _loop(self, task: Any, stage: str, given: Scores, until: int | None) -> Any:
        from engine.models.neural.loop import Loop
        from engine.models.neural.plan import Plan

        settings = self.settings
        plan = Plan(
            epochs=settings.epochs,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            batch=settings.batch,
            loss=settings.loss,
            patience=settings.patience,
            seed=task.seed,
            until=until,
            stage="head",
            # what is trained anew for a known number of epochs is done in a moment
            fewest=until or _FEWEST_EPOCHS,
            seconds_between_checkpoints=_SECONDS_BETWEEN_CHECKPOINTS,
        )
        return Loop(task, plan, self.standard, given, self.store.within(stage), self.control)

    def _fold(self, task: Any, epochs: int, unit: Standard) -> FittedHead:
        return FittedHead(task.module.fold(self.rotation, unit), epochs, task.loss_of_all(self.settings.loss))
