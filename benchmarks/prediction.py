"""What predicting costs: ``python -m benchmarks.prediction [--photos N] [--rounds N] [--only NAME …]``.

The models are trained, and the folder is filled, in a temporary place; the photos come from $BEHOLDER_EVAL_DATA/photos,
or are made where there are none. All ratios are of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.labelling_album import SIZE_12MP, draw_photo
from benchmarks.labelling_figures import Figure, at_most, print_figures, quantile
from benchmarks.watched_process import BEHOLDER, watched
from engine.images import find_images
from engine.workspace import Workspace

FAMILIES = (
    "taste",
    "ridge",
    "svr",
    "gp",
    "random-forest",
    "gradient-boosting",
    "hist-gradient-boosting",
    "stacking",
    "frozen",
)
_SCORED, _SOURCES, _WARM = 60, 240, 15
_TIME, _MEMORY = 0.35, 0.4
_MB = 1_000_000


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prediction", description=__doc__)
    parser.add_argument("--photos", type=int, default=10_000, help="how many the large folder holds")
    parser.add_argument("--rounds", type=int, default=3, help="how often each cold process is measured")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--only", nargs="+", choices=("cold", "warm", "folder"), default=["cold", "warm", "folder"])
    wanted = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        sources = photo_sources(place / "sources")
        families = wanted.families if "cold" in wanted.only else ["taste"]
        workspace = trained_workspace(place / "workspace", sources, families)
        sections: dict[str, Callable[[], Iterator[Figure]]] = {
            "cold": lambda: cold(place, workspace, sources, families, wanted.rounds),
            "warm": lambda: warm(place, workspace),
            "folder": lambda: folder(place, workspace, sources, wanted.photos),
        }
        figures = [figure for name, section in sections.items() if name in wanted.only for figure in section()]
    print_figures(f"Predicting, {os.cpu_count()} cores, {sys.version.split()[0]}", figures)


def photo_sources(made: Path) -> list[Path]:
    """Return up to a few hundred photos."""
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "photos"
    if base.is_dir() and (found := list(find_images(base))[:_SOURCES]):
        return found
    print(f"there is no {base}: the photos are made; set BEHOLDER_EVAL_DATA for real ones")
    made.mkdir()
    for number in range(_SOURCES):
        draw_photo(made / f"made{number}.jpg", number, (1200, 900))
    return list(find_images(made))


def trained_workspace(place: Path, sources: Sequence[Path], families: Sequence[str]) -> Workspace:
    """Return a workspace with a model of each family; how good they are does not matter here."""
    workspace = Workspace(place)
    workspace.create()
    lines = []
    for number, photo in enumerate(sources[:_SCORED]):
        name = f"p{number}{photo.suffix}"
        (workspace.data / name).write_bytes(photo.read_bytes())
        with Image.open(photo) as image:
            lines.append(f"{name}\t{round(float(np.asarray(image.convert('L').resize((8, 8))).mean()) / 2.56, 2)}\n")
    workspace.scores_file.write_text("".join(lines), "utf-8")
    for family in families:
        watched([*BEHOLDER, "-w", str(place), "train", family, "--name", f"a {family}"])
    return workspace


def cold(
    place: Path, workspace: Workspace, sources: Sequence[Path], families: Sequence[str], rounds: int
) -> Iterator[Figure]:
    """Score one new photo in a new process, beside the plain script; each the quickest of some runs in turn."""
    head = place / "head.npy"
    np.save(head, np.random.default_rng(0).normal(size=1281).astype(np.float32))
    runs: dict[str, list[tuple[float, int]]] = {}
    for turn in range(rounds):
        for number, family in enumerate(("the plain script", *families)):
            # a photo that no cache knows
            photo = place / f"new-{turn}-{number}.jpg"
            with Image.open(sources[-1 - turn]) as image:
                changed = image.convert("RGB")
            changed.paste((turn * 40 % 256, number * 25, 99), (0, 0, 32, 32))
            changed.save(photo, quality=92)
            if number:
                done = watched([*BEHOLDER, "-w", str(workspace.root), "predict", str(photo), "--model", f"a {family}"])
            else:
                done = watched([sys.executable, "-m", "benchmarks.plain_prediction", str(photo), str(head)])
            runs.setdefault(family, []).append((done.seconds, done.peak))
    best = {family: (min(s for s, _ in found), min(m for _, m in found)) for family, found in runs.items()}
    seconds, memory = best.pop("the plain script")
    plain = f"{seconds:.2f} s, {memory / _MB:.0f} MB"
    for family, (took, had) in best.items():
        ratios = took / seconds, had / memory
        yield Figure(
            f"one photo, cold process, {family}",
            f"{took:.2f} s, {had / _MB:.0f} MB: {ratios[0]:.2f} of the time, {ratios[1]:.2f} of the memory",
            f"≤ {_TIME}, ≤ {_MEMORY}",
            ratios[0] <= _TIME and ratios[1] <= _MEMORY,
            plain,
        )


def warm(place: Path, workspace: Workspace) -> Iterator[Figure]:
    """Ask the companion process, as the app does, for new 12-MP photos of all shapes; each is asked once."""
    photos = [place / f"large{number}.jpg" for number in range(_WARM + 1)]
    for number, photo in enumerate(photos):
        draw_photo(photo, number, SIZE_12MP if number % 2 else SIZE_12MP[::-1])
    times = asyncio.run(_asked(workspace, photos))
    middle = quantile(times, 0.5)
    alone = quantile([_decoded(photo) for photo in photos], 0.5)
    beside = f"decoding it in full alone: {alone * 1000:.0f} ms ({middle / alone:.2f} of it)"
    yield at_most("one 12-MP JPEG, warm, from the question to the score: median", middle, 0.15, beside)
    yield Figure("the same, the slowest", f"{max(times) * 1000:.0f} ms")


def _decoded(photo: Path) -> float:
    start = time.perf_counter()
    with Image.open(photo) as image:
        image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    return time.perf_counter() - start


async def _asked(workspace: Workspace, photos: Sequence[Path]) -> list[float]:
    from tui.companion import Companion

    companion = Companion(workspace, lambda change: None)
    times = []
    try:
        await companion.warm("a taste")
        for photo in photos:
            start = time.perf_counter()
            row, _ = await companion.predict(photo, "a taste")
            times.append(time.perf_counter() - start)
            if row["score"] is None:
                raise SystemExit(str(row["error"]))
    finally:
        await companion.aclose()
    return times[1:]  # the first one may still meet what is done once


def folder(place: Path, workspace: Workspace, sources: Sequence[Path], count: int) -> Iterator[Figure]:
    """Score a large folder, again with ``--resume``, and a third time with SIGKILL in the middle."""
    photos = place / "photos"
    for number in range(count):
        part = photos / f"{number // 1000:04d}"
        part.mkdir(parents=True, exist_ok=True)
        _link(sources[number % len(sources)], place, part / f"IMG_{number:07d}.jpg")
    command = [*BEHOLDER, "-w", str(workspace.root), "predict", str(photos), "--model", "a taste", "--out"]
    _forget_features(workspace)
    first = watched([*command, str(place / "rows.csv")])
    again = watched([*command, str(place / "rows.csv"), "--resume"])
    rows = _rows(place / "rows.csv")
    named = f"{count:,} photos (hard links to {min(count, len(sources))})"
    yield Figure(
        f"{named}, first run: time, peak",
        f"{first.seconds:.1f} s, {first.peak / _MB:.0f} MB",
        f"{count} rows, no two of one photo",
        len(rows) == count == len({row[0] for row in rows}),
    )
    yield Figure(
        "the same: how much memory grew after the first quarter",
        f"{first.growth() / _MB:.0f} MB",
        "≤ 100 MB",
        first.growth() <= 100 * _MB,
    )
    yield Figure(
        "again with --resume",
        f"{again.seconds:.1f} s: {again.seconds / first.seconds:.1%} of the first, peak {again.peak / _MB:.0f} MB",
        "< 5 %",
        again.seconds < 0.05 * first.seconds,
    )
    _forget_features(workspace)
    killed = watched([*command, str(place / "killed.csv"), "--resume"], kill_after=0.4 * first.seconds)
    rest = watched([*command, str(place / "killed.csv"), "--resume"])
    same = sorted(_rows(place / "killed.csv")) == sorted(rows)
    broken = "killed" if killed.code else "ended before the kill"
    yield Figure(
        "SIGKILL in the middle, then the same with --resume",
        f"{broken} after {killed.seconds:.1f} s, then {rest.seconds:.1f} s",
        "the same rows",
        same and killed.code != 0,
    )


def _link(source: Path, place: Path, name: Path) -> None:
    """Give a photo one more name; a file system takes only some ten thousand of them, and none of another's files."""
    copy = place / "linked" / source.name
    if not copy.exists():
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(source.read_bytes())
    name.hardlink_to(copy)


def _forget_features(workspace: Workspace) -> None:
    for file in workspace.features_file.parent.glob(f"{workspace.features_file.name}*"):
        file.unlink()


def _rows(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as data:
        return list(csv.reader(data))[1:]


if __name__ == "__main__":
    main(sys.argv[1:])
