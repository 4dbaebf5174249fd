"""Losses, learning-rate schedule, depths of layers, and the line from a network's output to scores."""

import math

import numpy as np
import pytest
import torch

from engine.errors import UsageError
from engine.models.neural.figures import curve_figures
from engine.models.neural.layers import depths
from engine.models.neural.losses import make_loss, only_ranks
from engine.models.neural.plan import lr_factor
from engine.models.neural.scaling import Standard


def test_errors_are_means_over_the_photos():
    guess, wanted = torch.tensor([0.0, 0.0]), torch.tensor([0.5, 2.0])
    assert float(make_loss("mse")(guess, wanted)) == pytest.approx((0.25 + 4) / 2)
    assert float(make_loss("mae")(guess, wanted)) == pytest.approx(1.25)
    assert float(make_loss("huber")(guess, wanted)) == pytest.approx((0.125 + 1.5) / 2)
    assert float(make_loss("mse + 0.5*mae")(guess, wanted)) == pytest.approx((0.25 + 4) / 2 + 0.625)


def test_rank_looks_at_the_order_of_pairs_alone():
    rank = make_loss("rank")
    wanted = torch.tensor([1.0, 2.0, 3.0])
    right, wrong = torch.tensor([-5.0, 0.0, 5.0]), torch.tensor([5.0, 0.0, -5.0])
    assert float(rank(right, wanted)) < 0.01 < 3 < float(rank(wrong, wanted))
    assert float(rank(right + 100, wanted)) == pytest.approx(float(rank(right, wanted)))
    assert float(rank(torch.zeros(3), wanted)) == pytest.approx(math.log(2))


def test_rank_without_a_pair_is_nothing_and_has_a_slope():
    guess = torch.zeros(3, requires_grad=True)
    loss = make_loss("rank")(guess, torch.ones(3))
    loss.backward()
    assert loss.item() == 0.0 and guess.grad is not None and not guess.grad.any()


def test_rank_of_very_many_photos_is_compared_in_parts():
    scores = torch.linspace(0, 1, 3000)[torch.randperm(3000, generator=torch.Generator().manual_seed(1))]
    assert float(make_loss("rank")(scores * 100, scores)) < 0.1 < 0.6 < float(make_loss("rank")(-scores, scores))


def test_heads_side_by_side_have_losses_of_their_own():
    guess, wanted = torch.tensor([[0.0, 0.0], [1.0, 3.0]]), torch.tensor([[1.0, 1.0], [1.0, 3.0]])
    assert make_loss("mse")(guess, wanted).tolist() == [1.0, 0.0]


def test_only_a_pure_rank_loss_has_no_unit():
    assert only_ranks("rank") and only_ranks("2*rank")
    assert not only_ranks("huber+rank")
    with pytest.raises(UsageError):
        make_loss("hinge")


def test_learning_rate_warms_up_and_falls_to_nothing():
    steps = [lr_factor(step / 100) for step in range(101)]
    assert steps[0] < 0.02 and max(steps) == pytest.approx(1.0) and steps[100] == pytest.approx(0.0)
    assert steps[:10] == sorted(steps[:10]) and steps[11:] == sorted(steps[11:], reverse=True)


@pytest.mark.parametrize(
    ("names", "first", "last"),
    [
        (["conv1.weight", "layer1.0.conv1.weight", "layer4.1.bn2.bias"], "conv1.weight", "layer4.1.bn2.bias"),
        (["class_token", "encoder.layers.encoder_layer_0.w", "encoder.ln.weight"], "class_token", "encoder.ln.weight"),
        ([f"features.{number}.weight" for number in range(100)], "features.0.weight", "features.99.weight"),
    ],
)
def test_depth_grows_towards_the_picture_and_stays_bounded(names, first, last):
    found = depths(names)
    assert found[last] == 1.0 and found[first] == max(found.values()) <= 13
    assert [found[name] for name in names] == sorted(found.values(), reverse=True)


def test_scores_go_to_standard_units_and_back():
    scores = np.array([10.0, 20.0, 60.0])
    unit = Standard.of(scores)
    assert unit.shrink(scores).std() == pytest.approx(1.0)
    assert unit.grow(unit.shrink(scores)) == pytest.approx(scores)
    assert Standard.of(np.full(4, 7.0)).shrink(np.full(4, 7.0)).tolist() == [0.0] * 4


def test_a_line_is_fitted_to_guesses_without_a_unit_and_never_falls():
    guesses = np.array([-1.0, 0.0, 1.0])
    assert Standard.fitted(guesses, np.array([20.0, 50.0, 80.0])).grow(guesses) == pytest.approx([20, 50, 80])
    falling = Standard.fitted(guesses, np.array([80.0, 50.0, 20.0])).grow(guesses)
    assert falling[0] < falling[2] and falling == pytest.approx([50, 50, 50], abs=0.1)
    assert Standard.fitted(np.zeros(3), np.array([1.0, 2.0, 3.0])).grow(np.zeros(3)) == pytest.approx([2, 2, 2])


def test_figures_of_a_curve():
    figures = curve_figures(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 9.0]))
    assert figures["srcc"] == 1.0 and figures["mae"] == pytest.approx(8 / 3, abs=1e-5) and figures["n"] == 3
    assert curve_figures(np.ones(4), np.zeros(4))["srcc"] is None
