"""The other end of a pseudo-terminal: answers a program's questions as some terminal would."""

from __future__ import annotations

import os
import pty
import re
import select
import termios
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Manners:
    """How a terminal answers.

    Args:
        name: to XTVERSION; empty: it doesn't know the question.
        attributes: to DA1; empty: it doesn't answer.
        cell: width and height of a cell in pixels; None: it doesn't say.
        kitty: to Kitty's question; empty: it doesn't know it.
        position: whether it says where the cursor is; every terminal does.
        before: keys that are typed before its first answer.
        between: keys that are typed before each later answer.
    """

    name: str = ""
    attributes: str = "62;22"
    cell: tuple[int, int] | None = None
    kitty: str = ""
    position: bool = True
    before: bytes = b""
    between: bytes = b""

    def answers(self, question: str) -> list[bytes]:
        """Return what comes back for one question; nothing for one that is no question."""
        if question == "\x1b[6n" and self.position:
            return [self.before + b"\x1b[5;1R"]
        if question == "\x1b[>q" and self.name:
            return [self.between + f"\x1bP>|{self.name}\x1b\\".encode()]
        if question == "\x1b[16t" and self.cell:
            return [self.between + f"\x1b[6;{self.cell[1]};{self.cell[0]}t".encode()]
        if question.startswith("\x1b_G") and "a=q" in question and self.kitty:
            number = question.partition("i=")[2].partition(",")[0]
            return [self.between + f"\x1b_Gi={number};{self.kitty}\x1b\\".encode()]
        if question == "\x1b[c" and self.attributes:
            return [self.between + f"\x1b[?{self.attributes}c".encode()]
        return []


KITTY = Manners("kitty(0.41.1)", "62;52", (9, 18), "OK")
GHOSTTY = Manners("ghostty 1.1.3", "62;22", (10, 22), "OK")
WEZTERM = Manners("WezTerm 20240203", "65;4;6;18;22", (8, 17), "OK")
FOOT = Manners("foot(1.20.2)", "62;4;22;28;29;52", (8, 16))
XTERM = Manners("XTerm(397)", "64;1;2;6;9;15;16;17;18;21;22;28")
SILENT = Manners(attributes="", position=False)

_QUESTION = re.compile(r"\x1b\[[>?]?[\d;]*\$?[a-zA-Z]|\x1b_[^\x1b]*\x1b\\|\x1bP[^\x1b]*\x1b\\")


@dataclass
class FakeTerminal:
    """A pseudo-terminal with somebody who answers; use it as a context.

    Args:
        manners: how it answers.
        on_output: called with all that the program writes, in the terminal's thread.
    """

    manners: Manners
    on_output: Callable[[bytes], None] = lambda data: None
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.master, self.side = pty.openpty()
        self.first = self.settings()
        self._leave, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._wake, b"x")
        self._thread.join(10)
        for file in (self.master, self.side, self._leave, self._wake):
            os.close(file)

    def settings(self) -> list[Any]:
        """Return how the line is set: echo, line by line, and so on."""
        return termios.tcgetattr(self.side)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def _serve(self) -> None:
        came = ""
        while True:
            ready, _, _ = select.select([self.master, self._leave], [], [])
            if self._leave in ready:
                return
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.on_output(data)
            came += data.decode("utf-8", "replace")
            end = 0
            for question in _QUESTION.finditer(came):
                end = question.end()
                if answers := self.manners.answers(question[0]):
                    self.asked.append(question[0])
                    for answer in answers:
                        os.write(self.master, answer)
            came = came[end:][-8192:]
