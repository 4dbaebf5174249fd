"""Run a backbone that was converted for OpenVINO."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from engine.features.preprocess import FloatArray, Pixels


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
        compiled: a folder where OpenVINO keeps what it compiled for a shape, for the next process; None: nowhere.
    """

    name = "openvino"

    def __init__(self, model: Any, precision: str, compiled: Path | None = None) -> None:
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._model = self._core.read_model(model) if isinstance(model, Path) else model
        self._settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
        if compiled is not None:
            self._settings["CACHE_DIR"] = str(compiled)
        self._queues: dict[tuple[int, ...], Any] = {}

    def run(self, pictures: Iterable[tuple[str, Pixels]]) -> dict[str, FloatArray]:
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
            queue = self._openvino.AsyncInferQueue(self._core.compile_model(model, "CPU", self._settings))
            queue.set_callback(_keep)
            self._queues[shape] = queue
        return self._queues[shape]


def _keep(request: Any, place: tuple[dict[str, FloatArray], str]) -> None:
    found, key = place
    found[key] = np.array(request.get_output_tensor().data[0], dtype=np.float32)
