"""One photo in a cold process, beside a plain script: ``python -m benchmarks.one_photo [--quick]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.comparison import Comparison, machine, print_comparisons
from benchmarks.prediction import photo_sources, trained_workspace
from benchmarks.watched_process import BEHOLDER, Watched, watched

NAME = "One photo, cold process"
_TIME, _MEMORY = 0.25, 0.35
_FAMILIES = ("taste", "random-forest")
_MIB = 1 << 20


def compare(quick: bool) -> Iterator[Comparison]:
    """Score a photo that no cache knows, in a process of its own; plain script and ours in turn, the best of each."""
    families, rounds = (_FAMILIES[:1], 2) if quick else (_FAMILIES, 5)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        sources = photo_sources(place / "sources")
        workspace = trained_workspace(place / "workspace", sources, families)
        head = place / "head.npy"
        np.save(head, np.random.default_rng(0).normal(size=1281).astype(np.float32))
        found: dict[str, list[Watched]] = {}
        for turn in range(rounds + 1):
            photos = {}
            for number, name in enumerate(("plain", *families)):
                photos[name] = place / f"new-{turn}-{number}.jpg"
                with Image.open(sources[-1 - turn]) as image:
                    changed = image.convert("RGB")
                changed.paste((turn * 40 % 256, number * 25, 99), (0, 0, 32, 32))
                changed.save(photos[name], quality=92)
            for name, photo in photos.items():
                ours = [*BEHOLDER, "-w", str(workspace.root), "predict", str(photo), "--model", f"a {name}"]
                plain = [sys.executable, "-m", "benchmarks.plain_prediction", str(photo), str(head)]
                done = watched(plain if name == "plain" else ours)
                if turn:  # the first ones bring files into memory
                    found.setdefault(name, []).append(done)
    seconds = {name: min(one.seconds for one in runs) for name, runs in found.items()}
    memory = {name: min(one.peak for one in runs) / _MIB for name, runs in found.items()}
    for name in families:
        for what, unit, figures, most in (("time", "s", seconds, _TIME), ("peak memory", "MiB", memory, _MEMORY)):
            plain_figure, own_figure = figures["plain"], figures[name]
            holds = own_figure <= most * plain_figure
            line = f"predict one.jpg with {name}: {what}"
            yield Comparison(line, unit, plain_figure, own_figure, None, f"≤ {most:g} × plain", holds)


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_photo", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, one family")
    wanted = parser.parse_args(arguments)
    print_comparisons(f"{NAME}, {machine()}", list(compare(wanted.quick)))


if __name__ == "__main__":
    main(sys.argv[1:])
