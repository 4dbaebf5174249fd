"""A real pseudo-terminal with a program in it, its screen as text."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

KEYS = {"f4": b"\x1bOS", "f5": b"\x1b[15~", "f6": b"\x1b[17~", "ctrl+s": b"\x13", "ctrl+q": b"\x11", "enter": b"\r"}


class Terminal:
    """Runs ``python -m tui`` with some arguments on a terminal of its own.

    Args:
        arguments: for the program.
        cwd: its current folder.
        environ: its whole environment.
        size: columns and rows.
    """

    def __init__(
        self, arguments: Sequence[str], cwd: Path, environ: Mapping[str, str], size: tuple[int, int] = (80, 24)
    ) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._master, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            cwd=cwd,
            env={**environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(side)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if self._master >= 0:
            os.close(self._master)

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(self._screen.display)

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._master, KEYS[key])

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Read until the text is on the screen.

        Raises:
            AssertionError: it did not come in time.
        """
        end = time.monotonic() + seconds
        while text not in self.text:
            rest = end - time.monotonic()
            assert rest > 0, f"waited {seconds:g} s in vain for “{text}”:\n{self.text}"
            if select.select([self._master], [], [], rest)[0]:
                try:
                    data = os.read(self._master, 65536)
                except OSError:
                    data = b""
                assert data, f"the program ended before “{text}”:\n{self.text}"
                # pyte doesn't know sequences with these marks and would print their ends.
                self._stream.feed(_plain(data))

    def hang_up(self, seconds: float = 20.0) -> int:
        """Close the terminal as a dropped SSH connection does; return the program's exit status."""
        os.close(self._master)
        self._master = -1
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGHUP)
        return self.process.wait(seconds)


def _plain(data: bytes) -> bytes:
    return re.sub(rb"\x1b\[[<>=][\d;]*[a-zA-Z]|\x1b\[\?[\d;]*\$p", b"", data)
