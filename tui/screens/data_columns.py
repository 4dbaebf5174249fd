"""The columns of the Data screen's table, and the texts that stand in them."""

from __future__ import annotations

import time

from engine.errors import display_name
from engine.labels.filtering import SOURCES
from engine.labels.scorebook import Entry
from engine.workspace import Scale, format_score
from tui.i18n import t
from tui.widgets.score_table import Column

MARK, FLAG = "✓", "⚑"


def columns(*, guessed: bool, longest: int = 0) -> list[Column]:
    """Return the columns; those that need more room come into sight only where there is some.

    Args:
        guessed: whether a model has guessed any score.
        longest: characters of the longest name, so that the scores don't stand far away from short ones.
    """
    guesses = (
        Column(t("data.column.guess"), 6, "right", from_width=42, key="guess"),
        Column(t("data.column.difference"), 6, "right", from_width=50, key="difference"),
    )
    return [
        Column("", 2),
        Column(t("data.column.name"), key="name", most=max(longest, 30)),
        Column(t("data.column.score"), 7, "right", key="score"),
        *(guesses if guessed else ()),
        Column(t("data.column.size"), 8, "right", from_width=76, key="size"),
        Column(t("data.column.date"), 16, from_width=96, key="date"),
        Column(t("data.column.source"), 9, from_width=108, key="source"),
    ]


def cells(entry: Entry, scale: Scale, *, marked: bool, guessed: bool) -> list[str]:
    """Return the texts of one row, one a column.

    Args:
        entry: the row.
        scale: of the scores.
        marked: whether it is one of those that were chosen to be changed together.
        guessed: as for `columns`.
    """
    guesses = [guess_text(entry.guess, scale), difference_text(entry.difference, scale)] if guessed else []
    return [
        (MARK if marked else " ") + (FLAG if entry.flagged else " "),
        shown_name(entry),
        format_score(entry.score) or "–",
        *guesses,
        size_text(entry.size),
        "" if entry.modified is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.modified)),
        source_text(entry.source),
    ]


def shown_name(entry: Entry) -> str:
    """Return an entry's name, safe to show, and whether its photo is missing."""
    name = display_name(entry.name)
    return name if entry.present else t("data.missing_photo", name=name)


def guess_text(guess: float | None, scale: Scale) -> str:
    """Return a model's guess, as exact as makes sense on its scale; a dash for none.

    >>> guess_text(71.64, Scale()), guess_text(3.4567, Scale(1, 5)), guess_text(None, Scale())
    ('72', '3.46', '–')
    """
    return "–" if guess is None else f"{guess:.{_digits(scale)}f}"


def difference_text(difference: float | None, scale: Scale) -> str:
    """Return how far a score lies above a guess, with its sign; nothing where one of them is missing.

    >>> difference_text(8.2, Scale()), difference_text(-0.26, Scale(1, 5)), difference_text(0.3, Scale())
    ('+8', '−0.26', '0')
    """
    if difference is None:
        return ""
    text = f"{difference:+.{_digits(scale)}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("+-")


def _digits(scale: Scale) -> int:
    return 0 if scale.span >= 50 else 1 if scale.span >= 9 else 2


def size_text(size: int | None) -> str:
    """Return a file size as people read it; nothing for None."""
    if size is None:
        return ""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def source_text(source: str) -> str:
    """Return where a score came from, in the present language."""
    return t(f"data.source.{source}") if source in SOURCES else display_name(source)
