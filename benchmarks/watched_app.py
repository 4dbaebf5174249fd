"""Run beholder and note whenever its event loop was late: ``python -m benchmarks.watched_app LOG [ARGUMENTS]``.

Each line of LOG is a time (seconds of the monotonic clock, which all processes of a machine share) and by how many
seconds the loop came late then.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from textual.app import App

from tui.cli import main

PACE = 0.005
WORTH_NOTING = 0.002


async def watch(log: Path) -> None:
    """Sleep again and again for `PACE` seconds, and note each time how much longer that took."""
    with log.open("w", buffering=1) as out:
        while True:
            before = time.monotonic()
            await asyncio.sleep(PACE)
            now = time.monotonic()
            if now - before - PACE > WORTH_NOTING:
                out.write(f"{now:.6f} {now - before - PACE:.6f}\n")


def longest_block(log: Path, since: float, until: float) -> float:
    """Return the longest time that the loop was late in a period, in seconds."""
    found = [0.0]
    for line in log.read_text().splitlines():
        moment, late = (float(word) for word in line.split())
        # the loop was blocked before it could tell: the delay lies before its moment
        if since <= moment and moment - late <= until:
            found.append(late)
    return max(found)


def _watched(log: Path) -> None:
    run_async = App.run_async

    async def run(self: App[Any], *arguments: Any, **options: Any) -> Any:
        watching = asyncio.create_task(watch(log))
        try:
            return await run_async(self, *arguments, **options)
        finally:
            watching.cancel()

    App.run_async = run  # type: ignore[method-assign]


if __name__ == "__main__":
    _watched(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
