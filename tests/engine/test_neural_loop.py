"""The training loop by itself, on a small line to fit: stop, finish, early stop, bad numbers, memory, checkpoints."""

import math
import resource

import numpy as np
import pytest
import torch

from engine.errors import BeholderError, Interrupted, NeedMissing
from engine.events import Epoch, Notice, StepLoss
from engine.models.base import FitControl
from engine.models.neural.checkpoint import CheckpointStore
from engine.models.neural.loop import Loop
from engine.models.neural.plan import Plan, State
from engine.models.neural.scaling import Standard
from tests.engine.neural_sets import epochs_of, notices_of


class Line:
    """A `Task`: scores follow one of four inputs; `trouble(rows, module)` is called before each guess."""

    def __init__(self, photos=40, trouble=None, width=4):
        random = np.random.default_rng(0)
        inputs = random.normal(size=(photos + 20, width)).astype(np.float32)
        self.inputs, self.scores = torch.from_numpy(inputs), torch.from_numpy(inputs[:, 0].copy())
        self.photos, self.trouble, self.seen = photos, trouble, []
        torch.manual_seed(0)
        self.module = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(width, 1))

    def parameter_groups(self):
        return [{"params": [*self.module.parameters()], "factor": 1.0, "decays": True}]

    def batches(self, epoch, batch):
        order = np.random.default_rng([epoch]).permutation(self.photos)
        return np.array_split(order, math.ceil(self.photos / batch))

    def guess(self, rows):
        if self.trouble:
            self.trouble(rows, self.module)
        self.seen.append(rows.tolist())
        return self.module(self.inputs[torch.from_numpy(rows)])[:, 0]

    def wanted(self, rows):
        return self.scores[torch.from_numpy(rows)]

    @property
    def given(self):
        return self.scores[self.photos :].double().numpy() * 10 + 50

    def guess_validation(self):
        with torch.inference_mode():
            return self.module(self.inputs[self.photos :])[:, 0].double().numpy()


def make_loop(task, *, folder=None, control=None, given=None, **plan):
    settings = {
        "epochs": 6,
        "lr": 0.05,
        "weight_decay": 0.0,
        "batch": 8,
        "loss": "huber",
        "patience": 50,
        "seed": 3,
        **plan,
    }
    given = task.given if given is None else given
    control = control or FitControl()
    return Loop(task, Plan(**settings), Standard(50.0, 10.0), given, CheckpointStore(folder, "same"), control)


def weights(task):
    return {name: value.clone() for name, value in task.module.state_dict().items()}


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def test_each_epoch_is_told_and_the_line_is_found():
    task = Line()
    loop = make_loop(task, epochs=20, clip=1.0, ema=0.9)
    events = list(loop.run())
    epochs = epochs_of(events)
    assert [event.epoch for event in epochs] == list(range(1, 21)) and epochs[-1].eta == 0
    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    assert epochs[-1].metrics["srcc"] > 0.95 and epochs[-1].metrics["mae"] < 4
    told = {event.metric for event in events if event.type == "curve" and event.x == 20}
    assert told == {"loss", "mae", "srcc"}
    steps = [event for event in events if isinstance(event, StepLoss)]
    assert 1 <= len(steps) <= 40  # not each of 100


def test_the_best_weights_are_back_at_the_end():
    task, states = Line(), {}
    loop = make_loop(task, epochs=8, lr=0.5)
    for event in loop.run():
        if isinstance(event, Epoch):
            states[event.epoch] = weights(task)
    epochs = {event.epoch: event for event in epochs_of(loop.state.events)}
    best = loop.state.best_epoch
    assert best == epochs[8].best_epoch and same(weights(task), states[best])
    assert epochs[best].metrics["srcc"] > max(event.metrics["srcc"] for event in epochs.values()) - 0.05
    assert not same(weights(task), states[8]) or best == 8


def test_the_order_counts_and_the_loss_decides_between_about_equal_ones():
    state = State(batch=1)
    assert state.is_better(0.50, 1.0, 101)
    assert not state.is_better(0.52, 1.1, 101)  # within chance, and the loss is worse
    assert state.is_better(0.51, 0.9, 101)
    assert state.is_better(0.60, 2.0, 101)  # clearly a better order
    assert not state.is_better(0.50, 0.1, 101)
    assert not state.is_better(None, 0.1, 101)
    assert State(batch=1).is_better(None, 3.0, 2)


def test_patience_ends_the_training():
    task = Line()
    task.scores[task.photos :] = torch.from_numpy(np.random.default_rng(5).normal(size=20).astype(np.float32))
    loop = make_loop(task, epochs=500, patience=3)
    epochs = epochs_of(loop.run())
    assert len(epochs) < 500 and len(epochs) == loop.state.best_epoch + 3


def test_without_a_validation_part_the_last_epoch_counts():
    loop = make_loop(Line(), given=np.zeros(0))
    loop.task.guess_validation = lambda: np.zeros(0)
    epochs = epochs_of(loop.run())
    assert loop.state.best_epoch == 6 and epochs[-1].validation_loss is None and epochs[-1].metrics == {}


