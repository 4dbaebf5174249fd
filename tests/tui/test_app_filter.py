"""The filter of the Data screen understands words, states and comparisons, in both languages."""

from __future__ import annotations

import pytest

from engine.labels.scorebook import Entry
from tui.entry_filter import compile_filter
from tui.i18n import set_language

ENTRIES = [
    Entry("Cat 1.jpg", 80.0, True),
    Entry("cat[2].jpg", None, True),
    Entry("dog.jpg", 95.5, True),
    Entry("gone.jpg", 10.0, False),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["Cat 1.jpg", "cat[2].jpg", "dog.jpg", "gone.jpg"]),
        ("cat", ["Cat 1.jpg", "cat[2].jpg"]),
        ("[2]", ["cat[2].jpg"]),
        ("unscored", ["cat[2].jpg"]),
        ("missing", ["gone.jpg"]),
        ("score>80", ["dog.jpg"]),
        ("score >= 80 cat", ["Cat 1.jpg"]),
        ("score>5 score<81", ["Cat 1.jpg", "gone.jpg"]),
        ("SCORE=95.5", ["dog.jpg"]),
        ("nothing such", []),
    ],
)
def test_the_filter_keeps_what_was_asked_for(text: str, expected: list[str]) -> None:
    assert [entry.name for entry in ENTRIES if compile_filter(text)(entry)] == expected


def test_the_filter_understands_chinese() -> None:
    set_language("zh")
    assert [entry.name for entry in ENTRIES if compile_filter("分数>80")(entry)] == ["dog.jpg"]
    assert [entry.name for entry in ENTRIES if compile_filter("未评分")(entry)] == ["cat[2].jpg"]
