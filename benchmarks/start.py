"""How soon the app is on the screen: ``python -m benchmarks.start [--quick] [--rounds N]``.

A program is started on a pseudo-terminal, and what it writes is kept with its time; afterwards a terminal in memory
finds the moment at which the whole text stood there. All programs take turns; byte code lies ready.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.comparison import Comparison, machine, print_comparisons
from engine.workspace import Workspace
from tests.e2e.terminal import Terminal

NAME = "The first frame"
_SIZE = (80, 24)
_BARE = (sys.executable, "-m", "benchmarks.bare_app")
_OURS = (sys.executable, "-m", "tui")
_QUIET, _PATIENCE = 0.4, 20.0
_MOST = 2.0


class Program(NamedTuple):
    """Something that is started.

    Args:
        command: the program and its arguments.
        folder: its current one.
        frame: says of the screen's text whether the first frame is whole.
        filled: says whether what had to be read from the disk stands there, too.
    """

    command: Sequence[str]
    folder: Path
    frame: Callable[[str], bool]
    filled: Callable[[str], bool]


def compare(quick: bool) -> Iterator[Comparison]:
    """Measure a bare Textual app and ours in workspaces of several sizes, in turn."""
    yield from measured(rounds=5 if quick else 15, sizes=(0, 300) if quick else (0, 300, 10_000))


def measured(rounds: int, sizes: Sequence[int]) -> Iterator[Comparison]:
    """Yield a line for each number of photos.

    Args:
        rounds: how often each program is started, at least 1; the first round more only warms up.
        sizes: how many scored photos the workspaces hold.
    """
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        bare = Program(_BARE, Path.cwd(), lambda text: "This app is bare." in text, lambda text: True)
        programs = {"bare": bare, "a folder that is no workspace yet": _ours(place / "nothing", None)}
        programs |= {f"{count:,} scored photos": _ours(place / f"scored{count}", count) for count in sizes}
        times: dict[str, list[tuple[float, float]]] = {}
        for turn in range(rounds + 1):
            for name, program in programs.items():
                found = first_frame(program)
                if turn:
                    times.setdefault(name, []).append(found)
    least = _figures(times.pop("bare"))
    for name, all_found in times.items():
        ours = _figures(all_found)
        yield Comparison(
            f"exec to the first frame, {name}",
            "s",
            least.quickest,
            ours.quickest,
            must=f"≤ {_MOST:g} × a bare Textual app",
            holds=ours.quickest <= _MOST * least.quickest,
            remark=f"quickest of {rounds}; medians {least.median:.3f} and {ours.median:.3f} s "
            f"({ours.median / least.median:.2f}); with the workspace's figures after {ours.filled:.3f} s",
        )


class _Figures(NamedTuple):
    quickest: float
    median: float
    filled: float


def _figures(times: Sequence[tuple[float, float]]) -> _Figures:
    frames = [frame for frame, _ in times]
    return _Figures(min(frames), statistics.median(frames), min(filled for _, filled in times))


def _ours(folder: Path, photos: int | None) -> Program:
    """Return our app in a workspace of its own; its photos are empty files, which Home never opens, and all scored."""
    folder.mkdir(parents=True)
    if photos is not None:
        workspace = Workspace(folder)
        workspace.create()
        lines = []
        for number in range(photos):
            (workspace.data / f"IMG_{number:06d}.jpg").touch()
            lines.append(f"IMG_{number:06d}.jpg\t{number % 101}\n")
        workspace.scores_file.write_text("".join(lines), "utf-8")
    return Program(
        [*_OURS, "--lang", "en", "-w", str(folder)],
        Path.cwd(),
        # the line at the top, the logo, the last of the rooms, the footer
        lambda text: all(word in text for word in ("F2 Import  F3 Data", "◉ beholder", "F8 Jobs: what", "f1 Help")),
        lambda text: "Workspace" in text,
    )


def first_frame(program: Program) -> tuple[float, float]:
    """Return the seconds from starting a program to its first whole frame, and to the one with all figures."""
    start = time.monotonic()
    with Terminal([], program.folder, os.environ, _SIZE, program.command) as terminal:
        chunks = []
        moments: list[float] = []
        wanted = [program.frame, program.filled]
        while len(moments) < 2 and time.monotonic() < start + _PATIENCE:
            # what has come is looked at when the program is quiet, so that looking takes nothing from it
            while (chunk := terminal.read(_QUIET)) is not None:
                chunks.append(chunk)
            for chunk in chunks:
                terminal.show(chunk)
                while len(moments) < 2 and wanted[len(moments)](terminal.text):
                    moments.append(chunk.time - start)
            chunks.clear()
        text = terminal.text
    if len(moments) < 2:
        raise SystemExit(f"{' '.join(program.command)} showed no whole frame:\n{text}")
    return moments[0], moments[1]


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and workspaces")
    parser.add_argument("--rounds", type=int, default=0, help="how often each program is started")
    wanted = parser.parse_args(arguments)
    lines = measured(wanted.rounds, (0, 300, 10_000)) if wanted.rounds else compare(wanted.quick)
    print_comparisons(f"{NAME}, {machine()}", list(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
