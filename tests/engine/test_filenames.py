"""Scores in file names: the contract's examples, and anything a name may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.labels.filenames import compile_pattern, parse_score
from engine.workspace import Scale

HUNDRED = Scale()


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("85.jpg", 85),
        ("8.5.jpg", 8.5),
        ("8.5", 8.5),
        ("85_1.jpg", 85),
        ("85 (2).jpg", 85),
        ("85(2).jpg", 85),
        ("85-3.png", 85),
        ("85.5_2.jpg", 85.5),
        ("85_1 (2).JPEG", 85),
        ("85_1_2.jpg", None),
        ("８５.jpg", 85),
        ("８．５.jpg", 8.5),
        ("85（２）.jpg", 85),
        ("85　(2).jpg", 85),
        ("0.jpg", 0),
        ("100.jpg", 100),
        ("folder 9/85.jpg", 85),
        ("C:\\photos\\85.jpg", 85),
        ("85.5.5.jpg", None),
        ("85,5.jpg", None),
        ("85 points.jpg", None),
        ("1e2.jpg", None),
        ("nan.jpg", None),
        ("½.jpg", None),
        ("8⁵.jpg", None),
        ("٨٥.jpg", None),
        ("", None),
        (".jpg", None),
        ("IMG_2041.jpg", None),
        ("DSC0085.jpg", None),
        ("P1010085.jpg", None),
        ("20240101.jpg", None),
        ("2024-01-01.jpg", None),
        ("2024-01.jpg", None),
        ("2024_01_01 12.00.00.jpg", None),
        ("20240101_120000.jpg", None),
        ("-5.jpg", None),
        ("100.01.jpg", None),
        ("x[/b]85.jpg", None),
        ("85\x1b.jpg", None),
    ],
)
def test_names_on_the_default_scale(name: str, score: float | None) -> None:
    assert parse_score(name, HUNDRED).score == score


def test_negative_numbers_count_where_the_scale_has_them() -> None:
    assert parse_score("-5_2.jpg", Scale(-10, 10)).score == -5
    assert parse_score("−5.jpg", Scale(-10, 10)).score == -5
    assert "outside the scale 0-100" in str(parse_score("-5.jpg", HUNDRED).reason)


def test_dates_are_no_scores_even_on_a_huge_scale() -> None:
    huge = Scale(0, 1e9)
    assert parse_score("20240101.jpg", huge).score is None
    assert "date" in str(parse_score("20240101.jpg", huge).reason)
    assert parse_score("2024.jpg", huge).score == 2024


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("85.jpg", "from the name"),
        ("85_2.jpg", "from the name, before a counter"),
        ("IMG_1.jpg", "not a score: IMG_1.jpg"),
        ("a\tb.jpg", r"not a score: a\tb.jpg"),
        ("101.jpg", "101 is outside the scale 0-100"),
        ("9" * 40 + ".jpg", "999999999999… is outside the scale 0-100"),
    ],
)
def test_each_name_has_a_reason(name: str, reason: str) -> None:
    assert str(parse_score(name, HUNDRED).reason) == reason


def test_a_pattern_replaces_the_rules() -> None:
    pattern = compile_pattern(r"_s(?P<score>[0-9.]+)")
    assert parse_score("IMG_1_s42.5.jpg", HUNDRED, pattern).score == 42.5
    assert parse_score("85.jpg", HUNDRED, pattern).score is None
    assert "does not match" in str(parse_score("85.jpg", HUNDRED, pattern).reason)
    assert "outside the scale" in str(parse_score("a_s101.jpg", HUNDRED, pattern).reason)
    assert parse_score("a-7.jpg", HUNDRED, compile_pattern(r"-(?P<score>\d+)\.jpg$")).score == 7
    words = compile_pattern("(?P<score>[a-z]*)")
    assert "no number" in str(parse_score("abc.jpg", HUNDRED, words).reason)
    assert parse_score("12.jpg", HUNDRED, compile_pattern("(?P<score>x)?")).score is None


@pytest.mark.parametrize("text", ["[", "(?P<score>", "a{99999999999999999999}", "(?P<other>x)", r"\d+"])
def test_a_senseless_pattern_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_pattern(text)
    assert caught.value.remedy.template


scales = st.sampled_from([HUNDRED, Scale(1, 7), Scale(-10, 10), Scale(0, 1), Scale(0, 1e9)])
numberish = st.text("0123456789.-_() eE８．（", max_size=14)


@given(st.one_of(st.text(), numberish, numberish.map(lambda stem: f"{stem}.jpg")), scales)
def test_any_name_gives_a_score_on_the_scale_or_none(name: str, scale: Scale) -> None:
    parsed = parse_score(name, scale)
    assert parsed.score is None or parsed.score in scale
    assert str(parsed.reason)
    by_pattern = parse_score(name, scale, compile_pattern("(?P<score>.*)"))
    assert by_pattern.score is None or by_pattern.score in scale


@given(st.integers(0, 1000).map(lambda tenths: tenths / 10), st.sampled_from(["", "_2", " (3)", "-4"]))
def test_every_score_with_every_counter_is_read_back(score: float, counter: str) -> None:
    assert parse_score(f"{score:g}{counter}.jpg", HUNDRED).score == score
