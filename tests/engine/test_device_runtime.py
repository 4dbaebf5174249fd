"""Large batches on a device of torch's: the same vectors, whatever the memory; and a card only where it pays."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.features.backbones import Preprocess, get_backbone
from engine.features.converted import check_pictures, cosine_of
from engine.features.device_runtime import DeviceRuntime, keep_first_depthwise_exact, open_device
from engine.features.large_runs import LargeRuns, card_seems_present
from engine.features.networks import build_features
from engine.features.preprocess import FloatArray, Pixels
from engine.features.torch_runtime import TorchRuntime

LITE0 = get_backbone("efficientnet_lite0")
HOW = Preprocess("aspect", 224, 224, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Mean(nn.Module):
    """The mean colour of a picture, on a device that has memory for so many pictures at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.batches: list[tuple[int, ...]] = []

    def forward(self, pictures: Tensor) -> Tensor:
        if len(pictures) > self.most:
            raise torch.OutOfMemoryError("too many")
        self.batches.append(tuple(pictures.shape))
        return pictures.mean(dim=(2, 3))


def coloured(count: int) -> list[tuple[str, Pixels]]:
    shapes = ((4, 6, 3), (6, 4, 3))
    return [(str(row), np.full(shapes[row % 3 == 0], row, np.uint8)) for row in range(count)]


@pytest.mark.parametrize(("most", "largest"), [(99, 8), (3, 2), (1, 1)])
def test_every_picture_gets_its_own_vector_however_little_memory_there_is(most: int, largest: int) -> None:
    module = Mean(most)
    runtime = DeviceRuntime(module, HOW, "cpu", "f32", together=8)
    found = runtime.run(coloured(41))
    assert sorted(found, key=int) == [str(row) for row in range(41)]
    for row in range(41):
        assert np.allclose(found[str(row)], row / 255, atol=1e-6)
    assert max(shape[0] for shape in module.batches) == largest
    assert sum(shape[0] for shape in module.batches) == 41  # what failed was not computed twice


def test_no_memory_for_a_single_picture_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        DeviceRuntime(Mean(0), HOW, "cpu", "f32", together=4).run(coloured(5))


def test_pictures_of_many_shapes_do_not_pile_up() -> None:
    module, taken = Mean(99), 0
    runtime = DeviceRuntime(module, HOW, "cpu", "f32", together=4)

    def pictures() -> Iterable[tuple[str, Pixels]]:
        nonlocal taken
        for row in range(60):
            assert taken - sum(shape[0] for shape in module.batches) <= 8
            taken += 1
            yield str(row), np.zeros((2, 2 + row % 9, 3), np.uint8)

    assert len(runtime.run(pictures())) == 60


def test_bfloat16_agrees_on_a_device_too() -> None:
    pictures = [(str(row), picture) for row, picture in enumerate(check_pictures(LITE0)[:2])]
    wanted = TorchRuntime(LITE0, LITE0.find_weights()).run(pictures)
    for precision, least in (("f32", 0.99999), ("bf16", 0.999)):
        module = build_features(LITE0, LITE0.find_weights())
        found = DeviceRuntime(module, LITE0.preprocess, "cpu", precision).run(pictures)
        assert min(cosine_of(found[key], wanted[key]) for key in wanted) > least
        assert {vector.dtype for vector in found.values()} == {np.dtype(np.float32)}


def test_only_the_first_depthwise_layer_keeps_float32() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(4, 4, 1, groups=4)
            self.second = nn.Conv2d(4, 4, 1, groups=4)

        def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
            first = self.first(maps)
            return first, self.second(first)

    module = Two()
    keep_first_depthwise_exact(module)
    with torch.autocast("cpu", torch.bfloat16):
        first, second = module(torch.ones(1, 4, 2, 2))
    assert (first.dtype, second.dtype) == (torch.float32, torch.bfloat16)


def test_what_the_check_found_is_kept_and_used(tmp_path: Path) -> None:
    backbone = get_backbone("resnet18")
    weights = backbone.find_weights("none")
    first = open_device(backbone, weights, tmp_path, "cpu")
    assert first is not None and first._precision == "bf16"
    (file,) = (tmp_path / "devices").iterdir()
    record = json.loads(file.read_text())
    file.write_text(json.dumps({**record, "cosine": {"bf16": 0.5, "f32": 1.0}}))
    second = open_device(backbone, weights, tmp_path, "cpu")
    assert second is not None and second._precision == "f32"
    file.write_text(json.dumps({**record, "cosine": {"bf16": 0.5, "f32": 0.5}}))
    assert open_device(backbone, weights, tmp_path, "cpu") is None
    file.write_text(json.dumps({**record, "torch": "another", "cosine": {"bf16": 0.5, "f32": 0.5}}))
    assert open_device(backbone, weights, tmp_path, "cpu") is not None  # checked again


class Told:
    """A runtime that tells which pictures it got."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: list[str] = []

    def run(self, pictures: Iterable[tuple[str, Pixels]]) -> dict[str, FloatArray]:
        keys = [key for key, _ in pictures]
        self.keys += keys
        return {key: np.zeros(1, np.float32) for key in keys}

    def prepare(self, shape: tuple[int, ...]) -> None:
        self.keys.append(str(shape))


def test_a_card_is_opened_when_there_are_many_pictures_and_once() -> None:
    first, better, opened = Told("openvino"), Told("cuda"), []

    def open_better() -> Told:
        opened.append(1)
        return better

    runtime = LargeRuns(first, open_better, few=5)
    assert len(runtime.run(coloured(3))) == 3
    assert len(runtime.run(coloured(2))) == 2
    assert (opened, runtime.name) == ([], "openvino")
    assert len(runtime.run(coloured(4))) == 4
    assert len(runtime.run(coloured(1))) == 1
    assert (opened, runtime.name) == ([1], "cuda")
    assert (len(first.keys), len(better.keys)) == (5, 5)


def test_one_long_run_changes_over_in_its_middle_and_without_a_card_goes_on() -> None:
    first, better = Told("openvino"), Told("cuda")
    assert len(LargeRuns(first, lambda: better, few=5).run(coloured(12))) == 12
    assert better.keys == [str(row) for row in range(5, 12)]
    alone = Told("openvino")
    assert len(LargeRuns(alone, lambda: None, few=5).run(coloured(12))) == 12
    assert alone.keys == [str(row) for row in range(12)]


def test_looking_for_a_card_imports_nothing() -> None:
    assert not card_seems_present({"CUDA_VISIBLE_DEVICES": ""})
    code = (
        "import os, sys; from engine.features.large_runs import card_seems_present;"
        "card_seems_present(os.environ); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
