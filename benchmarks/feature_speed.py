"""How fast photos become features: beholder's pipeline beside the plain way, same network, same photos, one run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.table import print_table
from engine.features.backbones import get_backbone
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.features.networks import build_classifier
from engine.images import find_images

PHOTOS, SIZE, ROUNDS = 120, (2000, 1500), 3


class _Photos(Dataset[torch.Tensor]):
    """Photos as the plain way reads them: full decode, squashed to 224 px."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self._paths[index]) as photo:
            pixels = np.asarray(photo.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC), np.float32)
        return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1


def plain(paths: Sequence[Path]) -> None:
    """Compute pooled features with eager fp32 PyTorch and a DataLoader."""
    network = build_classifier(get_backbone("efficientnet_lite0")).eval()
    with torch.inference_mode():
        for batch in DataLoader(_Photos(paths), batch_size=32, num_workers=0):
            network.forward_features(batch).mean((2, 3))  # type: ignore[operator]


def ours(paths: Sequence[Path], cache: Path) -> None:
    """Compute beholder's features into a new cache."""
    with FeatureCache(cache) as store:
        done = [e for e in embed(paths, get_backbone("efficientnet_lite0"), cache=store) if isinstance(e, Embedded)]
    if any(item.error for item in done):
        raise SystemExit("a photo failed")


def seconds(work: Callable[[], None]) -> float:
    """Return how long the work takes, in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "photos"
    if not base.is_dir():
        print(f"skipped: there is no {base}; set BEHOLDER_EVAL_DATA")
        return
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        paths = []
        for photo in list(find_images(base))[:PHOTOS]:
            with Image.open(photo) as picture:
                picture.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC).save(place / photo.name, quality=92)
            paths.append(place / photo.name)
        ours(paths, place / "warm.sqlite")  # converts the network once
        rows = []
        for number in range(ROUNDS):
            slow = seconds(lambda: plain(paths))
            fast = seconds(lambda cache=place / f"{number}.sqlite": ours(paths, cache))  # type: ignore[misc]
            again = seconds(lambda cache=place / f"{number}.sqlite": ours(paths, cache))  # type: ignore[misc]
            rows.append(
                (
                    str(number + 1),
                    f"{PHOTOS / slow:.0f}",
                    f"{PHOTOS / fast:.0f}",
                    f"{slow / fast:.1f}",
                    f"{PHOTOS / again:.0f}",
                )
            )
    print_table(
        f"{PHOTOS} JPEGs of {SIZE[0]}×{SIZE[1]}, efficientnet_lite0, torch {torch.__version__}, {os.cpu_count()} cores",
        ("run", "plain img/s", "beholder img/s", "ratio", "cached img/s"),
        rows,
    )


if __name__ == "__main__":
    main()
