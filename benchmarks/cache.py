"""The same photos again: cold, warm, renamed and copied, beside the plain way, which computes them anew each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.comparison import Comparison, print_comparisons, quickest, seconds
from engine.features.cache import FeatureCache
from engine.features.extract import Embedded, embed
from engine.images import find_images

NAME = "Nothing twice: the feature cache"
PHOTOS, QUICK_PHOTOS = 10_000, 600
FACTOR, LIMIT_SECONDS = 100, 2.0
BACKBONE = "efficientnet_lite0"
_MADE, _SIZE = 60, (512, 384)


def compare(quick: bool) -> Iterator[Comparison]:
    """Yield what the cold run takes, and each kind of run that finds its photos again.

    The plain figure is the cold run's: it is what whoever keeps no vectors waits each time.

    Args:
        quick: 600 photos instead of 10,000.
    """
    count = QUICK_PHOTOS if quick else PHOTOS
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        folder, file = place / "album", place / "features.sqlite"
        make_album(folder, count)
        _embedded([next(find_images(folder))], place / "other.sqlite")  # converts the network, if it must be
        cold = seconds(lambda: _embedded_folder(folder, file, count))
        yield Comparison(f"{count:,} photos, first time", "s", None, cold, remark="network, decoding and writing")
        # each round opens the file anew; the disk's own cache is warm, as it is after a first run
        warm = quickest(lambda: _embedded_folder(folder, file, count), 5)
        yield _found_again(f"{count:,} photos again", cold, warm, count)
        yield Comparison("reading alone: stat, keys, vectors", "s", None, quickest(lambda: _read(folder, file), 5))
        other = folder.rename(place / "renamed")
        moved = seconds(lambda: _embedded_folder(other, file, count))
        yield _read_again("the folder renamed, first time", cold, moved, other)
        warm = quickest(lambda: _embedded_folder(other, file, count), 3)
        yield _found_again("the renamed folder again", cold, warm, count)
        shutil.copytree(other, place / "copy")
        copied = seconds(lambda: _embedded_folder(place / "copy", file, count))
        yield _read_again("the folder copied, first time", cold, copied, other)
        for photo in find_images(other):
            os.utime(photo)
        touched = seconds(lambda: _embedded_folder(other, file, count))
        yield _read_again("every photo touched", cold, touched, other)
        process = quickest(partial(_process, other, file, count), 3)
        must = f"< {LIMIT_SECONDS:g} s" if count == PHOTOS else ""
        holds = process < LIMIT_SECONDS if must else None
        yield Comparison(
            "a process of its own, again", "s", cold, process, must=must, holds=holds, remark="Python's start included"
        )


def make_album(folder: Path, count: int) -> None:
    """Fill a folder with distinct JPEGs, cheaply: a few hundred photos over and over, each with bytes after its end.

    Args:
        folder: is made. count: how many.
    """
    folder.mkdir()
    contents = [photo.read_bytes() for photo in _sources(folder.parent)]
    for number in range(count):
        (folder / f"photo-{number:06}.jpg").write_bytes(contents[number % len(contents)] + b"%08d" % number)


def _sources(scratch: Path) -> list[Path]:
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "photos"
    found = [path for path in find_images(base) if path.suffix.lower() in {".jpg", ".jpeg"}] if base.is_dir() else []
    if found:
        return found
    made = scratch / "made"
    made.mkdir()
    random = np.random.default_rng(0)
    for number in range(_MADE):
        coarse = Image.fromarray(random.integers(0, 255, (24, 32, 3), dtype=np.uint8))
        coarse.resize(_SIZE, Image.Resampling.BICUBIC).save(made / f"{number}.jpg", quality=92)
    return list(find_images(made))


def _embedded_folder(folder: Path, file: Path, count: int) -> None:
    if _embedded(list(find_images(folder)), file) != count:
        raise SystemExit("a photo failed")


def _embedded(photos: Sequence[Path], file: Path) -> int:
    """Return how many photos have a vector; each is let go of at once, as whoever predicts a folder does."""
    with FeatureCache(file) as cache:
        return sum(
            event.vector is not None for event in embed(photos, BACKBONE, cache=cache) if isinstance(event, Embedded)
        )


def _read(folder: Path, file: Path) -> None:
    """Do only what can't be left out: look at each file, find its hash, read its vector."""
    from engine.features.backbones import get_backbone
    from engine.features.known import known_photos, known_vectors

    backbone = get_backbone(BACKBONE)
    mark = backbone.fingerprint()
    with FeatureCache(file) as cache:
        found = known_photos(cache, mark, [Path(entry.path) for entry in os.scandir(folder)])
        for _ in known_vectors(cache, mark, backbone.width, found):
            pass


def _found_again(what: str, cold: float, warm: float, count: int) -> Comparison:
    if count < PHOTOS:  # what is opened and closed once weighs too much among few
        return Comparison(what, "s", cold, warm, remark=f"{cold / warm:,.0f} × the first run")
    must = f"≥ {FACTOR} × the first run, < {LIMIT_SECONDS:g} s"
    holds = cold >= FACTOR * warm and warm < LIMIT_SECONDS
    return Comparison(what, "s", cold, warm, must=must, holds=holds, remark=f"{cold / warm:,.0f} × the first run")


def _read_again(what: str, cold: float, took: float, folder: Path) -> Comparison:
    size = sum(entry.stat().st_size for entry in os.scandir(folder)) / 1e6
    remark = f"{size:,.0f} MB read and hashed, nothing decoded: {cold / took:,.0f} × the first run"
    return Comparison(what, "s", cold, took, remark=remark)


def _process(folder: Path, file: Path, count: int) -> None:
    code = (
        "import sys; from pathlib import Path; from benchmarks.cache import _embedded_folder\n"
        "_embedded_folder(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))"
    )
    subprocess.run([sys.executable, "-c", code, str(folder), str(file), str(count)], check=True)


def main() -> None:
    """Print the table."""
    print_comparisons(NAME, list(compare("--quick" in sys.argv)))


if __name__ == "__main__":
    main()
