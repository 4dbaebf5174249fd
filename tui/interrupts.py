"""Ctrl+C and SIGTERM on the command line: once means stop cleanly, twice means at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self

from tui.console import Console
from tui.i18n import t


class StopSwitch:
    """A stop check that the first Ctrl+C turns on; the second one raises `KeyboardInterrupt`.

    Use it as a context around work that takes a ``should_stop``.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._asked = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self._asked

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self._console.note_from_signal(t("cli.stopping"))


@contextlib.contextmanager
def terminate_interrupts() -> Iterator[None]:
    """Make SIGTERM end the block in the same way as Ctrl+C."""
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
