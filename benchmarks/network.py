"""The network alone, no decoding: torch as it comes, torch at its best, and OpenVINO as beholder uses it.

Run it as ``python -m benchmarks.network [--quick]``. Photos are decoded before the clock runs. What a runtime gives is
compared with torch's own float32 by the worst cosine, because speed that changes the vectors is none.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.comparison import Comparison, machine, print_comparisons, quickest
from engine.errors import BeholderError
from engine.features.backbones import Backbone, get_backbone
from engine.features.converted import MIN_COSINE, ConvertedNetwork, check_pictures, cosine_of, cpu_precisions
from engine.features.networks import build_features
from engine.features.openvino_runtime import OpenVinoRuntime
from engine.features.preprocess import FloatArray, Pixels, load_pixels
from engine.features.runtime import Runtime, open_runtime
from engine.features.torch_runtime import run_module
from engine.images import find_images

NAME = "The network alone, photos of 512 px decoded before"

_PHOTOS, _FEW = 240, 48
_BATCH = 32  # what DataLoader's users take

Vectors = dict[str, FloatArray]


def some_pictures(backbone: Backbone, count: int) -> list[Pixels]:
    """Return photos as the network takes them: real ones where they are, else drawn ones."""
    folder = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "photos"
    found: list[Pixels] = []
    if folder.is_dir():
        for path in find_images(folder):
            try:
                found.append(load_pixels(path, backbone.preprocess))
            except BeholderError:
                continue
            if len(found) == count:
                return found
    while len(found) < count:
        found += check_pictures(backbone)
    return found[:count]


def network_rate(
    pictures: Sequence[Pixels], runtime: Runtime | None = None, *, rounds: int = 3, backbone: Backbone | None = None
) -> float:
    """Return how many pictures a second the network alone takes, at these pictures' shapes.

    Args:
        pictures: (height, width, 3) uint8, as the network takes them.
        runtime: runs it; None: the one that beholder uses here.
        rounds: the quickest of so many counts.
        backbone: whose runtime is opened; None: the default one's.
    """
    used = runtime or opened(backbone or get_backbone("efficientnet_lite0"))
    for shape in {picture.shape for picture in pictures}:
        used.prepare(shape)
    return len(pictures) / quickest(lambda: _vectors(used, pictures), rounds)


def opened(backbone: Backbone) -> Runtime:
    """Return the runtime that beholder uses for a backbone on this machine."""
    *_, runtime = open_runtime(backbone, backbone.find_weights())
    assert not hasattr(runtime, "message")
    return runtime  # type: ignore[return-value]


def compare(quick: bool) -> Iterator[Comparison]:
    """Yield the ways of running the network, beside torch eager in float32."""
    backbone = get_backbone("efficientnet_lite0")
    pictures = some_pictures(backbone, _FEW if quick else _PHOTOS)
    with tempfile.TemporaryDirectory() as scratch:
        network = ConvertedNetwork(backbone, backbone.find_weights(), Path(scratch))
        network.convert()
        openvino = {name: OpenVinoRuntime(network.model(), name) for name in reversed(cpu_precisions())}
        chosen = network.precision()
    ways: dict[str, Callable[[], Vectors]] = {"torch eager float32": _torch(backbone, pictures, best=False)}
    ways["torch bfloat16 channels_last"] = _torch(backbone, pictures, best=True)
    for name, runtime in openvino.items():
        for shape in {picture.shape for picture in pictures}:
            runtime.prepare(shape)
        ways[f"OpenVINO {name}"] = lambda runtime=runtime: _vectors(runtime, pictures)  # type: ignore[misc]
    found = {name: way() for name, way in ways.items()}
    times = dict.fromkeys(ways, float("inf"))
    for _ in range(2 if quick else 4):
        for name, way in ways.items():  # in turn: what else the machine does falls on all of them
            start = time.perf_counter()
            way()
            times[name] = min(times[name], time.perf_counter() - start)
    plain, *others = ways
    for name in others:
        worst = min(cosine_of(found[name][key], right) for key, right in found[plain].items())
        used = name == f"OpenVINO {chosen}"
        yield Comparison(
            f"{name}, as it is used" if used else name,
            "img/s",
            len(pictures) / times[plain],
            len(pictures) / times[name],
            must=f"worst cosine ≥ {MIN_COSINE}" if used else "",
            holds=worst >= MIN_COSINE if used else None,
            remark=f"worst cosine to torch in float32 on {len(pictures)} photos: {worst:.5f}",
        )


def _vectors(runtime: Runtime, pictures: Sequence[Pixels]) -> Vectors:
    return runtime.run((str(row), picture) for row, picture in enumerate(pictures))


def _torch(backbone: Backbone, pictures: Sequence[Pixels], *, best: bool) -> Callable[[], Vectors]:
    """Return what runs all pictures through torch, in batches of one shape."""
    module = build_features(backbone, backbone.find_weights())
    if best:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    shapes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, picture in enumerate(pictures):
        shapes[picture.shape].append(row)
    batches = [rows[at : at + _BATCH] for rows in shapes.values() for at in range(0, len(rows), _BATCH)]

    def run() -> Vectors:
        found: Vectors = {}
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=best):
            for rows in batches:
                vectors = run_module(module, backbone.preprocess, np.stack([pictures[row] for row in rows]))
                found |= {str(row): vector for row, vector in zip(rows, vectors, strict=True)}
        return found

    return run


def main() -> None:
    """Print the table."""
    print_comparisons(f"{NAME}: {machine()}", list(compare("--quick" in sys.argv[1:])))


if __name__ == "__main__":
    main()
