"""From JPEG to cached features, cold cache, end to end: the plain way, the best plain way, ours, and the bound.

Run it as ``python -m benchmarks.features [--quick]``. All use the same network and weights on the same photos. Ours
includes hashing the files and saving the vectors in SQLite; the network is loaded and compiled before the clock runs,
on both sides. The bound is what the parts take alone, in the same run: decoding on all cores, and the network on
decoded pictures, one after the other, since they share the cores.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.comparison import Comparison, machine, print_comparisons, seconds
from benchmarks.network import network_rate
from engine.features.backbones import Backbone, get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, Embedder, embed_with
from engine.features.networks import build_features
from engine.features.preprocess import input_shapes, load_pixels
from engine.images import find_images

NAME = "From JPEG to cached features, cold cache"

_SMALL, _LARGE = 512, (4000, 3000)
_PHOTOS, _FEW, _LARGE_PHOTOS, _LARGE_FEW = 240, 64, 48, 16
_WORKERS, _BATCH, _SIDE = 2, 32, 224


class _Pictures(Dataset[Tensor]):
    """Photos as the plain ways read them: a full decode, squashed to 224 pixels."""

    def __init__(self, paths: Sequence[Path], *, best: bool) -> None:
        self._paths, self._best = paths, best

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        path = self._paths[index]
        if self._best:
            from torchvision.io import ImageReadMode, decode_jpeg, read_file
            from torchvision.transforms.v2.functional import resize

            whole = decode_jpeg(read_file(str(path)), ImageReadMode.RGB)
            pixels: Tensor = resize(whole, [_SIDE, _SIDE], antialias=True)
        else:
            with Image.open(path) as photo:
                small = photo.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
            pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)
        return pixels.float() / 127.5 - 1


def _plain(paths: Sequence[Path], module: Any, *, best: bool) -> None:
    loader = DataLoader(_Pictures(paths, best=best), batch_size=_BATCH, num_workers=_WORKERS)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=best):
        for batch in loader:
            module(batch.to(memory_format=torch.channels_last) if best else batch)


def _ours(paths: Sequence[Path], warm: Embedder, cache: Path) -> None:
    with FeatureCache(cache) as store, Embedder(warm.backbone, cache=store) as embedder:
        embedder.share_runtime(warm)
        done = [event for event in embed_with(embedder, paths) if isinstance(event, Embedded)]
    if len(done) != len(paths) or any(item.error for item in done):
        raise SystemExit("a photo failed")


def _decode(paths: Sequence[Path], backbone: Backbone) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda path: load_pixels(path, backbone.preprocess), paths):
            pass


def _some_photos(count: int, scratch: Path) -> list[Path]:
    """Return JPEGs of 512 pixels: real ones where they are, else drawn ones."""
    folder = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "photos"
    found = list(find_images(folder))[:count] if folder.is_dir() else []
    for number in range(len(found), count):
        random = np.random.default_rng(number)
        drawn = Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).resize((_SMALL, _SMALL))
        grained = np.asarray(drawn, np.float32) + random.normal(0, 6, (_SMALL, _SMALL, 3))
        found.append(scratch / f"drawn{number}.jpg")
        Image.fromarray(grained.clip(0, 255).astype(np.uint8)).save(found[-1], quality=92)
    return found


def _enlarged(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Save photos as JPEGs of 12 megapixels."""
    made = []
    for path in paths:
        made.append(folder / f"large-{path.stem}.jpg")
        with Image.open(path) as photo:
            photo.convert("RGB").resize(_LARGE, Image.Resampling.BICUBIC).save(made[-1], quality=92)
    return made


def compare(quick: bool) -> Iterator[Comparison]:
    """Yield the two lines of each size: ours beside the plain way, and beside the best plain way."""
    backbone = get_backbone("efficientnet_lite0")
    with tempfile.TemporaryDirectory() as place, Embedder(backbone, cache=None) as warm:
        scratch = Path(place)
        started = time.perf_counter()
        for _ in warm.runtime():
            pass
        assert warm._runtime is not None
        for width, height in input_shapes(backbone.preprocess):
            warm._runtime.prepare((height, width, 3))
        ready = time.perf_counter() - started
        small = _some_photos(_FEW if quick else _PHOTOS, scratch)
        large = _enlarged(small[: _LARGE_FEW if quick else _LARGE_PHOTOS], scratch)
        for what, paths, must in (("JPEGs of 512 px", small, (10, 0.7)), ("JPEGs of 12 MP", large, (6, 0.8))):
            yield from _compared(what, paths, warm, must, scratch, 2 if quick else 3, ready)


def _compared(
    what: str,
    paths: Sequence[Path],
    warm: Embedder,
    must: tuple[float, float],
    scratch: Path,
    rounds: int,
    ready: float,
) -> Iterator[Comparison]:
    backbone = warm.backbone
    module = build_features(backbone, backbone.find_weights())
    best = build_features(backbone, backbone.find_weights()).to(memory_format=torch.channels_last)
    caches = iter(range(1_000_000))
    ways: dict[str, Callable[[], None]] = {
        "plain": lambda: _plain(paths, module, best=False),
        "best": lambda: _plain(paths, best, best=True),
        "decode": lambda: _decode(paths, backbone),
        "ours": lambda: _ours(paths, warm, scratch / f"{len(paths)}-{next(caches)}.sqlite"),
    }
    pictures = [load_pixels(path, backbone.preprocess) for path in paths]
    times = dict.fromkeys(ways, float("inf"))
    network = 0.0
    for _ in range(rounds):
        for name, way in ways.items():  # in turn: what else the machine does falls on all of them
            times[name] = min(times[name], seconds(way))
        network = max(network, network_rate(pictures, warm._runtime, rounds=1))
    rate = {name: len(paths) / time for name, time in times.items()}
    bound = 1 / (1 / rate["decode"] + 1 / network)
    ratio, share = must
    yield Comparison(
        f"{len(paths)} {what}",
        "img/s",
        rate["plain"],
        rate["ours"],
        bound,
        f"≥ {ratio} × plain, ≥ {share} of the bound",
        rate["ours"] >= ratio * rate["plain"] and rate["ours"] >= share * bound,
        f"decoding alone {rate['decode']:.0f} img/s, the network alone {network:.0f} img/s; "
        f"loading and compiling it for {len(input_shapes(backbone.preprocess))} shapes took {ready:.1f} s before",
    )
    yield Comparison(
        f"the same, best plain way: bf16, channels_last, torchvision, {what}",
        "img/s",
        rate["best"],
        rate["ours"],
        bound,
    )


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    print_comparisons(f"{NAME}, {machine()}", list(compare("--quick" in arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
