"""Asks the terminal, before the app starts, whether it can draw real pixels, and leaves no trace of the question.

An answer that comes when the app already reads the keyboard would be taken for typed keys. So the first question is
one whose answer Textual knows and ignores; only a terminal that answers it in time is asked more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.errors import Message

CELL_MODES = ("half", "quadrant", "exact")
"""The ways to draw photos for which no terminal has to be asked."""

PixelMode = Literal["", "kitty", "sixel"]

_ALIVE = b"\x1b[6n"
_WHO = b"\x1b[>q\x1b[16t\x1b[c"
_KITTY_ID = 4207
_KITTY = b"\x1b_Gi=%d,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c" % _KITTY_ID

_POSITION = re.compile(rb"\x1b\[(\d{1,4});(\d{1,4})R")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]{1,64})c")
_NAME = re.compile(rb"\x1bP>\|([^\x1b]{0,80})\x1b\\")
_CELL = re.compile(rb"\x1b\[6;(\d{1,4});(\d{1,4})t")
_KITTY_SAYS = re.compile(rb"\x1b_Gi=%d;([^\x1b]{0,200})\x1b\\" % _KITTY_ID)
_UNFINISHED = re.compile(rb"\x1b(?:\[\?[\d;]*|P>\|[^\x1b]*\x1b?|_G[^\x1b]*\x1b?)\Z")
_ANSWERS = (_POSITION, _ATTRIBUTES, _NAME, _CELL, _KITTY_SAYS)

_TOO_SIMPLE = frozenset({"", "dumb", "linux", "vt100", "vt102", "vt220"})
_SIXEL = 4
_MOST_BYTES = 65536
_KNOWS_PLACEHOLDERS = re.compile(r"kitty\((?P<major>\d+)\.(?P<minor>\d+)|(?P<ghostty>ghostty) ", re.I)
_FIRST_KITTY = (0, 28)

_PATIENCE = 0.3  # seconds for the first answer on this machine, where a terminal needs about a millisecond
_PATIENCE_AFAR = 1.0  # over SSH
_PATIENCE_LATER = 2.0  # for a terminal that was heard already; only the wait for a lost answer is that long


@dataclass(frozen=True)
class Answers:
    """What a terminal said of itself.

    Args:
        heard: whether it answered at all.
        name: its name and version, as it gives them.
        attributes: the numbers of its device attributes; 4 means Sixel.
        cell: width and height of a cell in pixels; None where nobody knows.
        kitty: whether it takes pictures by Kitty's protocol.
        typed: the keys that were pressed meanwhile, as a terminal sends them.
    """

    heard: bool = False
    name: str = ""
    attributes: frozenset[int] = frozenset()
    cell: tuple[int, int] | None = None
    kitty: bool = False
    typed: bytes = b""


@dataclass(frozen=True)
class Graphics:
    """What is made of the answers.

    Args:
        mode: how pixels can be drawn; empty means: they can't.
        reason: why so, for the person.
        cell: width and height of a cell in pixels.
        typed: the keys that were pressed while the terminal was asked.
        notice: whether the person asked for pixels just now, so that a refusal is worth a notice.
    """

    mode: PixelMode
    reason: Message
    cell: tuple[int, int] = (0, 0)
    typed: bytes = b""
    notice: bool = False


def never_asked(environ: Mapping[str, str] = os.environ) -> Message | None:
    """Return why the terminal must not be asked; None if it may be.

    Args:
        environ: the environment variables.
    """
    kind = environ.get("TERM", "")
    if in_multiplexer(environ):
        return Message("tmux and screen don't keep pixels in place; beholder never sends them there.")
    if kind in _TOO_SIMPLE:
        return Message("A terminal of the type “{term}” has no pixels.", {"term": kind})
    if environ.get("NO_COLOR"):
        return Message("NO_COLOR asks for no colours, so no pixels are sent.")
    if not (sys.__stdin__ and sys.__stdin__.isatty() and sys.__stdout__ and sys.__stdout__.isatty()):
        return Message("The output is no terminal.")
    return None


def in_multiplexer(environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether tmux or screen stands between this process and the terminal."""
    return bool(environ.get("TMUX") or environ.get("STY")) or environ.get("TERM", "").startswith(("tmux", "screen"))


def find_graphics(asked: str, environ: Mapping[str, str] = os.environ, *, keep_typed: bool = False) -> Graphics:
    """Ask the terminal of this process and say how it can draw pixels.

    Args:
        asked: ``auto``, ``kitty`` or ``sixel``.
        environ: the environment variables.
        keep_typed: see `ask_terminal`.
    """
    reason = never_asked(environ)
    if reason is not None:
        return Graphics("", reason)
    assert sys.__stdin__ is not None
    assert sys.__stdout__ is not None
    afar = bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))
    sys.__stdout__.flush()
    source, target = sys.__stdin__.fileno(), sys.__stdout__.fileno()
    patience = _PATIENCE_AFAR if afar else _PATIENCE
    return choose(asked, ask_terminal(source, target, patience=patience, keep_typed=keep_typed))


