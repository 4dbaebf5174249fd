"""The filter of the Data screen understands the words of both languages."""

from __future__ import annotations

import pytest

from engine.labels.filtering import WORDS
from engine.labels.scorebook import Entry
from tui.filter_words import filter_words, photo_filter
from tui.i18n import set_language

ENTRIES = [
    Entry("Cat 1.jpg", 80.0, True, guess=90.0),
    Entry("猫[2].jpg", None, True, flagged=True),
    Entry("dog.jpg", 95.5, True, size=3_000_000, source="import"),
    Entry("gone.jpg", 10.0, False),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("分数>80", ["dog.jpg"]),
        ("评分 ＞ 80", ["dog.jpg"]),
        ("未评分", ["猫[2].jpg"]),
        ("-未评分 -缺失", ["Cat 1.jpg", "dog.jpg"]),
        ("旗标", ["猫[2].jpg"]),
        ("大小>2MB 来源:导入", ["dog.jpg"]),
        ("|差值|>5", ["Cat 1.jpg"]),
        ("不是 已评分", ["猫[2].jpg"]),
        ("score>80", ["dog.jpg"]),
        ("猫", ["猫[2].jpg"]),
    ],
)
def test_chinese_words_mean_what_the_english_do(text: str, expected: list[str]) -> None:
    set_language("zh")
    keep = photo_filter(text)
    assert [entry.name for entry in ENTRIES if keep(entry)] == expected


def test_every_word_of_the_filter_has_a_chinese_one() -> None:
    set_language("zh")
    assert set(filter_words().values()) == set(WORDS)
