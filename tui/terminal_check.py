"""What this terminal can show: size, colours, characters, pictures; for the doctor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from engine.diagnosis import Finding
from engine.errors import Message
from tui.terminal_probe import CELL_MODES, find_graphics, in_multiplexer, never_asked

_USED = {
    "half": Message("Photos are drawn with half cells."),
    "quadrant": Message("Photos are drawn with quadrant cells."),
    "exact": Message("Photos are drawn with half cells of exact colours."),
    "pixels": Message("Photos are drawn with real pixels."),
}
_SMALLEST = (80, 24)


def check_terminal(asked: str = "half", environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Return one finding or more for each thing that the app needs of a terminal.

    Args:
        asked: how photos are to be drawn, one of `PICTURES`; the terminal is asked whether it has pixels.
        environ: the environment variables.
    """
    return [_size(), _colours(environ), _characters(), *_pictures(environ, asked), *_multiplexer(environ)]


def _size() -> Finding:
    if not sys.stdout.isatty():
        return Finding("terminal", "ok", Message("The output is no terminal; the commands work, the app needs one."))
    columns, lines = shutil.get_terminal_size()
    values = {"columns": columns, "lines": lines}
    if columns < _SMALLEST[0] or lines < _SMALLEST[1]:
        return Finding(
            "terminal",
            "warn",
            Message("The terminal has {columns} columns and {lines} lines.", values),
            Message("Make it at least 80 by 24 to see the whole app."),
        )
    return Finding("terminal", "ok", Message("The terminal has {columns} columns and {lines} lines.", values))


def _colours(environ: Mapping[str, str]) -> Finding:
    if environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return Finding("colours", "ok", Message("16 million colours."))
    if environ.get("NO_COLOR"):
        return Finding("colours", "ok", Message("No colours, as NO_COLOR asks."))
    if "256" in environ.get("TERM", ""):
        return Finding(
            "colours",
            "warn",
            Message("256 colours: photos look coarse."),
            Message("If your terminal can do more, set COLORTERM=truecolor."),
        )
    return Finding(
        "colours",
        "warn",
        Message("The terminal type “{term}” promises few colours.", {"term": environ.get("TERM", "")}),
        Message("Set TERM=xterm-256color, and COLORTERM=truecolor if your terminal can do it."),
    )


def _characters() -> Finding:
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.replace("-", "") == "utf8":
        return Finding("characters", "ok", Message("Unicode."))
    return Finding(
        "characters",
        "warn",
        Message("The locale's encoding is {encoding}: Chinese and frames can't be shown.", {"encoding": encoding}),
        Message("Set LANG to a UTF-8 locale, such as LANG=C.UTF-8."),
    )


def _pictures(environ: Mapping[str, str], asked: str) -> list[Finding]:
    reason = never_asked(environ)
    graphics = find_graphics("auto" if asked in CELL_MODES else asked, environ, keep_typed=True)
    says = [] if reason is not None and not sys.stdout.isatty() else [Finding("pictures", "ok", graphics.reason)]
    if asked in CELL_MODES or graphics.mode:
        remedy = Message("")
        if asked in CELL_MODES and graphics.mode:
            remedy = Message("For real pixels, start with: beholder --pictures auto")
        elif asked in CELL_MODES and in_multiplexer(environ):
            remedy = Message("For real pixels, start it outside of them with: beholder --pictures auto")
        return [*says, Finding("pictures", "ok", _USED[asked if asked in CELL_MODES else "pixels"], remedy)]
    remedy = Message("kitty, Ghostty, foot and WezTerm have them; --pictures half asks for cells.")
    return [*says, Finding("pictures", "warn", Message("Real pixels are asked for, but half cells are drawn."), remedy)]


def _multiplexer(environ: Mapping[str, str]) -> list[Finding]:
    if not environ.get("TMUX"):
        return []
    if environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return [Finding("tmux", "ok", Message("tmux is running and passes colours on."))]
    return [
        Finding(
            "tmux",
            "warn",
            Message("tmux is running and may reduce the colours."),
            Message("Add to .tmux.conf: set -as terminal-features ',*:RGB'"),
        )
    ]
