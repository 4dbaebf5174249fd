"""Augmentation keeps the shape, changes each photo by itself, and follows from the seed."""

import pytest
import torch

from engine.models.neural.augment import make_augment
from engine.models.neural.randomness import seeded


@pytest.fixture
def pictures():
    shades = torch.linspace(0, 255, 64).to(torch.uint8)
    return shades.expand(6, 3, 48, 64).clone()  # brighter to the right


def test_none_changes_nothing(pictures):
    assert torch.equal(make_augment("none", 48, 64)(pictures), pictures)


@pytest.mark.parametrize("strength", ["light", "strong"])
def test_the_seed_decides_and_the_shape_stays(pictures, strength):
    augment = make_augment(strength, 48, 64)
    with seeded(1, 2, 3):
        first = augment(pictures)
    with seeded(1, 2, 3):
        second = augment(pictures)
    with seeded(1, 2, 4):
        third = augment(pictures)
    assert first.shape == pictures.shape and torch.equal(first, second) and not torch.equal(first, third)


def test_light_mirrors_some_and_keeps_the_colours(pictures):
    with seeded(5):
        found = make_augment("light", 48, 64)(pictures).float()
    is_mirrored = [bool(one[0, 24, 5] > one[0, 24, -5]) for one in found]
    assert True in is_mirrored and False in is_mirrored
    assert torch.equal(found[:, 0], found[:, 1]) and (found.mean(dim=(1, 2, 3)) - 127.5).abs().max() < 20


def test_strong_changes_colours_too(pictures):
    pictures[:, 0] //= 2
    with seeded(5):
        found = make_augment("strong", 48, 64)(pictures)
    assert found.dtype == torch.float32 and float(found.min()) >= 0 and float(found.max()) <= 1.01
    share = found[:, 0].mean(dim=(1, 2)) / found[:, 1].mean(dim=(1, 2))
    assert (share - 0.5).abs().max() > 0.01


def test_chance_outside_is_left_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    with seeded(1):
        torch.rand(10)
    assert torch.equal(torch.rand(3), wanted)
