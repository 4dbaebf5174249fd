"""The filter language: what each part keeps, in any writing, and that nothing typed makes it fail or goes empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.labels.filtering import compile_filter
from engine.labels.scorebook import Entry

NOW = datetime(2026, 5, 10, 1, 30, tzinfo=ZoneInfo("Asia/Shanghai"))  # 17:30 of the 9th in UTC
CHINESE = {
    **{"分数": "score", "差": "diff", "未评分": "unscored", "修改": "changed", "今天": "today", "昨天": "yesterday"},
    **{"来源": "source", "导入": "import", "天": "d", "非": "not"},
}


def entry(name: str, score: float | None = None, **details: object) -> Entry:
    return Entry(name, score, bool(details.pop("present", True)), **details)  # type: ignore[arg-type]


ENTRIES = [
    entry("Cat 1.jpg", 80.0, guess=60.0, size=3_000_000, source="import", changed="2026-05-09T16:00:00.000+00:00"),
    entry("cat[2].jpg", guess=50.0, size=900_000, flagged=True),
    entry("dog.jpg", 95.5, guess=96.0, size=2_500, source="set", changed="2026-05-09T15:59:59.999+00:00"),
    entry("gone.jpg", 10.0, present=False, source="set", changed="2026-05-01T00:00:00.000+00:00"),
    entry("Ünlü.jpg", 40.0, guess=70.0, size=0, source="rescale", changed="2026-05-08T15:59:00.000+00:00"),
]
ALL = [item.name for item in ENTRIES]


def kept(text: str, words: dict[str, str] | None = None) -> list[str]:
    return list(map(str, (item.name for item in filter(compile_filter(text, words, NOW), ENTRIES))))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ALL),
        ("  ", ALL),
        ("cat", ["Cat 1.jpg", "cat[2].jpg"]),
        ("CAT [2]", ["cat[2].jpg"]),
        ('"cat 1"', ["Cat 1.jpg"]),
        ("“cat 1”", ["Cat 1.jpg"]),
        ('"1 cat"', []),
        ("ünlü", ["Ünlü.jpg"]),
        ("u\u0308nlu\u0308", ["Ünlü.jpg"]),
        ("unscored", ["cat[2].jpg"]),
        ("scored cat", ["Cat 1.jpg"]),
        ("missing", ["gone.jpg"]),
        ("flagged", ["cat[2].jpg"]),
        ('"flagged"', []),
        ("score>80", ["dog.jpg"]),
        ("score >= 80 cat", ["Cat 1.jpg"]),
        ("score≥80", ["Cat 1.jpg", "dog.jpg"]),
        ("score>5 score<81", ["Cat 1.jpg", "gone.jpg", "Ünlü.jpg"]),
        ("SCORE=95,5", ["dog.jpg"]),
        ("score:80", ["Cat 1.jpg"]),
        ("score<-5", []),
        ("guess<60", ["cat[2].jpg"]),
        ("diff>15", ["Cat 1.jpg"]),
        ("diff<-15", ["Ünlü.jpg"]),
        ("|diff|>15", ["Cat 1.jpg", "Ünlü.jpg"]),
        ("| diff | <= 0.5", ["dog.jpg"]),
        ("size>2MB", ["Cat 1.jpg"]),
        ("size > 2.5kB size<1M", ["cat[2].jpg"]),
        ("size<3", ["Ünlü.jpg"]),
        ("-cat", ["dog.jpg", "gone.jpg", "Ünlü.jpg"]),
        ("not cat -missing", ["dog.jpg", "Ünlü.jpg"]),
        ("not not cat", ["Cat 1.jpg", "cat[2].jpg"]),
        ("-score>50", ["cat[2].jpg", "gone.jpg", "Ünlü.jpg"]),
        ('-"cat 1" cat', ["cat[2].jpg"]),
        ("source:set", ["dog.jpg", "gone.jpg"]),
        ("source:imp", ["Cat 1.jpg"]),
        ("changed today", ["Cat 1.jpg"]),
        ("changed yesterday", ["dog.jpg"]),
        ("-changed:today scored", ["dog.jpg", "gone.jpg", "Ünlü.jpg"]),
        ("changed <7d", ["Cat 1.jpg", "dog.jpg", "Ünlü.jpg"]),
        ("changed>1w", ["gone.jpg"]),
        ("changed<2h", ["Cat 1.jpg", "dog.jpg"]),
        ("changed<90min", ["Cat 1.jpg"]),
        ("nothing such", []),
        ("a>b", []),
        ("jpg -", ALL),
    ],
)
def test_the_filter_keeps_what_was_asked_for(text: str, names: list[str]) -> None:
    assert kept(text) == names


@pytest.mark.parametrize(
    "text",
    [
        *("score>", "score> ", "score>=", "score>-", "|diff|>", "diff<", "size>", "size>2x", "score>8e", "source:"),
        *(
            "changed",
            "changed ",
            "changed t",
            "changed yest",
            "changed:",
            "changed<",
            "changed<7x",
            "-",
            "not",
            "not -",
        ),
        *('"', "-score>", 'not "'),
    ],
)
def test_a_part_that_is_still_being_typed_keeps_everything(text: str) -> None:
    assert kept(text) == ALL


def test_changed_is_a_word_like_any_other_where_no_day_follows() -> None:
    changed = entry("changed.jpg")
    assert compile_filter("changed jpg")(changed)
    assert not compile_filter("changed jpg")(entry("other.jpg"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("分数>80", ["dog.jpg"]),
        ("分数＞８０", ["dog.jpg"]),
        ("｜差｜＞15", ["Cat 1.jpg", "Ünlü.jpg"]),
        ("未评分", ["cat[2].jpg"]),
        ("非 未评分　cat", ["Cat 1.jpg"]),
        ("修改 今天", ["Cat 1.jpg"]),
        ("修改 今", ALL),
        ("修改<7天", ["Cat 1.jpg", "dog.jpg", "Ünlü.jpg"]),
        ("来源：导入", ["Cat 1.jpg"]),
        ("score>80", ["dog.jpg"]),
    ],
)
def test_words_of_another_language_mean_the_same(text: str, names: list[str]) -> None:
    assert kept(text, CHINESE) == names


def test_full_width_signs_in_a_name_are_found_as_they_are() -> None:
    assert compile_filter("（1）")(entry("照片（1）.jpg"))


def test_today_is_the_local_day_without_a_zone() -> None:
    noon = datetime(2026, 5, 10, 12, 0)
    keep = compile_filter("changed today", now=noon)

    def changed(moment: datetime) -> bool:
        return keep(entry("a.jpg", 1.0, changed=moment.astimezone(UTC).isoformat(timespec="milliseconds")))

    assert changed(datetime(2026, 5, 10))
    assert not changed(datetime(2026, 5, 10) - timedelta(milliseconds=1))


def test_yesterday_before_the_clocks_change_is_a_whole_day() -> None:
    night = datetime(2026, 3, 30, 8, tzinfo=ZoneInfo("Europe/Berlin"))  # the 29th had 23 hours
    keep = compile_filter("changed yesterday", now=night)
    times = ["2026-03-28T22:59:59.999+00:00", "2026-03-28T23:00:00.000+00:00", "2026-03-29T21:59:59.999+00:00"]
    assert [keep(entry("a.jpg", 1.0, changed=time)) for time in times] == [False, True, True]


@given(text=st.text(st.sampled_from('score>d|if<=-"7MBh: changetoy未\u3000＞é\ud800'), max_size=30) | st.text())
def test_no_text_makes_the_filter_fail(text: str) -> None:
    keep = compile_filter(text, CHINESE, NOW)
    assert all(keep(item) in (True, False) for item in ENTRIES)


@given(name=st.text(min_size=1).filter(lambda name: '"' not in name and "“" not in name and "”" not in name))
def test_any_name_is_found_by_itself_in_quotes(name: str) -> None:
    assert compile_filter(f'"{name}"')(entry(name))
