"""Understand a path as people type, paste or drop it into a terminal, and show one shortly."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

from engine.errors import UsageError, display_name


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
    if os.path.lexists(literal):
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
