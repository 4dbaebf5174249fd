"""The table of speeds: ``python -m benchmarks.speed``; everything once, beside the plain way and the bound.

Each part runs in a process of its own, so that none finds the machine as another left it: warm, full or with threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.comparison import Comparison, machine, print_comparisons

PARTS = ("features", "network", "cache", "one_photo", "start", "photo_bytes", "finetuning", "classical", "growth")
_SAME = 0.10


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table; keep it, and compare it with an earlier one, where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="some parts only")
    parser.add_argument("--quick", action="store_true", help="fewer photos and rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    parser.add_argument("--against", type=Path, metavar="FILE", help="say how far the ratios are from a kept run's")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.here:
        _measure_here(wanted.only[0], wanted.quick, wanted.json)
        return
    lines: list[Comparison] = []
    for part in wanted.only:
        found = list(_measured(part, quick=wanted.quick))
        print_comparisons(import_module(f"benchmarks.{part}").NAME, found)
        lines += found
    print(f"\n{machine()}")
    if wanted.json is not None:
        wanted.json.write_text(json.dumps([line._asdict() for line in lines], indent=1), "utf-8")
    if wanted.against is not None:
        _tell_difference(lines, [Comparison(**line) for line in json.loads(wanted.against.read_text("utf-8"))])


def _measured(part: str, *, quick: bool) -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(scratch) / "lines.json"
        command = [sys.executable, "-m", "benchmarks.speed", "--here", "--only", part, "--json", str(kept)]
        subprocess.run([*command, *(["--quick"] if quick else [])], check=True)
        yield from (Comparison(**line) for line in json.loads(kept.read_text("utf-8")))


def _measure_here(part: str, quick: bool, file: Path) -> None:
    lines: list[Comparison] = list(import_module(f"benchmarks.{part}").compare(quick))
    file.write_text(json.dumps([line._asdict() for line in lines]), "utf-8")


def _tell_difference(lines: Sequence[Comparison], before: Sequence[Comparison]) -> None:
    """Print which ratios differ by more than a tenth from those of an earlier run."""
    earlier = {line.what: line.ratio for line in before}
    apart = {
        line.what: line.ratio / was - 1
        for line in lines
        if line.ratio is not None and (was := earlier.get(line.what)) is not None
    }
    far = {what: share for what, share in apart.items() if abs(share) > _SAME}
    print(f"{len(apart) - len(far)} of {len(apart)} ratios are within {_SAME:.0%} of the earlier run's.")
    for what, share in far.items():
        print(f"  {what}: {share:+.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
