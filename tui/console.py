"""What the command line prints: results to stdout; notes, failures and errors to stderr; aligned tables."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any, TextIO

from engine.errors import BeholderError, display_name
from tui.cell_width import cut, pad, width, wrap
from tui.i18n import say, t

_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"
_NARROWEST = 12


@dataclass(frozen=True)
class Console:
    """The two streams of one command.

    Args:
        quiet: print neither notes nor progress; results and errors stay.
        color: whether headings may be bold on a terminal.
    """

    quiet: bool = False
    color: bool = True

    @property
    def out(self) -> TextIO:
        """Where results go."""
        return sys.stdout

    @property
    def err(self) -> TextIO:
        """Where notes, progress and errors go."""
        return sys.stderr

    def line(self, text: str = "") -> None:
        """Print one line of the result."""
        print(text, file=self.out)

    def paragraph(self, text: str) -> None:
        """Print a long sentence, wrapped where stdout is a terminal."""
        if not self.out.isatty():
            self.line(text)
            return
        for line in wrap(text, max(min(get_terminal_size().columns, 100) - 1, 40)):
            self.line(line)

    def json(self, value: Any) -> None:
        """Print the result as one JSON document."""
        from engine.outputs.tables import json_text

        print(json_text(value, indent=2), file=self.out)

    def note(self, text: str) -> None:
        """Print one line for the person, unless they asked for quiet."""
        if not self.quiet:
            self._aside(text)

    def note_from_signal(self, text: str) -> None:
        """Print a note from a signal handler, where Python's own streams may be in the middle of a write."""
        if not self.quiet:
            with contextlib.suppress(OSError, ValueError):
                os.write(self.err.fileno(), f"{text}\n".encode(errors="backslashreplace"))

    def failure(self, item: str | os.PathLike[str], reason: str) -> None:
        """Name one item that failed, with the reason."""
        self._aside(f"{display_name(item)}: {reason}")

    def _aside(self, text: str) -> None:
        # results come first, also where stdout is a file or pipe that collects; a closed pipe shows itself here
        self.out.flush()
        print(text, file=self.err, flush=True)

    def error(self, error: BeholderError) -> None:
        """Print what was wrong and, on the next line, what to do about it."""
        print(t("cli.error", text=say(error.message)), file=self.err)
        if error.remedy.template:
            print(say(error.remedy), file=self.err)
        self.err.flush()

    def bold(self, text: str) -> str:
        """Return the text in bold where stdout is a terminal that may show it."""
        return f"{_BOLD}{text}{_PLAIN}" if self.color and self.out.isatty() else text

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> None:
        """Print rows under headings, aligned by what a terminal shows.

        Args:
            headings: one a column.
            rows: cells; None is shown as ``–``. Names must have gone through `display_name` where they are
                meant for the eye; the table does it again, so that no cell reaches the terminal raw.
            right: columns that are aligned to the right: numbers.
        """
        numeric = frozenset(right)
        cells = [["–" if cell is None else display_name(str(cell)) for cell in row] for row in rows]
        widths = [
            max([width(heading), *(width(row[column]) for row in cells)]) for column, heading in enumerate(headings)
        ]
        self._squeeze(widths, numeric)
        for number, row in enumerate([list(headings), *cells]):
            text = "  ".join(
                pad(cut(cell, widths[column]), widths[column], right=column in numeric)
                for column, cell in enumerate(row)
            ).rstrip()
            self.line(text if number else self.bold(text))

    def _squeeze(self, widths: list[int], numeric: frozenset[int]) -> None:
        """Narrow the widest text columns until the table fits the terminal; files get everything."""
        if not self.out.isatty():
            return
        over = sum(widths) + 2 * (len(widths) - 1) - max(get_terminal_size().columns, 40)
        texts = [column for column in range(len(widths)) if column not in numeric]
        while over > 0 and texts:
            *_, second, widest = [0, *sorted(widths[column] for column in texts)]
            narrow = max(widest - over, min(second, widest - 1), _NARROWEST)
            if narrow >= widest:
                return
            widths[max(texts, key=lambda column: widths[column])] = narrow
            over -= widest - narrow


def prepare_streams() -> None:
    """Let names that are not valid text reach stdout as they are, and never fail on a poor terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            exact = (stream.encoding or "").lower().replace("-", "") == "utf8" and stream is sys.stdout
            reconfigure(errors="surrogateescape" if exact else "backslashreplace")


def silence_stdout() -> None:
    """Let everything that is still to be written to stdout vanish."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)
