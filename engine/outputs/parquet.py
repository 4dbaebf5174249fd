"""Rows as Parquet, in row groups, so that memory does not grow with the table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from engine.storage import disk_errors

_NUMBERS = frozenset({"score", "low", "high"})
_GROUP = 20_000
_NO_TEXT = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\ud[c-f][0-9a-f]{2}")


class ParquetRows:
    r"""A table. Names that are no text are made text: each odd byte becomes ``\udc80`` … ``\udcff``, spelled out.

    Args:
        stream: where to; only ever written behind what is there.
        columns: names and order; ``score``, ``low`` and ``high`` are float64, all others are text; None is null.
    """

    def __init__(self, stream: BinaryIO, columns: Sequence[str]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._columns = list(columns)
        self._schema = pyarrow.schema(
            [(name, pyarrow.float64() if name in _NUMBERS else pyarrow.string()) for name in columns]
        )
        self._table = pyarrow.Table
        self._writer = pyarrow.parquet.ParquetWriter(stream, self._schema)
        self._rows: list[dict[str, Any]] = []

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take rows; they are written when there are enough for a group."""
        self._rows += [{name: _text(row.get(name)) for name in self._columns} for row in rows]
        if len(self._rows) >= _GROUP:
            self._flush()

    def end(self) -> None:
        """Write the last rows and the table's end."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, names as they are on disk.

    Raises:
        ValueError: it is no Parquet file. BeholderError: it can't be read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with disk_errors(path), pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_GROUP):
                for row in batch.to_pylist():
                    yield {name: _name(value) for name, value in row.items()}
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from error


def _text(value: Any) -> Any:
    if not isinstance(value, str) or value.isascii():
        return value
    return _NO_TEXT.sub(lambda match: f"\\u{ord(match[0]):04x}", value)


def _name(value: Any) -> Any:
    if not isinstance(value, str) or "\\ud" not in value:
        return value
    return _ESCAPED.sub(lambda match: chr(int(match[0][2:], 16)), value)