def choose(asked: str, answers: Answers) -> Graphics:
    """Return the way to draw pixels that was asked for, if the terminal has it.

    Args:
        asked: ``auto`` (Kitty's way before Sixel), ``kitty`` or ``sixel``.
        answers: what the terminal said.
    """
    values = {"name": answers.name or "?"}
    if not answers.heard:
        return _without("The terminal gave no answer in time; photos are drawn with coloured cells.", answers)
    if answers.name.lower().startswith("tmux"):
        return _without("tmux and screen don't keep pixels in place; beholder never sends them there.", answers)
    if asked != "sixel" and answers.kitty and knows_placeholders(answers.name):
        message = Message("The terminal ({name}) draws real pixels in Kitty's way.", values)
        return Graphics("kitty", message, answers.cell or (0, 0), answers.typed)
    if asked != "kitty" and _SIXEL in answers.attributes:
        if answers.cell is not None:
            message = Message("The terminal ({name}) draws real pixels as Sixel.", values)
            return Graphics("sixel", message, answers.cell, answers.typed)
        return _without("The terminal knows Sixel but not the size of its cells, so no pixels are sent.", answers)
    if asked == "auto":
        return _without("The terminal ({name}) has no pixels that beholder can use.", answers)
    return _without("The terminal ({name}) can't draw pixels in the way that was asked for: {mode}.", answers, asked)


def _without(template: str, answers: Answers, asked: str = "") -> Graphics:
    return Graphics(
        "", Message(template, {"name": answers.name or "?", "mode": asked}), answers.cell or (0, 0), answers.typed
    )


def knows_placeholders(name: str) -> bool:
    """Say whether a terminal of this name shows pictures through placeholder characters.

    Others that know Kitty's protocol (WezTerm, Konsole) would show the characters instead.

    >>> knows_placeholders("kitty(0.41.1)"), knows_placeholders("kitty(0.26.5)"), knows_placeholders("WezTerm 2024")
    (True, False, False)
    """
    found = _KNOWS_PLACEHOLDERS.match(name)
    if found is None:
        return False
    return bool(found["ghostty"]) or (int(found["major"]), int(found["minor"])) >= _FIRST_KITTY


def ask_terminal(source: int, target: int, *, patience: float = _PATIENCE, keep_typed: bool = False) -> Answers:
    """Ask a terminal what it can draw; its settings are afterwards as they were, whatever happens.

    Args:
        source: file descriptor of the terminal, to read from.
        target: file descriptor of the terminal, to write to.
        patience: how long to wait for the first answer, in seconds.
        keep_typed: rather ask nothing than read keys that were typed for another program.

    Returns:
        What it said; nothing heard if it said nothing in time, or went away.
    """
    talk = _Talk(source, target)
    try:
        with _unbuffered(source):
            heard = not (keep_typed and talk.has_input()) and talk.ask(_ALIVE, _POSITION, patience)
            if heard and talk.ask(_WHO, _ATTRIBUTES, _PATIENCE_LATER) and knows_placeholders(talk.name):
                talk.ask(_KITTY, _ATTRIBUTES, _PATIENCE_LATER)
    except (OSError, termios.error):
        return Answers(typed=talk.typed)
    return Answers(heard, talk.name, talk.attributes, talk.cell or window_cell(target), talk.kitty, talk.typed)


def window_cell(target: int) -> tuple[int, int] | None:
    """Return width and height of a cell in pixels, by the size of the window that the terminal told the kernel.

    Args:
        target: file descriptor of the terminal.

    Returns:
        None if nobody knows, or the size is not that of whole cells and an even border.
    """
    try:
        lines, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(target, termios.TIOCGWINSZ, bytes(8)))
    except OSError:
        return None
    # xterm counts its border too: the same few pixels beside the cells and above them
    if not (columns and lines and width and height) or width % columns != height % lines:
        return None
    return width // columns, height // lines


@contextlib.contextmanager
def _unbuffered(source: int) -> Iterator[None]:
    """Let every byte through as it comes, unseen; Ctrl+C still works."""
    before = termios.tcgetattr(source)
    changed = termios.tcgetattr(source)
    changed[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP)
    changed[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    try:
        termios.tcsetattr(source, termios.TCSANOW, changed)
        yield
    finally:
        # not TCSAFLUSH: it would throw away what was typed ahead
        termios.tcsetattr(source, termios.TCSANOW, before)


class _Talk:
    """One conversation: what came is kept, and the answers are read out of it."""

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._came = b""

    def ask(self, question: bytes, last: re.Pattern[bytes], patience: float) -> bool:
        """Write a question and read until one more answer of the kind that ends it came; False if none did."""
        wanted = len(last.findall(self._came)) + 1
        os.write(self._target, question)
        end = time.monotonic() + patience
        while len(last.findall(self._came)) < wanted:
            rest = end - time.monotonic()
            if rest <= 0 or len(self._came) > _MOST_BYTES or not select.select([self._source], [], [], rest)[0]:
                return False
            data = os.read(self._source, 4096)
            if not data:
                return False
            self._came += data
        return True

    def has_input(self) -> bool:
        """Say whether something waits to be read."""
        return bool(select.select([self._source], [], [], 0)[0])

    @property
    def name(self) -> str:
        found = _NAME.search(self._came)
        # it is shown in a message: a terminal's name is plain text
        return re.sub(r"[^ -~]", "", found[1].decode("ascii", "replace")).strip() if found else ""

    @property
    def attributes(self) -> frozenset[int]:
        found = _ATTRIBUTES.search(self._came)
        return frozenset(int(word) for word in found[1].split(b";") if word) if found else frozenset()

    @property
    def cell(self) -> tuple[int, int] | None:
        found = _CELL.search(self._came)
        if found is None or not (int(found[1]) and int(found[2])):
            return None
        return int(found[2]), int(found[1])

    @property
    def kitty(self) -> bool:
        found = _KITTY_SAYS.search(self._came)
        return found is not None and found[1] == b"OK"

    @property
    def typed(self) -> bytes:
        """All that is no answer."""
        rest = self._came
        for answer in _ANSWERS:
            rest = answer.sub(b"", rest)
        return _UNFINISHED.sub(b"", rest)
