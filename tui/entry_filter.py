"""The filter of the Data screen: words of the name, ``unscored``, ``scored``, ``missing`` and ``score>80``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

from engine.labels.scorebook import Entry
from tui.i18n import t

Test = Callable[[Entry], bool]

_COMPARE = re.compile(r"(?:score|分数)\s*(<=|>=|<|>|=)\s*(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


def compile_filter(text: str) -> Test:
    """Return the test that a filter text means; an entry passes when all its parts hold.

    Args:
        text: parts separated by spaces; what is no known part must occur in the name, whatever its case.

    >>> keep = compile_filter("score>=80 cat")
    >>> keep(Entry("Cat 1.jpg", 80.0, True)), keep(Entry("dog.jpg", 90.0, True))
    (True, False)
    """
    tests: list[Test] = []

    def compare(match: re.Match[str]) -> str:
        sign, bound = _SIGNS[match[1]], float(match[2])
        tests.append(lambda entry: entry.score is not None and sign(entry.score, bound))
        return " "

    for word in _COMPARE.sub(compare, text).casefold().split():
        if word in {"unscored", t("app.state.unscored").casefold()}:
            tests.append(lambda entry: entry.score is None)
        elif word in {"scored", t("app.state.scored").casefold()}:
            tests.append(lambda entry: entry.score is not None)
        elif word in {"missing", t("app.state.missing").casefold()}:
            tests.append(lambda entry: not entry.present)
        else:
            tests.append(lambda entry, word=word: word in entry.name.casefold())  # type: ignore[misc]
    return lambda entry: all(test(entry) for test in tests)
