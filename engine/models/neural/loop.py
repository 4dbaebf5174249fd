"""The training loop: batches, epochs, early stopping, checkpoints; one for heads and for whole networks."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import BeholderError, Message, NeedMissing
from engine.events import Epoch, Event, Notice, StepLoss, raise_if_stopped
from engine.models.base import FitControl, Scores
from engine.models.neural.average import Average
from engine.models.neural.checkpoint import Checkpoint, CheckpointStore, put, take
from engine.models.neural.figures import curve_figures
from engine.models.neural.losses import make_loss, only_ranks
from engine.models.neural.memory import is_out_of_memory
from engine.models.neural.plan import Plan, Rows, State, Task, lr_factor, told_of
from engine.models.neural.randomness import seeded, uses_cuda
from engine.models.neural.scaling import Standard

_SECONDS_BETWEEN_STEPS = 0.1
_MOST_SECONDS_APART = 60.0  # no more work than that is at risk, or one epoch


class Loop:
    """One training.

    Args:
        task: what is trained. plan: how.
        standard: from standardised scores to scores, for the figures of the curve.
        given: (V,) the validation part's scores; V may be 0: then the last epoch is the best.
        store: keeps checkpoints. control: steers. clock: seconds.
        start_loss: where the state before the first epoch is a model already: its training loss.
    """

    def __init__(
        self,
        task: Task,
        plan: Plan,
        standard: Standard,
        given: Scores,
        store: CheckpointStore,
        control: FitControl,
        *,
        start_loss: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.task, self.plan, self.standard, self.given = task, plan, standard, given
        self.store, self.control, self.start_loss, self.clock = store, control, start_loss, clock
        self.loss = make_loss(plan.loss)
        self.state = State(plan.batch)
        self.average = Average(task.module, plan.ema)
        groups = [
            {**group, "lr": 0.0, "weight_decay": plan.weight_decay if group["decays"] else 0.0}
            for group in task.parameter_groups()
        ]
        # one pass over each tensor instead of a dozen
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
        self.best: dict[str, Tensor] = {}
        self._said = self._kept = -math.inf
        self._apart = 0.0
        self._complained = False

    def run(self) -> Iterator[Event]:
        """Train to the end; the best weights are in the module afterwards.

        Raises:
            Interrupted: `control.should_stop` said so.
            BeholderError: the loss was no number before the first epoch was over. NeedMissing: no memory.
        """
        yield from self._resume()
        if self.state.epoch == 0 and not self.best and self.start_loss is not None:
            yield from self._judge(0, self.start_loss, np.zeros(0), np.zeros(0), None)
        last = min(self.plan.epochs, self.plan.until or self.plan.epochs)
        begun, before = self.clock(), self.state.epoch
        while self.state.epoch < last and not self.state.ended:
            epoch = self.state.epoch + 1
            finished = yield from self._epoch(epoch)
            if finished is None:
                break
            a_piece = (self.clock() - begun) / (epoch - before)
            yield from self._judge(epoch, *finished, a_piece * (last - epoch))
            if self.control.should_finish() and epoch >= self.plan.fewest:
                break
        self.task.module.load_state_dict(self.best)

    def _epoch(self, epoch: int) -> Generator[Event, None, tuple[float, Scores, Scores] | None]:
        """Train one epoch; return its mean loss with what was guessed and wanted; None where training has to end."""
        losses: list[float] = []
        guesses: list[Scores] = []
        wanted: list[Scores] = []
        waiting = [*self.task.batches(epoch, self.state.batch)][::-1]
        steps, done = len(waiting), 0
        self.task.module.train()
        while waiting:
            raise_if_stopped(self.control.should_stop)
            if self.best and self.control.should_finish() and self.state.epoch >= self.plan.fewest:
                self.state.ended = True
                return None
            rows = waiting.pop()
            lr = self._set_lr((epoch - 1 + done / max(steps, 1)) / self.plan.epochs)
            try:
                with seeded(self.plan.seed, epoch, done):
                    loss, guess = self._step(rows)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                yield self._halve(rows)
                # the same photos in the same order, in smaller steps
                waiting = [part for left in [*waiting, rows] for part in _halves(left)[::-1]]
                steps = done + len(waiting)
                continue
            done += 1
            if not math.isfinite(loss):
                yield self._diverged()
                return None
            losses.append(loss)
            guesses.append(guess.ravel())
            wanted.append(self.task.wanted(rows).double().cpu().numpy().ravel())
            if self.clock() - self._said >= _SECONDS_BETWEEN_STEPS:
                self._said = self.clock()
                yield StepLoss(epoch, done, steps, loss, lr)
        if not self._is_sound():
            yield self._diverged()
            return None
        return float(np.mean(losses)), np.concatenate(guesses), np.concatenate(wanted)

    def _step(self, rows: Rows) -> tuple[float, Scores]:
        self.optimizer.zero_grad(set_to_none=True)
        guess = self.task.guess(rows)
        losses = self.loss(guess, self.task.wanted(rows))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        loss = float(losses.detach().mean())
        if math.isfinite(loss):
            if math.isfinite(self.plan.clip):
                nn.utils.clip_grad_norm_(self.task.module.parameters(), self.plan.clip)
            self.optimizer.step()
            self.state.steps += 1
            self.average.update(self.state.steps)
        return loss, guess.detach().double().cpu().numpy()

    def _set_lr(self, progress: float) -> float:
        lr = self.plan.lr * lr_factor(progress)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["factor"]
        return lr

    def _judge(
        self, epoch: int, train_loss: float, guesses: Scores, wanted: Scores, eta: float | None
    ) -> Generator[Event, None, None]:
        """Ask the averaged weights about the validation part, keep the best, tell, and write the checkpoint."""
        self.task.module.eval()
        standard = self.standard
        if only_ranks(self.plan.loss) and guesses.size:
            standard = Standard.fitted(guesses, standard.grow(wanted))
        with self.average.in_place():
            answer = self.task.guess_validation()
            if not np.isfinite(answer).all():
                yield self._diverged()
                return
            loss, figures = self._figures(answer, standard)
            if loss is None or self.state.is_better(figures.get("srcc"), loss, answer.size):
                self.state.best_epoch = epoch
                self.best = {name: value.detach().clone() for name, value in self.task.module.state_dict().items()}
        self.state.epoch = epoch
        self.state.ended = loss is not None and epoch - self.state.best_epoch >= self.plan.patience
        self.state.ended = self.state.ended and epoch >= self.plan.fewest
        told = told_of(epoch, self.plan, self.state.best_epoch, train_loss, loss, figures, guesses, wanted, standard)
        self.state.events += told
        yield from self._keep(last=self.state.ended or epoch == self.plan.epochs)
        yield from (dataclasses.replace(event, eta=eta) if isinstance(event, Epoch) else event for event in told)

    def _figures(self, answer: Scores, standard: Standard) -> tuple[float | None, dict[str, float | int | None]]:
        if not answer.size:
            return None, {}
        loss = self.loss(torch.from_numpy(answer), torch.from_numpy(self.standard.shrink(self.given)))
        return float(loss), curve_figures(self.given, standard.grow(answer))

    def _halve(self, rows: Rows) -> Notice:
        self.optimizer.zero_grad(set_to_none=True)
        if uses_cuda():
            torch.cuda.empty_cache()
        if rows.shape[-1] < 2:
            raise NeedMissing(
                "Even one photo at a time is too much for the memory.",
                remedy="Close other programs, or choose a smaller backbone.",
            )
        self.state.batch = (rows.shape[-1] + 1) // 2
        message = Message(
            "Out of memory with {batch} photos in a step: going on with {half}.",
            {"batch": int(rows.shape[-1]), "half": self.state.batch},
        )
        self.state.events.append(Notice(message))
        return Notice(message)

    def _is_sound(self) -> bool:
        return all(bool(torch.isfinite(value).all()) for value in self.task.module.state_dict().values())

    def _diverged(self) -> Notice:
        """End the training at numbers that are none; the best epoch so far stays.

        Raises:
            BeholderError: there is no good epoch.
        """
        if not self.state.epoch:
            raise BeholderError(
                "The loss is no longer a number: with a learning rate of {lr} training goes astray.",
                remedy="Try a learning rate of {better}.",
                lr=f"{self.plan.lr:.2g}",
                better=f"{self.plan.lr / 10:.2g}",
            )
        self.state.ended = True
        message = Message(
            "The loss is no longer a number after epoch {epoch}: the weights of epoch {best} are kept. "
            "Try a learning rate of {better} instead of {lr}.",
            {
                "epoch": self.state.epoch,
                "best": self.state.best_epoch,
                "lr": f"{self.plan.lr:.2g}",
                "better": f"{self.plan.lr / 10:.2g}",
            },
        )
        self.state.events.append(Notice(message))
        return Notice(message)

    def _keep(self, *, last: bool) -> Iterator[Notice]:
        begun = self.clock()
        if begun - self._kept < max(self.plan.seconds_between_checkpoints, self._apart) and not last:
            return
        state = self.state
        moments = {
            f"{number}.{name}": value
            for number, values in self.optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        tensors = {
            **put("model", self.task.module.state_dict()),
            **put("average", self.average.tensors),
            **put("best", self.best),
            **put("optimizer", moments),
        }
        try:
            self.store.save_epoch(state.epoch, Checkpoint(state.notes(), tensors, state.events))
        except BeholderError as error:
            if self._complained:
                return
            self._complained = True
            yield Notice(
                Message(
                    "No checkpoint can be kept: {cause} Training goes on; what was kept before stays.",
                    {"cause": str(error.message)},
                )
            )
        else:
            self._kept = self.clock()
            others = 1 / self.plan.share_for_checkpoints - 1
            self._apart = min(others * (self._kept - begun), _MOST_SECONDS_APART)

    def _resume(self) -> Iterator[Event]:
        """Take up the newest checkpoint, if there is one, and tell again what was told of its epochs."""
        for found in self.store.latest():
            if isinstance(found, Notice):
                yield found
                continue
            self.state = State.of(found.notes, found.events)
            device = next(iter(self.task.module.state_dict().values())).device
            self.task.module.load_state_dict(take(found.tensors, "model"))
            self.average.load(take(found.tensors, "average"))
            self.best = {name: value.to(device) for name, value in take(found.tensors, "best").items()}
            moments: dict[int, dict[str, Tensor]] = {}
            for name, value in take(found.tensors, "optimizer").items():
                number, _, kind = name.partition(".")
                moments.setdefault(int(number), {})[kind] = value
            self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
            yield from found.events


def _halves(rows: Rows) -> list[Rows]:
    """Return a batch as two; one photo stays one."""
    middle = (rows.shape[-1] + 1) // 2
    return [part for part in (rows[..., :middle], rows[..., middle:]) if part.shape[-1]]
