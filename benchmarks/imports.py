"""The ten dearest imports of a start: ``python -m benchmarks.imports [--photo FILE -w WORKSPACE]``.

Each start runs in a fresh process under ``-X importtime``; a cold prediction needs a photo and a trained model.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.table import print_table

_APP = "import tui.cli, tui.app, tui.screens.home"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|\s*(\S+)")
_SHOWN = 10


class Import(NamedTuple):
    """What importing a module took, in milliseconds: itself, and with all that it imports first."""

    module: str
    own: float
    cumulative: float


def imports_of(arguments: Sequence[str]) -> list[Import]:
    """Run Python with some arguments in a fresh process and return what it imported, the dearest by itself first."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    found = [
        Import(line[3], int(line[1]) / 1000, int(line[2]) / 1000)
        for line in map(_LINE.match, run.stderr.splitlines())
        if line
    ]
    if run.returncode or not found:
        raise SystemExit(f"{' '.join(arguments)} ended with {run.returncode}:\n{run.stderr[-2000:]}")
    return sorted(found, key=lambda one: one.own, reverse=True)


def main(arguments: Sequence[str] = ()) -> None:
    """Print a table for each start."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--photo", help="also score this photo in a cold process")
    parser.add_argument("-w", "--workspace", default=".", help="whose default model scores it")
    wanted = parser.parse_args(arguments)
    starts = {"the app": ["-c", _APP], "--help": ["-m", "tui", "--help"]}
    if wanted.photo:
        starts["predict, cold"] = ["-m", "tui", "-w", wanted.workspace, "predict", wanted.photo]
    for name, words in starts.items():
        found = imports_of(words)
        rows = [(one.module, f"{one.own:.1f}", f"{one.cumulative:.1f}") for one in found[:_SHOWN]]
        whole = f"{len(found)} modules, {sum(one.own for one in found):.0f} ms in all"
        print_table(f"The dearest imports of {name} ({whole})", ("module", "own ms", "with its own ms"), rows)


if __name__ == "__main__":
    main(sys.argv[1:])
