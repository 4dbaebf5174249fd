"""Every backbone can be fine-tuned: from random weights its loss on a few photos falls, and what is saved is read."""

import numpy as np
import pytest
import torch

from engine.features.backbones import get_backbone, list_backbones
from engine.features.networks import build_classifier, cut_head, load_weights
from engine.models.neural.head import Head
from engine.models.neural.layers import depths, is_norm
from engine.models.neural.losses import make_loss
from engine.models.neural.pixels import PixelStore
from engine.models.neural.tuned import Tuned, TunedTask, network_state

_FIXED_SIZE = ("vit_b_16",)
_SMALL = 96
# those of timm that this machine happens to know would make it another test on each machine
NAMES = [backbone.name for backbone in list_backbones() if backbone.source != "timm"]


def made_task(name, live_norms):
    """Return a task of two photos, a dark and a bright one, on a network with random weights."""
    backbone = get_backbone(name)
    torch.manual_seed(0)
    network = cut_head(backbone, build_classifier(backbone))
    size = backbone.preprocess.size if name in _FIXED_SIZE else _SMALL
    store = PixelStore(backbone.preprocess, 1 << 30)
    random = np.random.default_rng(0)
    for row, light in enumerate((40, 200)):
        store.add(row, random.integers(light - 40, light + 40, (size, size, 3)).astype(np.uint8))
    nothing = np.zeros((1, 0), np.float32)
    width = backbone.width
    head = Head(
        np.zeros(width, np.float32),
        np.zeros((1, 0, 0), np.float32),
        nothing,
        nothing,
        nothing,
        np.zeros((1, width), np.float32),
        np.zeros(1, np.float32),
        np.array([50.0, 10.0]),
    )
    factor = np.full(width, 1 / np.sqrt(width), np.float32)
    rows = np.arange(2)
    return TunedTask(
        Tuned(network, head, factor, 0.0, live_norms),
        store,
        backbone.preprocess,
        np.array([-1.0, 1.0]),
        rows,
        (store, rows),
        augment="none",
        layer_decay=0.9,
        precision="f32",
        device=torch.device("cpu"),
        seed=0,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_its_loss_falls_and_its_state_is_read_back(name, tmp_path):
    from safetensors.torch import save_file

    backbone = get_backbone(name)
    task = made_task(name, live_norms=True)
    groups = task.parameter_groups()
    trained = {id(value) for group in groups for value in group["params"]}
    assert trained == {id(value) for value in task.module.parameters() if value.requires_grad}
    factors = [group["factor"] for group in groups]
    assert max(factors) == 1.0 and min(factors) < 0.6
    optimizer = torch.optim.AdamW([{"params": group["params"], "lr": 3e-4 * group["factor"]} for group in groups])
    loss_of, rows, losses = make_loss("mse"), np.arange(2), []
    task.module.train()
    before = network_state(task.module.features)
    for step in range(3):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)  # dropout alike at each step, so that the losses can be compared
            loss = loss_of(task.guess(rows), task.wanted(rows))
        losses += [loss.item()]
        if step < 2:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert np.isfinite(losses).all() and losses[-1] < losses[0]

    state = network_state(task.module.features)
    assert any(not torch.equal(state[key], before[key]) for key in state)
    file = tmp_path / "network.safetensors"
    save_file(state, file)
    again = build_classifier(backbone)
    load_weights(backbone, again, file)
    loaded = cut_head(backbone, again)
    assert all(torch.equal(value, state[key]) for key, value in network_state(loaded).items())


def test_depths_of_every_backbone_grow_from_head_to_stem():
    for name in NAMES:
        backbone = get_backbone(name)
        with torch.device("meta"):
            network = cut_head(backbone, build_classifier(backbone))
        names = [key for key, _ in network.named_parameters()]
        found = depths(names)
        assert max(found.values()) <= 13 and min(found.values()) == 1.0
        assert len(set(found.values())) >= 4, name
        assert found[names[0]] > found[names[-1]]


def test_statistics_of_normalisation_are_held_on_few_photos():
    task = made_task("efficientnet_lite0", live_norms=False)
    task.module.train()
    norms = [part for part in task.module.modules() if is_norm(part)]
    before = [part.running_mean.clone() for part in norms]
    task.guess(np.arange(2)).sum().backward()
    assert norms and all(torch.equal(part.running_mean, held) for part, held in zip(norms, before, strict=True))
    assert all(part.weight.grad is not None for part in norms)


def test_one_photo_alone_has_no_statistics_and_is_no_obstacle():
    task = made_task("efficientnet_lite0", live_norms=True)
    task.module.train()
    assert task.guess(np.array([1])).shape == (1,)
    assert all(part.training for part in task.module.modules() if is_norm(part))


def test_a_channel_that_is_flat_over_a_photo_ends_no_training():
    task = made_task("efficientnet_lite0", live_norms=False)
    task.store.add(0, np.zeros((_SMALL, _SMALL, 3), np.uint8))
    task.module.train()
    torch.nn.init.ones_(task.module.weight)
    task.guess(np.arange(2)).sum().backward()
    assert all(bool(torch.isfinite(value.grad).all()) for value in task.module.parameters())
