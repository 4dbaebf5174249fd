"""What scoring photos costs: ``python -m benchmarks.labelling [--moments N] [--only NAME …]``; everything is made here.

Keys are pressed in the real app on a pseudo-terminal; a figure includes all that lies between a key and its bytes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import labelling_app, labelling_scores
from benchmarks.labelling_figures import Figure, print_figures

_DEFAULT_MOMENTS = 20


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labelling", description=__doc__)
    parser.add_argument("--moments", type=int, default=_DEFAULT_MOMENTS, help="how often a scoring process is killed")
    parser.add_argument("--only", nargs="+", default=[], help="names of the sections that are wanted")
    wanted = parser.parse_args(arguments)
    sections: dict[str, Callable[[Path], Iterator[Figure]]] = {
        "flips": labelling_app.flips,
        "entries": labelling_app.many_entries,
        "arrows": labelling_app.arrow_keys,
        "row": labelling_scores.in_a_row,
        "two": labelling_scores.two_processes,
        "killed": lambda place: labelling_scores.killed(place, wanted.moments),
    }
    figures: list[Figure] = []
    start = time.monotonic()
    for name, section in sections.items():
        if not wanted.only or name in wanted.only:
            with tempfile.TemporaryDirectory() as scratch:
                figures += section(Path(scratch) / name)
    minutes = (time.monotonic() - start) / 60
    print_figures(f"Scoring photos, {os.cpu_count()} cores, {minutes:.1f} minutes", figures)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
