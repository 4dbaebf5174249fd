"""The filter of predicted photos: that of the Data room, and the words ``far`` and ``error``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.labels.entries import Entry
from tui.filter_words import photo_filter, unfinished
from tui.i18n import t

if TYPE_CHECKING:
    from tui.prediction.rows import PredictedRow

Test = Callable[["PredictedRow"], bool]

_PARTS = re.compile(r'"[^"]*"?|\S+')
_TESTS: dict[str, Test] = {"far": lambda row: row.far, "error": lambda row: row.score is None}


def row_filter(text: str) -> Test | None:
    """Return the test that a filter text means; None where it lets everything pass.

    Parts stand side by side and must all hold, ``-`` before one turns it round: ``score>80 -far beach``. ``far`` are
    the photos unlike everything that the model has learned from, ``error`` those without a score; the other parts are
    those of `engine.labels.filtering` that make sense for a predicted photo.
    """
    rest, tests = _split(text)
    if rest:
        keep = photo_filter(rest)
        tests.append(lambda row: keep(Entry(row.name, row.score, True)))
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)


def unfinished_parts(text: str) -> list[str]:
    """Return the parts of a filter text that count for nothing, as they were typed."""
    return unfinished(_split(text)[0])


def _split(text: str) -> tuple[str, list[Test]]:
    """Return what the other filter reads, and the tests of our own words."""
    words = {word: own for own in _TESTS for word in (own, *t(f"predict_room.filter.{own}").casefold().split())}
    rest: list[str] = []
    tests: list[Test] = []
    for part in _PARTS.findall(text):
        own = words.get(part.removeprefix("-").casefold())
        if own is None:
            rest.append(part)
        else:
            tests.append(_opposite(_TESTS[own]) if part.startswith("-") else _TESTS[own])
    return " ".join(rest), tests


def _opposite(test: Test) -> Test:
    return lambda row: not test(row)
