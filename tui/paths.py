"""Understand a path as people type, paste or drop it into a terminal, and show one shortly."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from engine.errors import UsageError, display_name

_BEGINS_A_PATH = re.compile(r"""['"]?(?:/|~|\.{1,2}/|file:)""", re.IGNORECASE)
_NEEDS_THE_SHELL = frozenset("'\"\\")


@dataclass(frozen=True)
class Pasted:
    """Paths that a terminal pasted, or that were dropped onto it.

    Args:
        path: the first of them, absolute.
        more: how many others came with it.
        is_submitted: whether a line end followed, as if enter had been pressed.
    """

    path: Path
    more: int
    is_submitted: bool


def parse_pasted_paths(text: str) -> Pasted | None:
    r"""Return what a pasted text means if it is made of paths; None for any other text.

    Several paths stand on lines of their own, or on one line in the quotes of a shell.

    Raises:
        UsageError: the first is a ``file://`` address that names another computer.

    >>> parse_pasted_paths("/tmp/a\n/tmp/b\n")
    Pasted(path=PosixPath('/tmp/a'), more=1, is_submitted=True)
    >>> parse_pasted_paths("_s(?P<score>[0-9]+)") is None
    True
    """
    lines = [line.strip("\t ") for line in re.split(r"[\r\n]+", text)]
    # A list of addresses may hold comments.
    paths = [line for line in lines if line and not line.startswith("#")]
    if not paths or not _BEGINS_A_PATH.match(paths[0]):
        return None
    words = _words(paths[0]) if len(paths) == 1 else []
    first = _unquoted(words[0]) if words else parse_typed_path(paths[0])
    return Pasted(first, len(words or paths) - 1, text.endswith(("\r", "\n")))


def _words(line: str) -> list[str]:
    """Return the shell's words of a line if there are several, each a path, and the line is none itself."""
    if os.path.lexists(_absolute(line)):
        return []
    try:
        words = shlex.split(line)
    except ValueError:
        return []
    return words if len(words) > 1 and all(_BEGINS_A_PATH.match(word) for word in words) else []


def _unquoted(word: str) -> Path:
    return _from_address(word) if word.lower().startswith("file:") else _absolute(word)


def typed_form(path: Path) -> str:
    r"""Return a text that is safe to show in an input and that `parse_typed_path` takes for this path.

    A path with undecodable, control or bidi characters becomes a ``file://`` address.

    >>> typed_form(Path("/tmp/My Photos")), typed_form(Path("/tmp/a\x1bb"))
    ('/tmp/My Photos', 'file:///tmp/a%1Bb')
    """
    text = str(path)
    if display_name(text) == text == text.strip() and parse_typed_path(text) == path:
        return text
    return "file://" + quote(os.fsencode(path))


def parse_typed_path(text: str) -> Path:
    r"""Return the absolute path that a typed, pasted or dropped text means.

    Understood are quotes, shell escapes, ``file://`` addresses and ``~``. A text that is a path literally, or
    has stray quotes, is taken as it stands, because file names may hold all of these.

    Args:
        text: what lies in the input field.

    Returns:
        An absolute path; whether something is there is for the caller to see.

    Raises:
        UsageError: the text is empty, or a ``file://`` address names another computer.

    >>> parse_typed_path(r"'/tmp/My Photos/' ").as_posix(), parse_typed_path(r"/tmp/My\ Photos").as_posix()
    ('/tmp/My Photos', '/tmp/My Photos')
    """
    text = text.strip("\r\n\t ").replace("\0", "")
    if not text:
        raise UsageError("No path was given.", remedy="Type or paste the path of a photo or a folder.")
    if text.lower().startswith("file:"):
        return _from_address(text)
    literal = _absolute(text)
    if not _NEEDS_THE_SHELL & set(text) or os.path.lexists(literal):
        return literal
    try:
        words = shlex.split(text)
    except ValueError:
        return literal
    return _absolute(words[0]) if len(words) == 1 and words[0] else literal


def _from_address(text: str) -> Path:
    parts = urlsplit(text)
    if parts.netloc not in {"", "localhost", os.uname().nodename}:
        raise UsageError(
            "“{text}” lies on another computer.",
            remedy="Copy the photos to this computer first.",
            text=text,
        )
    # What urlsplit takes for a query or a fragment is part of the name when a terminal pastes it unescaped.
    rest = text.split("//", 1)[1][len(parts.netloc) :] if "//" in text else text[len("file:") :]
    return _absolute(os.fsdecode(unquote(rest, errors="surrogateescape")))


def _absolute(text: str) -> Path:
    return Path(os.path.expanduser(text)).absolute()  # noqa: PTH111 - Path.expanduser fails without a home


def shown_path(path: Path) -> str:
    """Return a path that is safe to show, the person's home as ``~``."""
    home = os.path.expanduser("~")  # noqa: PTH111 - as above
    text = str(path)
    if home not in {"", "/", "~"} and (text == home or text.startswith(home.rstrip("/") + "/")):
        text = "~" + text[len(home.rstrip("/")) :]
    return display_name(text)
