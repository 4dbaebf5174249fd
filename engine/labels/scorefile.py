r"""The text of ``scores.txt``: one ``name<TAB>score`` a line, whatever the name is made of.

Backslash escapes stand for what would break a line or not survive UTF-8: ``\\ \t \n \r \#`` and ``\uXXXX``.
Empty lines and lines that begin with ``#`` are comments; they stay when the file is rewritten.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DamagedFile
from engine.natural_order import natural_sorted
from engine.workspace import Scale, format_score

_SHORT = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_LONG = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r", "#": "#"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.|$)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?")
_MARK = "\ufeff"
_ALL_BUT_TAB_AND_END = bytes(code for code in range(256) if code not in b"\t\n")
_NUMBER_SIGNS = frozenset("0123456789.-")


@dataclass(frozen=True)
class ScoreText:
    """What a score file says.

    Args:
        scores: name → score.
        comments: its comment lines, in order.
    """

    scores: Mapping[str, float]
    comments: tuple[str, ...] = ()


def escape(name: str) -> str:
    r"""Return a name in the form that stands in the file: one line, no tab, valid UTF-8.

    >>> escape("a\tb\udcff.jpg")
    'a\\tb\\udcff.jpg'
    """
    if name.isprintable() and "\\" not in name and not name.startswith("#"):
        return name  # nearly all names; ten thousand are written at each keypress
    text = "".join(_escaped(char) for char in name)
    return f"\\{text}" if text.startswith("#") else text


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    hidden = char == _MARK or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
    return f"\\u{ord(char):04x}" if hidden else char


def unescape(text: str) -> str:
    """Return the name that `escape` wrote.

    Raises:
        ValueError: there is a backslash that begins no escape; its text is the argument.
    """
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) == 5:
        return chr(int(code[1:], 16))
    if code not in _LONG:
        raise ValueError(match[0])
    return _LONG[code]


def format_scores(text: ScoreText) -> str:
    """Return the file's text: comments first, then the scores in natural order of their names."""
    lines = [score_line(name, text.scores[name]) for name in natural_sorted(text.scores)]
    return "".join([*(f"{comment}\n" for comment in text.comments), *lines])


def score_line(name: str, score: float) -> str:
    """Return the line of one score, with its end."""
    return f"{escape(name)}\t{format_score(score)}\n"


def parse_scores(content: bytes, scale: Scale, path: Path) -> ScoreText:
    """Return what a score file says.

    Args:
        content: the file's bytes.
        scale: where all its scores must lie.
        path: named in the error.

    Raises:
        DamagedFile: a line can't be understood; it names the line and what is there.
    """
    plain = _parse_plain(content, scale)
    if plain is not None:
        return ScoreText(plain)
    scores: dict[str, float] = {}
    comments: list[str] = []
    for number, raw in enumerate(content.split(b"\n"), start=1):
        try:
            line = raw.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError as error:
            shown = raw[:40].decode("utf-8", "surrogateescape")
            raise _damaged("{path}, line {line}: “{text}” is not UTF-8.", path, number, shown) from error
        if number == 1:
            line = line.removeprefix(_MARK)
        if not line.strip():
            continue
        if line.startswith("#"):
            comments.append(line)
            continue
        name, score = _parse_line(line, scale, path, number)
        if scores.setdefault(name, score) != score:
            raise _damaged(
                "{path}, line {line}: “{text}” stands there a second time, with another score.",
                path,
                number,
                name,
            )
    return ScoreText(scores, tuple(comments))


def comment_lines(content: bytes) -> tuple[str, ...]:
    """Return the comments of a sound score file."""
    if b"#" not in content:
        return ()
    lines = content.decode("utf-8").removeprefix(_MARK).split("\n")
    return tuple(line.removesuffix("\r") for line in lines if line.startswith("#"))


def _parse_plain(content: bytes, scale: Scale) -> dict[str, float] | None:
    """Return the scores of a file without comments and escapes, as ours nearly always is; None for any other."""
    count = content.count(b"\n")
    if b"\\" in content or content.startswith(b"#") or b"\n#" in content:
        return None
    if content.translate(None, _ALL_BUT_TAB_AND_END) != b"\t\n" * count or not content.endswith(b"\n"):
        return None
    try:
        cells = content[:-1].decode("utf-8").replace("\n", "\t").split("\t")
        names, values = cells[0::2], cells[1::2]
        numbers = {value: float(value) for value in set(values)}  # most scores are given many times
    except ValueError:
        return None
    scores = dict(zip(names, map(numbers.__getitem__, values), strict=True))
    if set("".join(numbers)) <= _NUMBER_SIGNS and len(scores) == count and "" not in scores:
        is_right = all(number in scale for number in numbers.values())
        if is_right and not _is_odd(content) and not names[0].startswith(_MARK):
            return scores
    return None


def _is_odd(content: bytes) -> bool:
    """Say whether there is a number that Python understands but this file's rules do not, or a zero with a minus."""
    return b"\t." in content or b"\t-." in content or b"\t-0" in content


def _parse_line(line: str, scale: Scale, path: Path, number: int) -> tuple[str, float]:
    written, tab, value = line.partition("\t")
    value = value.strip()
    if not tab or not written:
        raise _damaged("{path}, line {line}: “{text}” is not a name, a tab and a score.", path, number, line[:60])
    if not _NUMBER.fullmatch(value):
        raise _damaged("{path}, line {line}: “{text}” is not a number.", path, number, value[:40])
    score = float(value) + 0.0
    if score not in scale:
        template = "{path}, line {line}: “{text}” is outside the scale {scale}."
        raise _damaged(template, path, number, value[:40], scale=str(scale))
    try:
        return unescape(written), score
    except ValueError as error:
        template = "{path}, line {line}: “{text}” is not an escape; write a backslash twice."
        raise _damaged(template, path, number, str(error)) from error


def _damaged(template: str, path: Path, line: int, text: str, **values: str) -> DamagedFile:
    return DamagedFile(
        template,
        remedy="Mend that line in an editor (name, tab, score), or run: beholder scores check --repair",
        path=path,
        line=line,
        text=text,
        **values,
    )
