"""How fast somebody scores: photos a minute over the last twenty."""

from __future__ import annotations

import itertools
from collections.abc import Callable

_LAST = 20
_PAUSE_SECONDS = 60.0
_FEWEST = 3


class Pace:
    """Notes when photos were scored.

    Args:
        clock: returns the present time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: list[float] = []

    def note(self) -> None:
        """Note that a photo was scored now."""
        self._times.append(self._clock())

    def take_back(self) -> None:
        """Forget the last one."""
        del self._times[-1:]

    def a_minute(self) -> float | None:
        """Return photos a minute over the last twenty; None before there are three to tell from.

        A pause of more than a minute is left out: nobody was scoring.
        """
        times = self._times[-_LAST:]
        gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
        busy = [gap for gap in gaps if gap <= _PAUSE_SECONDS]
        if len(busy) < _FEWEST - 1 or sum(busy) <= 0:
            return None
        return 60 * len(busy) / sum(busy)

    def minutes(self, photos: int) -> float | None:
        """Return how many minutes this many photos would take; None while there is no pace."""
        pace = self.a_minute()
        return None if pace is None else photos / pace
