"""What this terminal can show: size, colours, characters, pictures; for the doctor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from engine.diagnosis import Finding
from engine.errors import Message

_GRAPHICS = ("kitty", "ghostty", "wezterm", "iterm", "foot", "mlterm", "contour", "konsole")
_SMALLEST = (80, 24)


def check_terminal(environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Return one finding for each thing that the app needs of a terminal.

    Args:
        environ: the environment variables.
    """
    return [_size(), _colours(environ), _characters(), _pictures(environ), *_multiplexer(environ)]


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


def _pictures(environ: Mapping[str, str]) -> Finding:
    known = " ".join(environ.get(name, "") for name in ("TERM", "TERM_PROGRAM", "LC_TERMINAL")).lower()
    if environ.get("KITTY_WINDOW_ID") or any(name in known for name in _GRAPHICS):
        return Finding("pictures", "ok", Message("The terminal can draw real pictures; the app uses coloured cells."))
    return Finding("pictures", "ok", Message("Photos are drawn with coloured cells."))


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
