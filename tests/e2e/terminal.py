"""A real pseudo-terminal with a program in it: keys go in, its screen comes out as text, its bytes are counted."""

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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pyte

KEYS = {
    "f1": b"\x1bOP",
    "f2": b"\x1bOQ",
    "f3": b"\x1bOR",
    "f4": b"\x1bOS",
    "f5": b"\x1b[15~",
    "f6": b"\x1b[17~",
    "f7": b"\x1b[18~",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "insert": b"\x1b[2~",
    "delete": b"\x1b[3~",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    "backspace": b"\x7f",
    "ctrl+s": b"\x13",
    "ctrl+n": b"\x0e",
    "ctrl+q": b"\x11",
    "ctrl+u": b"\x15",
    "enter": b"\r",
    "escape": b"\x1b",
    "space": b" ",
    "tab": b"\t",
}
# pyte doesn't know these sequences and would print their ends
_UNKNOWN = re.compile(rb"\x1b\[[<>=][\d;]*[a-zA-Z]|\x1b\[\?[\d;]*\$p|\x1b[_P][^\x1b]*\x1b\\")


class Chunk(NamedTuple):
    """What the program wrote at once.

    Args:
        time: when it was read, in seconds of `time.monotonic`.
        data: the bytes.
    """

    time: float
    data: bytes


def _without_size(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that does not claim a size: the terminal itself tells it."""
    return {name: value for name, value in environ.items() if name not in {"COLUMNS", "LINES"}}


class Terminal:
    """Runs ``python -m tui`` with some arguments on a terminal of its own.

    Args:
        arguments: for the program.
        cwd: its current folder.
        environ: its whole environment.
        size: columns and rows.
        program: another program to run.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environ: Mapping[str, str],
        size: tuple[int, int] = (80, 24),
        program: Sequence[str] = (sys.executable, "-m", "tui"),
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._master, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            cwd=cwd,
            env={**_without_size(environ), "TERM": "xterm-256color", "COLORTERM": "truecolor"},
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
        # not pyte's own `display`: that stumbles over one half of a wide character whose other half was overwritten
        rows, columns = range(self.screen.lines), range(self.screen.columns)
        return "\n".join("".join(self.screen.buffer[row][column].data for column in columns) for row in rows)

    def press(self, *keys: str) -> None:
        """Press keys, all at once: names of `KEYS`, or text to type."""
        os.write(self._master, b"".join(KEYS.get(key) or key.encode() for key in keys))

    def paste(self, text: str) -> None:
        """Paste a text as terminals do for programs that asked for brackets around it."""
        os.write(self._master, b"\x1b[200~" + text.encode() + b"\x1b[201~")

    def read(self, seconds: float) -> Chunk | None:
        """Return what the program writes next, not yet on the screen; None if it stays silent or has ended."""
        if not select.select([self._master], [], [], max(seconds, 0.0))[0]:
            return None
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return None
        return Chunk(time.monotonic(), data) if data else None

    def show(self, chunk: Chunk) -> None:
        """Bring a chunk onto the screen."""
        self._stream.feed(_UNKNOWN.sub(b"", chunk.data))

    def listen(self, quiet: float = 0.3, seconds: float = 10.0, first: float | None = None) -> list[Chunk]:
        """Read until the program has been quiet for a while; return what came, which is then on the screen.

        Args:
            quiet: so many seconds.
            seconds: longest time to listen.
            first: how long to wait for the first bytes; None means `quiet`.
        """
        chunks: list[Chunk] = []
        end, patience = time.monotonic() + seconds, quiet if first is None else first
        while time.monotonic() < end and (chunk := self.read(patience)) is not None:
            chunks.append(chunk)
            patience = quiet
        for chunk in chunks:
            self.show(chunk)
        return chunks

    def wait_until(self, predicate: Callable[[str], object], description: str, seconds: float = 60.0) -> Chunk | None:
        """Read until the screen is as it should be; return the chunk that made it so, None if it was already.

        Raises:
            AssertionError: it did not become so in time, or the program ended.
        """
        end, chunk = time.monotonic() + seconds, None
        while not predicate(self.text):
            rest = end - time.monotonic()
            assert rest > 0, f"waited {seconds:g} s in vain for {description}:\n{self.text}"
            chunk = self.read(min(rest, 0.5))
            if chunk is not None:
                self.show(chunk)
            else:
                assert self.process.poll() is None, f"the program ended before {description}:\n{self.text}"
        return chunk

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Read until the text is on the screen.

        Raises:
            AssertionError: it did not come in time.
        """
        self.wait_until(lambda screen: text in screen, f"“{text}”", seconds)

    def wait_gone(self, text: str, seconds: float = 60.0) -> None:
        """Read until the text is no longer on the screen.

        Raises:
            AssertionError: it stayed.
        """
        self.wait_until(lambda screen: text not in screen, f"“{text}” to go", seconds)

    def wait_for_end(self, seconds: float = 20.0) -> int:
        """Read until the program has ended by itself; return its exit status."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            if (chunk := self.read(0.1)) is not None:
                self.show(chunk)
        return self.process.wait(max(end - time.monotonic(), 0.1))

    def unplug(self) -> None:
        """Close the terminal, and tell nobody."""
        os.close(self._master)
        self._master = -1

    def hang_up(self, seconds: float = 20.0) -> int:
        """Close the terminal as a dropped SSH connection does; return the program's exit status."""
        self.unplug()
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGHUP)
        return self.process.wait(seconds)
