"""Write rows as CSV, JSON, JSON Lines or Parquet: streaming to stdout, atomically to a file."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, TextIO

from engine.errors import UsageError
from engine.storage import disk_errors, replacing

Format = Literal["csv", "json", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "jsonl", "parquet")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Return a JSON document that is valid UTF-8 and gives back even names that are not text.

    >>> json_text({"path": "美\udcff.jpg"})
    '{"path": "美\\udcff.jpg"}'
    """
    text = (
        _LINE.encode(value) if indent is None else json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    )
    return text if text.isascii() else _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


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
        remedy="End it in .csv, .json, .jsonl or .parquet, or name the format.",
        path=path,
    )


class RowWriter(Protocol):
    """What rows are written to."""

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows; what stands in them beyond the columns is left out."""
        ...

    def end(self) -> None:
        """Write what comes behind the last row."""
        ...


def write_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], out: Path | None, format: Format) -> int:
    """Write rows as they come.

    Args:
        rows: one mapping a row; what `columns` doesn't name is left out.
        columns: names and order of the columns.
        out: the file; None means stdout. A file appears (or changes) only when all rows are written.
        format: ``csv`` (with a heading line), ``json`` (one array), ``jsonl`` (a line a row) or ``parquet``.

    Returns:
        How many rows were written.

    Raises:
        BeholderError: the file can't be written; the old one is untouched.
        UsageError: Parquet can't be shown on a terminal.
    """
    count = 0
    with rows_to(out, columns, format) as writer:
        for row in rows:
            writer.write((row,))
            count += 1
    return count


@contextlib.contextmanager
def rows_to(out: Path | None, columns: Sequence[str], format: Format) -> Iterator[RowWriter]:
    """Open a file, or stdout, for rows; otherwise as `write_rows`.

    On stdout what was written by then is ended properly even if the block ends with an error.
    """
    if out is None:
        if format == "parquet" and sys.stdout.isatty():
            raise UsageError("Parquet can't be shown on a terminal.", remedy="Name a file with --out.")
        sys.stdout.flush()
        writer = _writer(sys.stdout.buffer if format == "parquet" else sys.stdout, columns, format)
        try:
            yield writer
        finally:
            writer.end()
        return
    with _replacing(out) as data:
        if format == "parquet":
            writer = _writer(data, columns, format)
            yield writer
            writer.end()
            return
        text = io.TextIOWrapper(data, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            writer = _writer(text, columns, format)
            yield writer
            writer.end()
        finally:
            text.detach()  # flushes, and leaves the closing to whoever opened it


@contextlib.contextmanager
def _replacing(out: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `out` when the block ends well; a device or pipe is written directly."""
    out = out.resolve()
    if out.exists() and not out.is_file():
        with disk_errors(out), out.open("wb") as stream:
            yield stream
        return
    with replacing(out) as data:
        yield data


def _writer(stream: Any, columns: Sequence[str], format: Format) -> RowWriter:
    if format == "parquet":
        from engine.outputs.parquet import ParquetRows

        return ParquetRows(stream, columns)
    if format == "csv":
        return CsvRows(stream, columns)
    return JsonRows(stream, columns) if format == "json" else JsonLines(stream, columns)


class CsvRows:
    """Rows as CSV, behind a heading line.

    Args:
        stream: where to. columns: names and order.
        heading: whether to write the heading line.
    """

    def __init__(self, stream: TextIO, columns: Sequence[str], *, heading: bool = True) -> None:
        self._stream = stream
        self._writer = csv.DictWriter(stream, columns, restval="", extrasaction="ignore", lineterminator="\n")
        # Python before 3.13 leaves a carriage return in a name bare, where a reader sees the end of the line.
        self._careful = csv.DictWriter(
            stream, columns, restval="", extrasaction="ignore", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
        )
        if heading:
            self._writer.writeheader()
            stream.flush()

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows; they are with the system when this returns."""
        for row in rows:
            careful = any(isinstance(value, str) and "\r" in value for value in row.values())
            (self._careful if careful else self._writer).writerow(row)
        self._stream.flush()

    def end(self) -> None:
        """Do nothing: a table may end anywhere."""


class JsonLines:
    """Rows as JSON objects, a line each."""

    def __init__(self, stream: TextIO, columns: Sequence[str]) -> None:
        self._stream, self._columns = stream, columns

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows; they are with the system when this returns."""
        columns = self._columns
        self._stream.write("".join([f"{json_text({key: row.get(key) for key in columns})}\n" for row in rows]))
        self._stream.flush()

    def end(self) -> None:
        """Do nothing: the lines may end anywhere."""


class JsonRows:
    """Rows as one JSON array, a line a row."""

    def __init__(self, stream: TextIO, columns: Sequence[str]) -> None:
        self._stream, self._columns = stream, columns
        self._before = ""

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows; they are with the system when this returns."""
        for row in rows:
            text = json_text({key: row.get(key) for key in self._columns})
            self._stream.write(f"{self._before or '['}\n  {text}")
            self._before = ","
        self._stream.flush()

    def end(self) -> None:
        """Close the array."""
        self._stream.write("\n]\n" if self._before else "[]\n")
        self._stream.flush()
