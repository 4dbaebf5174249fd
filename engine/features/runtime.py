"""Run a backbone on prepared pictures: through OpenVINO where it is exact enough, else through torch."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engine.errors import BeholderError, DamagedFile, Interrupted, Message, NeedMissing, UsageError
from engine.events import Notice
from engine.features.backbones import Backbone
from engine.features.preprocess import FloatArray
from engine.features.weights import Weights
from engine.features.weights import cache_folder as cache_folder

if TYPE_CHECKING:
    from torch import nn

_TORCH_BATCH = 8


class Runtime(Protocol):
    """What turns pictures into feature vectors."""

    name: str

    def run(self, pictures: Iterable[tuple[str, FloatArray]]) -> dict[str, FloatArray]:
        """Return a vector for each picture.

        Args:
            pictures: keys and (3, height, width) float32 inputs; taken one by one, so that a lazy source
                decodes while the network works.

        Returns:
            key → (width,) float32.
        """
        ...

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do now what the first picture of this (3, height, width) shape would have to wait for."""
        ...


def chosen_runtime(environ: Mapping[str, str] = os.environ) -> str:
    """Return ``openvino`` where it is installed, else ``torch``; ``$BEHOLDER_RUNTIME`` forces one.

    Raises:
        UsageError: the variable names neither. NeedMissing: openvino is forced and not installed.
    """
    forced = environ.get("BEHOLDER_RUNTIME", "")
    installed = importlib.util.find_spec("openvino") is not None
    if forced not in {"", "torch", "openvino"}:
        raise UsageError(
            "There is no runtime “{name}”.",
            remedy="Set BEHOLDER_RUNTIME to torch or openvino, or leave it away.",
            name=forced,
        )
    if forced == "openvino" and not installed:
        raise NeedMissing(
            "OpenVINO is not installed.",
            remedy="Install it with: pip install openvino; or leave BEHOLDER_RUNTIME away.",
        )
    return forced or ("openvino" if installed else "torch")


def open_runtime(
    backbone: Backbone, weights: Weights, environ: Mapping[str, str] = os.environ
) -> Iterator[Notice | Runtime]:
    """Load a backbone; notices on the way, the `Runtime` last.

    Raises:
        DamagedFile: the weights are not of this backbone. UsageError, NeedMissing: see `chosen_runtime`.
    """
    if chosen_runtime(environ) == "torch":
        yield TorchRuntime(backbone, weights)
        return
    from engine.features.converted import ConvertedNetwork

    network = ConvertedNetwork(backbone, weights, cache_folder(environ))
    if network.record() is None:
        yield Notice(Message("Preparing {backbone} for this computer; this happens once.", {"backbone": backbone.name}))
        try:
            network.convert()
            network.save()
        except RuntimeError as error:
            yield _cant_convert(backbone, error)
            yield TorchRuntime(backbone, weights)
            return
        except (DamagedFile, Interrupted):
            raise
        except BeholderError as error:
            yield Notice(Message("The prepared network can't be kept: {cause}", {"cause": str(error)}))
    precision = network.precision()
    if precision is None:
        yield Notice(
            Message(
                "OpenVINO's results for {backbone} differ from PyTorch's, so the slower PyTorch is used.",
                {"backbone": backbone.name},
            )
        )
        yield TorchRuntime(backbone, weights)
        return
    try:
        runtime: Runtime = OpenVinoRuntime(network.model(), precision)
    except RuntimeError as error:  # another program has just made room for its own networks
        yield _cant_convert(backbone, error)
        runtime = TorchRuntime(backbone, weights)
    yield runtime


def _cant_convert(backbone: Backbone, error: RuntimeError) -> Notice:
    return Notice(
        Message(
            "OpenVINO can't convert {backbone} ({cause}), so the slower PyTorch is used.",
            {"backbone": backbone.name, "cause": str(error).strip().rpartition("\n")[2]},
        )
    )


class TorchRuntime:
    """A backbone run by torch on the CPU.

    Args:
        backbone: which network.
        weights: which weights.

    Raises:
        DamagedFile: the weights are not of this backbone.
    """

    name = "torch"

    def __init__(self, backbone: Backbone, weights: Weights) -> None:
        from engine.features.networks import build_features

        self.module = build_features(backbone, weights)

    def run(self, pictures: Iterable[tuple[str, FloatArray]]) -> dict[str, FloatArray]:
        """Return a vector for each picture; pictures of one shape go through together."""
        found: dict[str, FloatArray] = {}
        waiting: dict[tuple[int, ...], list[tuple[str, FloatArray]]] = {}
        for key, picture in pictures:
            batch = waiting.setdefault(picture.shape, [])
            batch.append((key, picture))
            if len(batch) == _TORCH_BATCH:
                found |= self._forward(waiting.pop(picture.shape))
        for batch in waiting.values():
            found |= self._forward(batch)
        return found

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Do nothing: torch takes any shape as it is; see `Runtime.prepare`."""

    def _forward(self, batch: list[tuple[str, FloatArray]]) -> dict[str, FloatArray]:
        vectors = run_module(self.module, np.stack([picture for _, picture in batch]))
        return {key: vector.copy() for (key, _), vector in zip(batch, vectors, strict=True)}


def run_module(module: nn.Module, batch: FloatArray) -> FloatArray:
    """Return a torch module's (N, width) float32 output for (N, 3, height, width) pictures."""
    import torch

    with torch.inference_mode():
        vectors: FloatArray = module(torch.from_numpy(batch)).numpy()
    return vectors


def import_openvino() -> Any:
    """Return the openvino module, imported so that it reports nothing to anybody.

    At import and at conversion openvino sends usage events to its makers unless a file in the home folder
    forbids it. Without the telemetry package it falls back to its own silent stand-in.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


class OpenVinoRuntime:
    """A converted backbone run by OpenVINO on the CPU, one picture a request.

    Single pictures of a fixed shape are faster here than batches of any shape, and a photo's vector never
    depends on the photos beside it.

    Args:
        model: a model that OpenVINO has in memory, or the file of one.
        precision: ``bf16`` or ``f32``.
    """

    name = "openvino"

    def __init__(self, model: Any, precision: str) -> None:
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._model = self._core.read_model(model) if isinstance(model, Path) else model
        self._precision = precision
        self._queues: dict[tuple[int, ...], Any] = {}

    def run(self, pictures: Iterable[tuple[str, FloatArray]]) -> dict[str, FloatArray]:
        """Return a vector for each picture; while the queue works, the next picture is taken."""
        found: dict[str, FloatArray] = {}
        try:
            for key, picture in pictures:
                # A tensor that shares memory with an array that is gone would be read after its end.
                self._queue(picture.shape).start_async([picture[None]], (found, key), share_inputs=False)
        finally:
            for queue in self._queues.values():
                queue.wait_all()
        return found

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Compile the network for a shape; see `Runtime.prepare`."""
        self._queue(shape)

    def _queue(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._queues:
            model = self._model.clone()
            model.reshape([1, *shape])
            settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": self._precision}
            queue = self._openvino.AsyncInferQueue(self._core.compile_model(model, "CPU", settings))
            queue.set_callback(_keep)
            self._queues[shape] = queue
        return self._queues[shape]


def _keep(request: Any, place: tuple[dict[str, FloatArray], str]) -> None:
    found, key = place
    found[key] = np.array(request.get_output_tensor().data[0], dtype=np.float32)
