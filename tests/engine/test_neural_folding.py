"""Normalisations with held statistics are worked into the convolutions: same vectors, same slopes, less work."""

import pytest
import torch
from torch import nn

from engine.features.backbones import get_backbone
from engine.features.networks import build_classifier, cut_head
from engine.models.neural.folding import folded_norms
from engine.models.neural.layers import early_parameters, is_norm


def made_network(name):
    """Return a network whose statistics are no longer those of a new one."""
    backbone = get_backbone(name)
    torch.manual_seed(0)
    network = cut_head(backbone, build_classifier(backbone))
    for part in network.modules():
        if is_norm(part):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.2, 0.2)
            nn.init.uniform_(part.running_mean, -0.2, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return network


def slopes(network, pictures):
    network.zero_grad()
    vectors = network(pictures)
    (vectors**2).mean().backward()
    return vectors.detach(), {name: value.grad for name, value in network.named_parameters()}


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
def test_vectors_and_slopes_are_the_same_and_few_normalisations_run(name, monkeypatch):
    network, pictures = made_network(name), torch.rand(2, 3, 64, 64)
    names = [*network.state_dict()]
    vectors, wanted = slopes(network, pictures)
    ran = []
    own = torch.batch_norm
    monkeypatch.setattr(torch, "batch_norm", lambda *rest: ran.append(1) or own(*rest))
    with folded_norms(network, pictures[:1]) as pairs:
        norms = sum(is_norm(part) for part in network.modules())
        assert norms >= len(pairs) > 15 and len(pairs) > 0.85 * norms  # timm's own kinds of convolution stay
        ran.clear()
        found, slope = slopes(network, pictures)
        assert len(ran) == norms - len(pairs) and [*network.state_dict()] == names
        # of one and the same step: weights that change are seen by the next one
        with torch.no_grad():
            pairs[0].norm.weight.mul_(2)
        assert not torch.equal(network(pictures), found)
        with torch.no_grad():
            pairs[0].norm.weight.div_(2)
    assert torch.allclose(found, vectors, atol=1e-4 * float(vectors.abs().max()))
    for key, value in wanted.items():
        assert (slope[key] - value).abs().max() <= 1e-3 * value.abs().max() + 1e-9, key
    assert torch.equal(slopes(network, pictures)[0], vectors)


class Forked(nn.Module):
    """A convolution whose maps are used beside its normalisation too."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, pictures):
        maps = self.conv(pictures)
        return (self.norm(maps) + maps).mean(dim=(2, 3))


def test_what_would_change_the_vectors_is_left_alone():
    network, pictures = Forked().eval(), torch.rand(2, 3, 16, 16)
    nn.init.constant_(network.norm.running_mean, 0.5)
    wanted = network(pictures)
    with folded_norms(network, pictures) as pairs:
        assert pairs == [] and torch.equal(network(pictures), wanted)


@pytest.mark.parametrize(
    ("name", "held", "learned"),
    [
        ("resnet18", "layer1.1.bn2.weight", "layer2.0.conv1.weight"),
        ("efficientnet_lite0", "network.blocks.1.1.conv_pw.weight", "network.blocks.4.0.conv_pw.weight"),
        ("vit_b_16", "conv_proj.weight", "encoder.layers.encoder_layer_0.ln_1.weight"),
        ("vgg16", "features.0.weight", "classifier.0.weight"),
    ],
)
def test_the_first_layers_are_those_near_the_picture(name, held, learned):
    backbone = get_backbone(name)
    with torch.device("meta"):
        network = cut_head(backbone, build_classifier(backbone))
    found = {id(value) for value in early_parameters(network, 0.02)}
    names = dict(network.named_parameters())
    assert id(names[held]) in found and id(names[learned]) not in found
    assert sum(names[key].numel() for key in names if id(names[key]) in found) <= 0.02 * sum(
        value.numel() for value in names.values()
    )
    assert early_parameters(network, 0.0) == []
    assert found <= {id(value) for value in early_parameters(network, 0.1)}
