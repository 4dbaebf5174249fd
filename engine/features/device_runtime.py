"""Run a backbone through torch on a graphics card: large batches of one shape, bfloat16 where that is exact enough."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import BeholderError
from engine.features.backbones import Backbone, Preprocess, fingerprint
from engine.features.converted import MIN_COSINE, check_pictures, cosine_of
from engine.features.networks import build_features
from engine.features.preprocess import FloatArray, Pixels
from engine.features.torch_runtime import run_module
from engine.features.weights import Weights, file_stem
from engine.storage import write_json

_MOST = 256  # pictures in a batch: of 224 px about 2 GB while EfficientNet-Lite computes


class DeviceRuntime:
    """A backbone on a device of torch's.

    Pictures of one shape wait until a batch is full. A batch is copied from pinned memory while the one before it
    computes, and its vectors are fetched when the next one has been sent, so that neither side waits for the other. A
    batch that is too large for the device's memory is halved, and so are those after it.

    Args:
        module: from normalised (N, 3, height, width) pictures to (N, width) vectors; it is moved to the device.
        how: the network's preprocessing.
        device: such as ``cuda``; ``cpu`` computes the same.
        precision: ``bf16`` or ``f32``.
        together: pictures in a batch at most.
    """

    def __init__(
        self, module: nn.Module, how: Preprocess, device: str = "cuda", precision: str = "bf16", together: int = _MOST
    ) -> None:
        self.name = device
        self.together = together
        self._device = torch.device(device)
        self._precision = precision
        keep_first_depthwise_exact(module)
        self._module: Any = module.eval().to(self._device)
        self._module = self._module.to(memory_format=torch.channels_last)
        self._mean, self._std = (
            torch.tensor(values, device=self._device)[:, None, None] for values in (how.mean, how.std)
        )

    def run(self, pictures: Iterable[tuple[str, Pixels]]) -> dict[str, FloatArray]:
        """Return a vector for each picture; see `engine.features.runtime.Runtime.run`."""
        found: dict[str, FloatArray] = {}
        waiting: dict[tuple[int, ...], list[tuple[str, Pixels]]] = {}
        sent: list[tuple[list[str], Tensor]] = []
        for key, picture in pictures:
            waiting.setdefault(picture.shape, []).append((key, picture))
            # Of nine shapes none may fill up for long: as many pictures as two batches are held at most.
            fullest = max(waiting, key=lambda shape: len(waiting[shape]))
            held = sum(len(batch) for batch in waiting.values())
            if len(waiting[fullest]) >= self.together or held >= 2 * self.together:
                self._send(waiting.pop(fullest), sent)
                _fetch(sent[:-1], found)
                del sent[:-1]
        for batch in waiting.values():
            self._send(batch, sent)
        _fetch(sent, found)
        return found

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Have the device choose its kernels for a (height, width, 3) shape."""
        self.run([("", np.zeros(shape, np.uint8))])

    def _send(self, batch: list[tuple[str, Pixels]], sent: list[tuple[list[str], Tensor]]) -> None:
        """Start to compute a batch, in pieces that the device has memory for."""
        while batch:
            piece = batch[: self.together]
            try:
                vectors = self._forward([picture for _, picture in piece])
            except torch.OutOfMemoryError:
                if self.together == 1:
                    raise
                self.together = (min(self.together, len(piece)) + 1) // 2
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()
                continue
            sent.append(([key for key, _ in piece], vectors))
            batch = batch[len(piece) :]

    def _forward(self, pictures: list[Pixels]) -> Tensor:
        on_card = self._device.type == "cuda"
        pixels = torch.empty((len(pictures), *pictures[0].shape), dtype=torch.uint8, pin_memory=on_card)
        np.stack(pictures, out=pixels.numpy())
        low = torch.bfloat16 if self._precision == "bf16" else None
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=low is not None):
            moved = pixels.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
            normal = (moved.float() / 255 - self._mean) / self._std
            vectors: Tensor = self._module(normal).float()
        return vectors


def open_device(backbone: Backbone, weights: Weights, cache: Path, device: str = "cuda") -> DeviceRuntime | None:
    """Return a backbone on a device, in the quickest precision that agrees with torch on the CPU.

    What the check found is kept for the device and torch's version.

    Args:
        backbone: which network. weights: which weights.
        cache: the folder of all that can be rebuilt.
        device: torch's name for it.

    Returns:
        None where the device isn't there, fails, or agrees in no precision.

    Raises:
        DamagedFile: the weights are not of this backbone.
    """
    if device == "cuda" and not torch.cuda.is_available():
        return None
    module = build_features(backbone, weights)
    how = backbone.preprocess
    model = torch.cuda.get_device_name() if device == "cuda" else device
    checked = {"device": model, "torch": torch.__version__, "min_cosine": MIN_COSINE}
    file = cache / "devices" / f"{file_stem(backbone.name)}-{fingerprint(backbone, weights.digest)}.json"
    try:
        record = _known(file, checked)
        if record is None:
            cosine = {name: _worst(module, backbone, device, name) for name in ("bf16", "f32")}
            record = {**checked, "cosine": cosine}
            _keep(file, record)
        passed = [name for name, cosine in record["cosine"].items() if cosine >= MIN_COSINE]
        return DeviceRuntime(module, how, device, passed[0]) if passed else None
    except RuntimeError:  # no memory, an old driver, a kernel that this card lacks: the CPU can do it
        return None


def _worst(module: nn.Module, backbone: Backbone, device: str, precision: str) -> float:
    pictures = check_pictures(backbone)
    runtime = DeviceRuntime(copy.deepcopy(module), backbone.preprocess, device, precision)
    found = runtime.run((str(row), picture) for row, picture in enumerate(pictures))
    wanted = [run_module(module, backbone.preprocess, picture[None])[0] for picture in pictures]
    cosines = [cosine_of(found[str(row)], right) for row, right in enumerate(wanted)]
    return min(cosines) if np.isfinite(cosines).all() else -1.0


def _known(file: Path, checked: dict[str, Any]) -> dict[str, Any] | None:
    try:
        record = json.loads(file.read_text("utf-8"))
        same = {name: record[name] for name in checked} == checked
        return record if same and all(isinstance(record["cosine"][name], float) for name in ("bf16", "f32")) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(file: Path, record: dict[str, Any]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, record)
    except (OSError, BeholderError):
        pass  # then the check is made again the next time, which costs seconds


def _fetch(sent: list[tuple[list[str], Tensor]], found: dict[str, FloatArray]) -> None:
    for keys, vectors in sent:
        # copies: a row that is kept must not keep its whole batch
        found.update((key, row.copy()) for key, row in zip(keys, vectors.cpu().numpy(), strict=True))


class _Exact(nn.Module):
    """A layer that computes in float32 whatever is asked for around it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):
            found: Tensor = self.layer(maps.float())
        return found


def keep_first_depthwise_exact(module: nn.Module) -> None:
    """Let a module's first depthwise convolution compute in float32; see `engine.features.graph`."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.in_channels:
            parent, _, last = name.rpartition(".")
            setattr(module.get_submodule(parent) if parent else module, last, _Exact(layer))
            return
