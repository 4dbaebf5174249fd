"""Read scores from a CSV file: which column is the name, which the score, and which row means which photo."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import DamagedFile, Message, NotFound, UsageError
from engine.images import is_picture_name
from engine.storage import disk_errors

_NAMES = ("filename", "file", "name", "path", "image", "photo")
_SCORES = ("score", "mean_score", "rating", "label", "value", "beauty")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True)
class ScoreTable:
    """The scores of a CSV file.

    Args:
        path: the file.
        scores: photo (a relative path with ``/``, or a base name) → score; None where the cell is empty.
        by_base: base name → the keys of `scores` that end in it.
    """

    path: Path
    scores: Mapping[str, float | None]
    by_base: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """Which row of a table means a photo.

    Args:
        key: the row's key; None where no row does, or several may.
        reason: why not; None where one does.
    """

    key: str | None
    reason: Message | None


def table_key(name: str) -> str:
    r"""Return a photo's name as a table's key.

    >>> table_key(".\\a\\1.jpg")
    'a/1.jpg'
    """
    return unicodedata.normalize("NFC", name).replace("\\", "/").removeprefix("./")


def match_rows(table: ScoreTable, photos: Sequence[str]) -> dict[str, Match]:
    """Find the row of each photo: by relative path first, then by base name where that is unambiguous.

    Args:
        table: the scores.
        photos: paths relative to the imported folder, with ``/``.

    Returns:
        photo → its row.
    """
    exact = {photo: key for photo in photos if (key := table_key(photo)) in table.scores}
    taken = set(exact.values())
    bases = {photo: table_key(photo).rpartition("/")[2] for photo in photos if photo not in exact}
    counts = Counter(bases.values())
    found = {photo: Match(key, None) for photo, key in exact.items()}
    for photo, base in bases.items():
        keys = [key for key in table.by_base.get(base, ()) if key not in taken]
        if not keys:
            found[photo] = Match(None, Message("not in {table}", {"table": table.path.name}))
        elif counts[base] > 1:
            values = {"count": counts[base], "name": base, "table": table.path.name}
            found[photo] = Match(None, Message("{count} photos are named {name}, as {table} says", values))
        elif len({table.scores[key] for key in keys}) > 1:
            values = {"count": len(keys), "table": table.path.name}
            found[photo] = Match(None, Message("{count} lines of {table} may mean it", values))
        else:
            found[photo] = Match(keys[0], None)
    return found


def read_table(path: Path) -> ScoreTable:
    """Read a CSV file of scores: comma, semicolon or tab, with or without a header.

    Raises:
        NotFound: there is no such file.
        UsageError: no column of names or scores, a score that is no number, or two scores for one photo.
        DamagedFile: it is not UTF-8 text or not CSV.
    """
    if path.is_dir():
        raise UsageError("{path} is a folder, not a CSV file.", remedy="Give the file with the scores.", path=path)
    if not path.exists():
        raise NotFound("There is no file {path}.", remedy="Check the spelling of the path.", path=path)
    with disk_errors(path):
        content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
        delimiter = _delimiter(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except UnicodeDecodeError as error:
        raise DamagedFile(
            "{path} is not UTF-8 text.", remedy="Save it as CSV in UTF-8 and try again.", path=path
        ) from error
    except csv.Error as error:
        raise DamagedFile(
            "{path} is not a CSV file: {cause}.",
            remedy="Save it as CSV in UTF-8 and try again.",
            path=path,
            cause=str(error),
        ) from error
    if not rows:
        raise UsageError(
            "{path} is empty.", remedy="Write one line for each photo: its file name, a comma, its score.", path=path
        )
    name_column, score_column, has_header = _columns(rows[0][1], path)
    return _collect(path, rows[1 if has_header else 0 :], name_column, score_column, delimiter)


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the first lines into most columns, and evenly."""
    head = io.StringIO("\n".join(text.splitlines()[:20]))

    def columns(delimiter: str) -> int:
        head.seek(0)
        return min((len(row) for row in csv.reader(head, delimiter=delimiter) if row), default=0)

    return max("\t;,", key=columns)


def _columns(first: list[str], path: Path) -> tuple[int, int, bool]:
    """Return the name's column, the score's column, and whether the first row is a header."""
    titles = [cell.casefold() for cell in first]
    name = next((titles.index(title) for title in _NAMES if title in titles), None)
    score = next((titles.index(title) for title in _SCORES if title in titles), None)
    if len(first) == 2:
        if name is None and score is None:
            is_row = is_picture_name(first[0].rpartition("/")[2]) or not first[1] or _number(first[1], ";") is not None
            return 0, 1, not is_row
        known = name if name is not None else 1 - (score or 0)
        return known, 1 - known, True
    if name is None or score is None:
        raise UsageError(
            "{path} has no column for the {missing}; its columns are: {columns}.",
            remedy="Name the columns filename and score, or leave just these two.",
            path=path,
            missing="filename" if name is None else "score",
            columns=", ".join(first),
        )
    return name, score, True


def _number(text: str, delimiter: str) -> float | None:
    if delimiter != ",":
        text = text.replace(",", ".")  # where a comma does not part columns, it is a decimal comma
    return float(text) if _NUMBER.fullmatch(text) else None


def _collect(
    path: Path, rows: Sequence[tuple[int, list[str]]], name_column: int, score_column: int, delimiter: str
) -> ScoreTable:
    scores: dict[str, float | None] = {}
    for line, row in rows:
        name = table_key(row[name_column]) if name_column < len(row) else ""
        cell = row[score_column] if score_column < len(row) else ""
        if not name:
            raise UsageError(
                "{path}, line {line}: the file name is missing.", remedy="Mend that line.", path=path, line=line
            )
        score = _number(cell, delimiter) if cell else None
        if cell and score is None:
            raise UsageError(
                "{path}, line {line}: “{text}” is not a score.",
                remedy="Write a number there, or leave it empty for no score.",
                path=path,
                line=line,
                text=cell[:40],
            )
        before = scores.get(name)
        if before is not None and score is not None and before != score:
            raise UsageError(
                "{path}, line {line}: {name} has another score above.",
                remedy="Keep one score for each photo: one person's, or the mean.",
                path=path,
                line=line,
                name=name,
            )
        scores[name] = before if score is None else score
    by_base: dict[str, tuple[str, ...]] = {}
    for key in scores:
        base = key.rpartition("/")[2]
        by_base[base] = (*by_base.get(base, ()), key)
    return ScoreTable(path, scores, by_base)