def test_a_stop_is_heeded_at_the_next_step_and_a_finish_keeps_the_best():
    asked = []
    loop = make_loop(Line(), control=FitControl(should_stop=lambda: len(asked) > 2 or asked.append(0)))
    with pytest.raises(Interrupted):
        list(loop.run())
    assert len(loop.task.seen) == 3

    told = []
    loop = make_loop(Line(), control=FitControl(should_finish=lambda: len(epochs_of(told)) == 2))
    for event in loop.run():
        told += [event]
    assert [event.epoch for event in epochs_of(told)] == [1, 2] and len(loop.task.seen) < 15


def test_numbers_that_are_none_end_it_with_the_last_good_weights():
    task, good = Line(), {}

    def trouble(rows, module):
        if len(task.seen) == 12:
            module[1].weight.data[:] = math.nan

    task.trouble = trouble
    loop = make_loop(task, lr=0.02)
    for event in loop.run():
        if isinstance(event, Epoch):
            good = weights(task)
        last = event
    assert isinstance(last, Notice) and "Try a learning rate of 0.002 instead of 0.02" in str(last.message)
    assert loop.state.epoch == 2 and same(weights(task), good)


def test_numbers_that_are_none_from_the_start_are_an_error_with_a_remedy():
    with pytest.raises(BeholderError, match="Try a learning rate of 1e\\+29") as caught:
        list(make_loop(Line(), lr=1e30, loss="mse", epochs=3).run())
    assert not isinstance(caught.value, Interrupted)


def test_out_of_memory_halves_the_batch_and_goes_on():
    def greedy(rows, module):
        if rows.size > 3:
            torch.empty(1 << 60)  # more than any machine has

    task = Line(trouble=greedy)
    loop = make_loop(task, batch=8, epochs=2)
    events = list(loop.run())
    assert notices_of(events) == [
        "Out of memory with 8 photos in a step: going on with 4.",
        "Out of memory with 4 photos in a step: going on with 2.",
    ]
    assert len(epochs_of(events)) == 2 and loop.state.batch == 2
    first = [row for rows in task.seen for row in rows][:40]
    assert sorted(first) == list(range(40))  # each photo once in the epoch in which it happened


def test_out_of_memory_with_one_photo_is_an_error():
    task = Line(trouble=lambda rows, module: torch.empty(1 << 60))
    with pytest.raises(NeedMissing, match="Even one photo"):
        list(make_loop(task).run())


def test_other_errors_are_not_taken_for_too_little_memory():
    def broken(rows, module):
        raise RuntimeError("shapes don't fit")

    with pytest.raises(RuntimeError, match="shapes"):
        list(make_loop(Line(trouble=broken)).run())


def test_a_full_disk_is_told_once_and_training_goes_on(tmp_path):
    loop = make_loop(Line(width=20_000), folder=tmp_path / "kept")
    events, before = [], resource.getrlimit(resource.RLIMIT_FSIZE)
    running = loop.run()
    for event in running:
        events.append(event)
        if isinstance(event, Epoch):
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # the system refuses what is longer
    try:
        events += running
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(epochs_of(events)) == 6
    assert [text for text in notices_of(events) if text.startswith("No checkpoint can be kept:")]
    assert len(notices_of(events)) == 1
    assert [place.name for place in (tmp_path / "kept").iterdir()] == ["epoch-00001"]


def interrupted_and_resumed(folder, stopped_after, **plan):
    """Return the weights of a training that was stopped and taken up by another, and what that one told."""
    told = []
    first = make_loop(
        Line(), folder=folder, control=FitControl(should_stop=lambda: len(epochs_of(told)) >= stopped_after), **plan
    )
    with pytest.raises(Interrupted):
        for event in first.run():
            told += [event]
    second = make_loop(Line(), folder=folder, **plan)
    events = list(second.run())
    return weights(second.task), events, second


def test_a_resumed_training_is_the_same_training(tmp_path):
    whole = make_loop(Line(), ema=0.9, clip=1.0)
    events = list(whole.run())
    found, told, second = interrupted_and_resumed(tmp_path / "kept", 3, ema=0.9, clip=1.0)
    assert same(found, weights(whole.task))
    assert [event.to_dict() | {"eta": 0} for event in epochs_of(told)] == [
        event.to_dict() | {"eta": 0} for event in epochs_of(events)
    ]
    assert len(second.task.seen) == 3 * 5  # the epochs that were done are told, not done again


def test_a_smaller_batch_is_remembered(tmp_path):
    def greedy(rows, module):
        if rows.size > 4:
            torch.empty(1 << 60)

    first = make_loop(Line(trouble=greedy), folder=tmp_path, epochs=2, until=1)
    list(first.run())
    second = make_loop(Line(), folder=tmp_path, epochs=2)
    assert notices_of(second.run()) == ["Out of memory with 8 photos in a step: going on with 4."]
    assert {len(rows) for rows in second.task.seen} == {4}
