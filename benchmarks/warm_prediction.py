"""How long the app waits for a score while its companion process holds the model.

``python -m benchmarks.warm_prediction WORKSPACE [PHOTO…]`` prints it; `warm_latencies` is what other benchmarks call.
Each photo is new to the feature cache, as one is that a person has just chosen.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from engine.workspace import Workspace
from tui.companion import Companion

SIZE = (4000, 3000)
"""Pixels of a 12-MP camera's photo."""


async def warm_latencies(
    workspace: Workspace, photos: Sequence[Path], model: str = "", pause: float = 0.05
) -> list[float]:
    """Return the seconds from question to answer for each photo, the process and the model being warm.

    Args:
        workspace: with a trained model; its ``.beholder`` folder is written to.
        photos: files that the workspace's cache does not know, the first one to warm up: its time is left out.
        model: which one; empty means the default.
        pause: seconds between an answer and the next question, as a person would take.
    """
    companion = Companion(workspace, lambda change: None)
    found = []
    try:
        await companion.warm(model)
        for photo in photos:
            await asyncio.sleep(pause)
            begun = time.perf_counter()
            row, _ = await companion.predict(photo, model)
            found.append(time.perf_counter() - begun)
            if row["error"]:
                raise ValueError(f"{photo}: {row['error']}")
    finally:
        await companion.aclose()
    return found[1:]


def draw_camera_photos(folder: Path, count: int) -> list[Path]:
    """Save JPEGs of 12 MP and about 5 MB, with the smooth areas and the grain of photos, no two alike."""
    photos = []
    for number in range(count):
        random = np.random.default_rng(number)
        small = Image.fromarray(random.integers(0, 255, (12, 16, 3), np.uint8))
        smooth = np.asarray(small.resize(SIZE, Image.Resampling.BICUBIC), np.int16)
        grain = random.integers(-14, 15, (SIZE[1], SIZE[0], 1), np.int16)
        photos.append(folder / f"camera-{number}.jpg")
        Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(photos[-1], quality=92)
    return photos


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile, in ms."""
    return statistics.median(seconds) * 1000, float(np.quantile(seconds, 0.95)) * 1000


def main(arguments: Sequence[str]) -> int:
    """Print the figures for the photos that are named, or for 20 that are drawn."""
    workspace = Workspace(Path(arguments[0]))
    with tempfile.TemporaryDirectory() as folder:
        if arguments[1:]:
            photos = [
                Path(shutil.copy2(name, Path(folder) / f"{at}-{Path(name).name}"))
                for at, name in enumerate(arguments[1:])
            ]
        else:
            photos = draw_camera_photos(Path(folder), 21)
        seconds = asyncio.run(warm_latencies(workspace, photos))
    middle, high = percentiles(seconds)
    print(f"{len(seconds)} photos: p50 {middle:.0f} ms, p95 {high:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
