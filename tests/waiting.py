"""Wait for something that another process or thread brings about, with a deadline and a reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def wait_until(predicate: Callable[[], object], description: str, timeout: float = 20.0) -> None:
    """Return as soon as the predicate holds.

    Args:
        predicate: asked every few hundredths of a second.
        description: what is waited for; stands in the failure.
        timeout: seconds.

    Raises:
        AssertionError: it did not hold in time.
    """
    pace, deadline = threading.Event(), time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for: {description}")
        pace.wait(0.02)
