"""Where the rows of ``beholder predict`` go: out at once, collected until they are sorted, or safely into a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import BeholderError, Interrupted, UsageError, display_name
from tui.i18n import t
from tui.session import Session

if TYPE_CHECKING:
    from engine.outputs.batch import Tally
    from engine.outputs.journal import Journal
    from engine.outputs.out_file import OutFile
    from engine.outputs.tables import Format, RowWriter
    from engine.prediction.known_paths import KnownPaths
    from tui.commands.predict_wish import Wish

Row = dict[str, Any]
COLUMNS = ("path", "score", "low", "high", "model_id", "error")


class Destination(Protocol):
    """What takes the rows.

    Attributes:
        on_screen: rows may appear on the terminal with each `write`.
        done: the photos that have rows already; None where nothing is resumed.
    """

    on_screen: bool

    @property
    def done(self) -> KnownPaths | None: ...

    def write(self, rows: Sequence[Row]) -> None:
        """Take further rows."""
        ...

    def finish(self, tally: Tally) -> str:
        """Bring everything to where it belongs; return what there is to say."""
        ...

    def interrupted(self, error: Interrupted) -> BeholderError:
        """Keep what is done when the person stops the work; return what to tell."""
        ...

    def rows(self) -> Iterator[Row]:
        """Yield all rows again, where they are kept."""
        ...


@contextmanager
def open_destination(session: Session, wish: Wish) -> Iterator[Destination]:
    """Open what the wish asks for; wrong places are refused here, before the work."""
    from engine.outputs.journal import Journal
    from engine.outputs.out_file import OutFile
    from engine.outputs.tables import rows_to

    form, out = wish.form, wish.out
    if out is not None and (not out.exists() or out.is_file() or out.is_dir()):
        assert form is not None
        assert form != "table"
        inputs = [path for path in wish.places if not path.is_dir()]
        with OutFile(
            out, form, wish.info.model_id, resume=wish.resume, sort=wish.sort, top=wish.top, inputs=inputs
        ) as file:
            if file.dropped:
                session.console.note(t("predicting.dropped", n=file.dropped))
            yield InFile(file, form)
        return
    if wish.resume:
        raise UsageError("There are no rows to go on with in a device or a pipe.", remedy="Leave --resume away.")
    if form == "table" or wish.sort or wish.top or wish.html:
        with TemporaryDirectory(prefix="beholder-") as folder:
            yield Collected(session, wish, Journal(Path(folder) / "rows.jsonl", fresh=True))
        return
    assert form is not None
    with rows_to(out, COLUMNS, form) as writer:
        yield AtOnce(writer, shown=out is None and sys.stdout.isatty())


class AtOnce:
    """Rows that go out as they come."""

    done = None

    def __init__(self, writer: RowWriter, *, shown: bool) -> None:
        self._writer, self.on_screen = writer, shown

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows; on a terminal a name may not bring its own control characters along."""
        self._writer.write([{**row, "path": display_name(row["path"])} for row in rows] if self.on_screen else rows)

    def finish(self, tally: Tally) -> str:
        """Do nothing more."""
        return ""

    def interrupted(self, error: Interrupted) -> BeholderError:
        """Return the error: what is done is out."""
        return error

    def rows(self) -> Iterator[Row]:
        """Yield nothing: the rows are gone."""
        return iter(())


class Collected:
    """Rows that wait in a temporary file until all are there, because they are to be sorted or aligned."""

    done = None
    on_screen = False

    def __init__(self, session: Session, wish: Wish, journal: Journal) -> None:
        self._session, self._wish, self._journal = session, wish, journal

    def write(self, rows: Sequence[Row]) -> None:
        """Put rows aside."""
        self._journal.append(rows)

    def finish(self, tally: Tally) -> str:
        """Show or write all rows in their order."""
        from engine.outputs.tables import write_rows

        form = self._wish.form
        if form == "table":
            self._print_table()
            return ""
        assert form is not None
        shown = self._wish.out is None and form == "csv" and sys.stdout.isatty()
        rows = self._ordered()
        if shown:
            rows = ({**row, "path": display_name(row["path"])} for row in rows)
        write_rows(rows, COLUMNS, self._wish.out, form)
        return ""

    def interrupted(self, error: Interrupted) -> BeholderError:
        """Show or write those rows that are done."""
        from engine.outputs.batch import Tally

        if self._journal.count:
            self.finish(Tally())
        return error

    def rows(self) -> Iterator[Row]:
        """Yield all rows in the order in which they came."""
        from engine.outputs.journal import final_rows

        return final_rows(self._journal.path)

    def _ordered(self) -> Iterator[Row]:
        from engine.outputs.journal import final_rows

        return final_rows(self._journal.path, sort=self._wish.sort, top=self._wish.top)

    def _print_table(self) -> None:
        decimals = 1 if self._wish.scale.span > 20 else 2
        cells = [
            [
                row["path"],
                *(_number(row[key], decimals) for key in ("score", "low", "high")),
                row["error"] or (t("predicting.far_mark") if row.get("far") else ""),
            ]
            for row in self._ordered()
        ]
        if cells:
            headings = [t("cli.table.photo"), t("cli.table.score"), t("cli.table.low"), t("cli.table.high"), ""]
            self._session.console.table(headings, cells, right=[1, 2, 3])


class InFile:
    """Rows that end up in a file, safe from the moment they are written."""

    on_screen = False

    def __init__(self, file: OutFile, form: Format) -> None:
        self._file, self._form = file, form
        self.done = file.done
        self._finished = False

    def write(self, rows: Sequence[Row]) -> None:
        """Keep rows: in the journal, or behind the finished file where it watches."""
        if self._finished:
            self._file.add(rows)
        else:
            self._file.append(rows)

    def finish(self, tally: Tally) -> str:
        """Replace the file by the new one, if there is anything new."""
        if self._finished:
            return ""
        self._finished = True
        path = display_name(self._file.out)
        if self._file.is_untouched:
            return t("predicting.nothing_new", path=path, n=self._file.kept)
        self._file.finish()
        if self._file.kept:
            return t("predicting.continued", path=path, kept=self._file.kept, n=tally.photos)
        return t("predicting.written", path=path)

    def interrupted(self, error: Interrupted) -> BeholderError:
        """Return the error that says what is kept where."""
        return error if self._finished else self._file.interrupted(error)

    def rows(self) -> Iterator[Row]:
        """Yield all rows."""
        return self._file.rows()


def _number(value: float | None, decimals: int) -> str | None:
    return None if value is None else f"{value:.{decimals}f}"
