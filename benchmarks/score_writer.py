"""A process that scores photos as fast as it can: ``python -m benchmarks.score_writer ROOT FIRST COUNT ADDED``.

For each score that is on the disk it prints its number, unbuffered: whoever kills this process knows what was
acknowledged until then.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.labelling_album import named
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace


def given(turn: int, added: int) -> float:
    """Return the score that a photo gets: the number of its turn and a number to tell processes apart, below 101."""
    return float((turn + added) % 101)


def main(root: Path, first: int, count: int, added: int) -> None:
    """Score the photos first … first + count - 1."""
    with ScoreBook(Workspace(root), f"writer {added}") as book:
        for turn in range(count):
            book.set(named(first + turn), given(turn, added))
            os.write(sys.stdout.fileno(), b"%d\n" % turn)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
