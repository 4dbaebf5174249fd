"""Predictions that were written down earlier, read back from CSV, JSON or JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import DamagedFile
from engine.outputs.tables import format_of
from engine.storage import disk_errors


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Return the predictions of an earlier ``beholder predict``.

    A relative path counts from the present folder, or from the file's own where there is no such photo.

    Args:
        file: ends in ``.csv``, ``.json`` or ``.jsonl``.

    Returns:
        Rows with ``path``, ``score`` (a number or None), ``model_id`` and ``error``.

    Raises:
        UsageError: the suffix names no format. DamagedFile: it holds no predictions.
        BeholderError: it can't be read.
    """
    form = format_of(file)
    with disk_errors(file):
        text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    try:
        found: Iterable[Mapping[str, Any]]
        if form == "csv":
            found = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        elif form == "jsonl":
            found = _json_lines(text)
        elif form == "json":
            found = json.loads(text)
        else:
            raise ValueError("it is none of CSV, JSON and JSON Lines")
        return [_row(row, file.parent) for row in found]
    except (csv.Error, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFile(
            "{path} holds no predictions: {cause}.",
            remedy="Write it with: beholder predict PATH --out FILE.csv",
            path=file,
            cause=f"{type(error).__name__}: {error}".rstrip("."),
        ) from error


def _json_lines(text: str) -> Iterator[Mapping[str, Any]]:
    for line in text.split("\n"):
        if line.strip():
            yield json.loads(line)


def _row(row: Mapping[str, Any], beside: Path) -> dict[str, Any]:
    path, score = str(row["path"]), row["score"]
    if not path or "\0" in path:
        raise ValueError("a path is empty")
    number = None if score in (None, "") else float(score)
    if number is not None and not math.isfinite(number):
        raise ValueError("a score is not a number")
    if not os.path.lexists(path) and os.path.lexists(beside / path):
        path = str(beside / path)
    return {"path": path, "score": number, "model_id": row.get("model_id") or "", "error": row.get("error") or None}
