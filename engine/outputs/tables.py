"""Write rows as CSV, JSON or JSON Lines: streaming to stdout, atomically to a file."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

from engine.errors import UsageError
from engine.storage import disk_errors, replacing

Format = Literal["csv", "json", "jsonl"]
FORMATS: tuple[Format, ...] = ("csv", "json", "jsonl")
_SURROGATE = re.compile("[\ud800-\udfff]")


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Return a JSON document that is valid UTF-8 and gives back even names that are not text.

    >>> json_text({"path": "美\udcff.jpg"})
    '{"path": "美\\udcff.jpg"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def format_of(path: Path) -> Format:
    """Return the format that a file's suffix names.

    Raises:
        UsageError: the suffix names none.
    """
    suffix = path.suffix.lower().lstrip(".")
    for known in FORMATS:
        if suffix == known:
            return known
    raise UsageError(
        "The name {path} doesn't say in which format to write.",
        remedy="End it in .csv, .json or .jsonl, or name the format.",
        path=path,
    )


def write_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], out: Path | None, format: Format) -> int:
    """Write rows as they come.

    Args:
        rows: one mapping a row; what `columns` doesn't name is left out.
        columns: names and order of the columns.
        out: the file; None means stdout. A file appears (or changes) only when all rows are written.
        format: ``csv`` (with a heading line), ``json`` (one array) or ``jsonl`` (a line a row).

    Returns:
        How many rows were written.

    Raises:
        BeholderError: the file can't be written; the old one is untouched.
    """
    if out is None:
        return _write(rows, columns, sys.stdout, format)
    with _replacing(out) as stream:
        return _write(rows, columns, stream, format)


@contextlib.contextmanager
def _replacing(out: Path) -> Iterator[TextIO]:
    """Open a text file that takes the place of `out` when the block ends well; a device or pipe is written directly."""
    out = out.resolve()
    if out.exists() and not out.is_file():
        with disk_errors(out), out.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield stream
        return
    with replacing(out) as data:
        text = io.TextIOWrapper(data, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            yield text
        finally:
            text.detach()  # flushes, and leaves the closing to `replacing`


def _write(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], stream: TextIO, format: Format) -> int:
    if format == "csv":
        return _write_csv(rows, columns, stream)
    count = 0
    if format == "json":
        stream.write("[")
    for row in rows:
        text = json_text({column: row.get(column) for column in columns})
        stream.write(f"{text}\n" if format == "jsonl" else f"{',' if count else ''}\n  {text}")
        stream.flush()
        count += 1
    if format == "json":
        stream.write("\n]\n" if count else "]\n")
    stream.flush()
    return count


def _write_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], stream: TextIO) -> int:
    writer = csv.DictWriter(stream, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    stream.flush()
    count = 0
    for row in rows:
        writer.writerow(row)
        stream.flush()
        count += 1
    return count
