"""Read rows of predictions back from a table of any format that `engine.outputs.tables` writes."""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import DamagedFile
from engine.outputs.tables import Format
from engine.prediction.predicted import COLUMNS
from engine.storage import disk_errors

Row = dict[str, Any]


def read_predictions(path: Path, format: Format) -> Iterator[Row]:
    """Yield the rows of a table of predictions, one by one; an unfinished last line is left out.

    Args:
        path: the table.
        format: what it is.

    Raises:
        DamagedFile: it is no such table. NotFound: it is not there. BeholderError: it can't be read.
    """
    with _judged(path):
        for row in _rows(path, format):
            yield checked_row(row)


@contextlib.contextmanager
def _judged(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a table into errors that name it."""
    try:
        with disk_errors(path):
            yield
    except (ValueError, LookupError, TypeError, RecursionError, csv.Error) as error:
        raise DamagedFile(
            "{path} is no table of predictions: {cause}.",
            remedy="Name another file, or leave --resume away to begin anew.",
            path=path,
            cause=str(error) or type(error).__name__,
        ) from error


class Mark(NamedTuple):
    """What a resumed run has to know of a row.

    Args:
        path: the photo. model_id: the model that scored it. error: why it has no score; None where it has one.
    """

    path: str
    model_id: str
    error: str | None


def read_marks(path: Path, format: Format) -> Iterator[Mark]:
    """Yield the marks of a table's rows, sooner than the rows: in a CSV the ends of the intervals are not looked at.

    Arguments and errors as `read_predictions`.
    """
    if format != "csv":
        for row in read_predictions(path, format):
            yield Mark(row["path"], row["model_id"], row["error"])
        return
    with _judged(path):
        for heading, values in _csv_values(path):
            if heading is not None:
                at_path, at_score, at_model, at_error = map(heading.index, ("path", "score", "model_id", "error"))
                width = len(heading)
            if len(values) != width or not values[at_path] or (values[at_score] == "") != (values[at_error] != ""):
                raise ValueError(f"strange row: {values!r:.80}")
            _number(values[at_score])
            yield Mark(values[at_path], values[at_model], values[at_error] or None)


def checked_row(row: Any) -> Row:
    """Return the contract's columns of a row.

    Raises:
        ValueError, LookupError, TypeError: it is no row of a prediction.
    """
    path, model_id, error = row["path"], row["model_id"], row["error"] or None
    if not isinstance(path, str) or not path or not isinstance(model_id, str) or not isinstance(error, str | None):
        raise ValueError(f"strange row: {row!r:.80}")
    score, low, high = _number(row["score"]), _number(row["low"]), _number(row["high"])
    if (score is None) != (error is not None):
        raise ValueError(f"strange row: {row!r:.80}")
    return {"path": path, "score": score, "low": low, "high": high, "model_id": model_id, "error": error}


def _number(value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{value!r} is no score")
    return number


def _rows(path: Path, format: Format) -> Iterator[Any]:
    if format == "parquet":
        from engine.outputs.parquet import read_parquet

        yield from read_parquet(path)
    elif format == "csv":
        yield from _csv_rows(path)
    else:
        with path.open("rb") as lines:
            yield from _array_rows(lines.read()) if format == "json" else _line_rows(lines)


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    names: list[str] = []
    for heading, values in _csv_values(path):
        names = heading or names
        yield dict(zip(names, values, strict=True))


def _csv_values(path: Path) -> Iterator[tuple[list[str] | None, list[str]]]:
    """Yield the rows of a CSV file, beside the first one its heading; an unfinished last row is left out."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(_whole(stream), strict=True)
        heading = next(reader, None)
        if heading is None:
            return
        if set(COLUMNS) - set(heading):
            raise ValueError(f"its columns are {', '.join(heading)[:80]}")
        first: list[str] | None = heading
        waiting: list[str] | None = None
        try:
            for row in reader:
                if waiting is not None:
                    yield first, waiting
                    first = None
                waiting = row
        except csv.Error as error:
            if "end of data" not in str(error):
                raise
        if waiting is not None and len(waiting) == len(heading):
            yield first, waiting


def _whole(lines: Any) -> Iterator[str]:
    return (line for line in lines if line.endswith(("\n", "\r")))  # a name may hold a \r


def _line_rows(lines: Any) -> Iterator[Any]:
    return (json.loads(line) for line in lines if line.endswith(b"\n") and line.strip())


def _array_rows(data: bytes) -> Iterator[Any]:
    lines = data.splitlines()
    if len(lines) < 2 or lines[0] != b"[" or lines[-1] != b"]":
        rows = json.loads(data)
        if not isinstance(rows, list):
            raise ValueError("it is no list")
        yield from rows
        return
    for line in lines[1:-1]:  # as it is written here; one by one they take less memory
        yield json.loads(line.removesuffix(b","))
