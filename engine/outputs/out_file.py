"""The file that a batch of predictions ends up in: checked first, resumed, untouched until the new one is whole."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from engine.errors import BeholderError, Interrupted, NeedMissing, NotFound, UsageError
from engine.images import is_picture_name
from engine.outputs.journal import Journal, encode_rows, final_rows, journal_rows
from engine.outputs.kept_rows import KeptRows
from engine.outputs.table_reading import Row, read_marks, read_predictions
from engine.outputs.tables import CsvRows, Format, JsonLines, RowWriter, rows_to
from engine.prediction.known_paths import KnownPaths
from engine.prediction.predicted import COLUMNS
from engine.storage import disk_error, disk_errors, replacing

_AT_ONCE = 1000


def journal_path(out: Path) -> Path:
    """Return where the rows of a file lie until it is whole.

    >>> journal_path(Path("scores.csv")).name
    'scores.csv.part.jsonl'
    """
    return out.with_name(f"{out.name}.part.jsonl")


def check_place(out: Path, inputs: Sequence[Path] = ()) -> None:
    """Refuse a place for a file that makes no sense or can't be written.

    Raises:
        UsageError: it is a folder, a picture, or one of the inputs. NotFound: its folder is missing.
        NeedMissing: there is no permission to write there.
    """
    if out.is_dir():
        raise UsageError("{path} is a folder.", remedy="Name a file in it.", path=out)
    if not out.parent.is_dir():
        raise NotFound("There is no folder {path}.", remedy="Make it, or name another one.", path=out.parent)
    if out.exists():
        if out.is_file() and is_picture_name(out.name):
            raise UsageError("{path} is a picture; it is not replaced.", remedy="Name another file.", path=out)
        if any(path.exists() and path.samefile(out) for path in inputs):
            raise UsageError("{path} is to be read, not written.", remedy="Name another file.", path=out)
        if not os.access(out, os.W_OK):
            raise disk_error(PermissionError(13, "", os.fspath(out)), out)


class OutFile:
    """One file of predictions; a context manager around the work. Without `begin` it writes nothing.

    Args:
        out: the file; what a link leads to, where it is one. format: how it is written.
        model_id: the model that scores.
        resume: keep the rows of an interrupted run, else those of the file.
        sort: ``score`` or ``name``. top: only the so many best.
        inputs: what will be read.

    Attributes:
        done: the photos whose rows are kept; None where all begins anew.
        kept: how many rows were there already.
        dropped: how many rows an interrupted run had left that are not used.

    Raises:
        UsageError, NotFound, NeedMissing: see `check_place`; or the rows there are another model's.
        DamagedFile: the file is no table of predictions. BeholderError: another process writes to it.
    """

    def __init__(
        self,
        out: Path,
        format: Format,
        model_id: str,
        *,
        resume: bool = False,
        sort: str | None = None,
        top: int | None = None,
        inputs: Sequence[Path] = (),
    ) -> None:
        check_place(out, inputs)
        self.out, self.format, self._model_id, self._sort, self._top = out.resolve(), format, model_id, sort, top
        self._kept_rows = KeptRows()
        path = journal_path(self.out)
        self.dropped = 0
        if not resume and path.exists():
            self.dropped = sum(1 for _ in journal_rows(path))
        self._journal = Journal(path, fresh=not resume)
        self.done: KnownPaths | None = None
        self._old: Path | None = None
        try:
            if resume:
                self._look_for_rows(self.out)
                self.done = self._kept_rows.done
        except BaseException:
            self._leave()
            raise
        self.kept = 0 if self.done is None else len(self.done)

    def _look_for_rows(self, out: Path) -> None:
        """Find the rows that there are, in the journal or else in the file."""
        if self._journal.count:
            for row in journal_rows(self._journal.path):
                self._check_model(row["model_id"], self._journal.path)
                self._kept_rows.add(row, row.get("until", 0))
        elif out.is_file():
            self._old = out
            with disk_errors(out):
                until = out.stat().st_mtime_ns
            for mark in read_marks(out, self.format):
                self._check_model(mark.model_id, out)
                self._kept_rows.note(mark.path, mark.error, until)

    def _check_model(self, model_id: str, path: Path) -> None:
        if model_id != self._model_id:
            raise UsageError(
                "The rows in {path} are from the model {old}, not from {new}.",
                remedy="Name that model with --model, write to another file, or leave --resume away to begin anew.",
                path=path,
                old=model_id,
                new=self._model_id,
            )

    @property
    def is_untouched(self) -> bool:
        """Whether there is nothing to write: the file is there, and no row has come."""
        return self._old is not None

    @property
    def count(self) -> int:
        """How many rows there are now."""
        return self._journal.count or self.kept

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows; they are safe from a kill when this returns. An error that stands there already is left out.

        Raises:
            NeedMissing: the disk is full; the message says what is kept where.
        """
        marked = self._kept_rows.marked(rows)
        try:
            if self._old is not None and marked:
                self._adopt(self._old)
            self._journal.append(marked)
        except BeholderError as error:
            raise self._kept(error) from error

    def _adopt(self, old: Path) -> None:
        """Make the journal begin with the rows of the file."""
        until, seen = old.stat().st_mtime_ns, KnownPaths()
        path = self._journal.path
        with replacing(path) as stream:
            for row in read_predictions(old, self.format):
                date = {"until": until} if row["error"] is None else {}
                stream.write(encode_rows([{**row, **date, **({"again": True} if seen.add(row["path"]) else {})}]))
        self._journal.close()
        self._journal = Journal(path)
        self._old = None

    def finish(self) -> None:
        """Write the file from all rows; the journal is gone then.

        Raises:
            NeedMissing: the disk is full. BeholderError: the file can't be written. The old one is untouched.
        """
        if self.is_untouched:
            return
        try:
            self._sweep()
            write_final(
                self._journal.path, self.out, self.format, self._kept_rows.until, sort=self._sort, top=self._top
            )
            self._journal.discard()
            self._journal.count = 0
        except BeholderError as error:
            raise self._kept(error) from error

    def _sweep(self) -> None:
        """Remove what a run left that was killed here; that it is gone, the journal's lock says."""
        name = glob.escape(self.out.name[:40])  # as `engine.storage.replacing` names it
        with disk_errors(self.out):
            for part in self.out.parent.glob(f".{name}.{'[0-9a-f]' * 8}.part"):
                part.unlink(missing_ok=True)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows behind those of the finished file, CSV or JSON Lines; they are safe from a kill afterwards.

        Raises:
            NeedMissing: the disk is full; the file is as before. BeholderError: it can't be written.
        """
        text = io.StringIO()
        writer: RowWriter = JsonLines(text, COLUMNS)
        if self.format == "csv":
            writer = CsvRows(text, COLUMNS, heading=False)
        writer.write(rows)
        rest = text.getvalue().encode("utf-8", "surrogateescape")
        with disk_errors(self.out):
            handle = os.open(self.out, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                end = os.fstat(handle).st_size
                try:
                    while rest:
                        rest = rest[os.write(handle, rest) :]
                except OSError:
                    os.ftruncate(handle, end)
                    raise
            finally:
                os.close(handle)

    def rows(self) -> Iterator[Row]:
        """Yield the rows as they stand, each photo's once: all before `finish`, those of the file behind it."""
        return final_rows(self._journal.path) if self._journal.count else read_predictions(self.out, self.format)

    def interrupted(self, error: Interrupted) -> BeholderError:
        """Return the error that also says what is kept; without any rows the error itself."""
        return self._kept(error)

    def _kept(self, error: BeholderError) -> BeholderError:
        if not self._journal.count:
            return error
        remedy = "The same command with --resume goes on from there."
        values: dict[str, Any] = {"n": self._journal.count, "journal": self._journal.path}
        if isinstance(error, Interrupted):
            return Interrupted("Stopped; {n} rows are kept in {journal}.", remedy=remedy, **values)
        values["path"] = error.message.values.get("path", self.out)
        if isinstance(error, NeedMissing):
            return NeedMissing("No room for {path}; {n} rows are kept in {journal}.", remedy=remedy, **values)
        return BeholderError(
            "{path} can't be written ({cause}); {n} rows are kept in {journal}.",
            remedy=remedy,
            cause=str(error.message),
            **values,
        )

    def __enter__(self) -> OutFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._journal.count:
            self._journal.close()
        else:
            self._journal.discard()


def write_final(
    journal: Path, out: Path, format: Format, until: int, *, sort: str | None = None, top: int | None = None
) -> None:
    """Write a journal's rows, as they stand at last, to a file; it appears, or changes, when it is whole.

    Args:
        journal: the rows. out: the file. format: how it is written.
        until: the time that the file gets, ns since 1970: a photo that was changed since is looked at again by a run
            that resumes.
        sort: ``score`` or ``name``. top: only the so many best.

    Raises:
        NeedMissing: the disk is full. BeholderError: the file can't be written.
    """
    with rows_to(out, COLUMNS, format) as writer:
        rows = final_rows(journal, sort=sort, top=top)
        while batch := list(islice(rows, _AT_ONCE)):
            writer.write(batch)
    with disk_errors(out):
        os.utime(out, ns=(until, until))
