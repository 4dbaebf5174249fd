"""Flags, quick styles, orders, bulk changes and second ratings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from engine.errors import NotFound, UsageError
from engine.labels.bulk import rescaled, shifted
from engine.labels.flags import damaged_flags, flags_file, read_flags, set_flag, set_flags
from engine.labels.order import ORDERS, queue
from engine.labels.quick import STYLES, is_complete, quick_scores, star_score
from engine.labels.rerates import (
    Rerate,
    add_rerate,
    consistency,
    damaged_rerates,
    read_rerates,
    rerates_file,
)
from engine.labels.scorebook import Entry, ScoreBook
from engine.workspace import Scale, Workspace

NAMES = [
    "a[red]b.jpg",
    "x[",
    "b]y.jpg",
    "a\x1b[31m.jpg",
    "\u202egpj.jpg",
    "#1.jpg",
    "a\tb\nc.jpg",
    "\udcff.jpg",
    "n" * 255,
]
hostile = st.sampled_from(NAMES) | st.text(min_size=1).filter(str.strip)
scales = st.sampled_from([Scale(), Scale(1, 5), Scale(1, 7), Scale(0, 9), Scale(1, 10), Scale(0, 1), Scale(-5, 5)])


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.create()
    return workspace


# Flags


def test_flags_stay_whatever_the_names(place: Workspace) -> None:
    for name in NAMES:
        set_flag(place, name, True)
    assert read_flags(place) == set(NAMES)
    for name in NAMES[::2]:
        set_flag(place, name, False)
    assert read_flags(place) == set(NAMES[1::2])


def test_setting_a_flag_again_changes_nothing(place: Workspace) -> None:
    assert set_flags(place, ["a.jpg", "b.jpg", "a.jpg"], True) == ["a.jpg", "b.jpg"]
    before = flags_file(place).stat()
    assert set_flags(place, ["a.jpg"], True) == []
    assert set_flags(place, ["c.jpg"], False) == []
    assert flags_file(place).stat().st_ino == before.st_ino


def test_lines_that_cannot_be_read_are_told_and_stay(place: Workspace) -> None:
    flags_file(place).write_bytes(b"# mine\r\na.jpg\r\n\xff\nb\\q.jpg\n\nc.jpg")
    assert read_flags(place) == {"a.jpg", "c.jpg"}
    assert damaged_flags(place) == [(3, "\udcff"), (4, "b\\q.jpg")]
    set_flag(place, "d.jpg", True)
    set_flag(place, "a.jpg", False)
    assert flags_file(place).read_bytes() == b"# mine\r\n\xff\nb\\q.jpg\n\nc.jpg\nd.jpg\n"


def test_entries_show_their_flags(workspace: Workspace) -> None:
    set_flag(workspace, "10_0.jpg", True)
    assert [entry.name for entry in ScoreBook(workspace).entries() if entry.flagged] == ["10_0.jpg"]


def test_no_flag_makes_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        set_flag(Workspace(tmp_path / "none"), "a.jpg", True)
    assert not (tmp_path / "none").exists()


# Quick styles


@pytest.mark.parametrize(
    ("scale", "keys"),
    [
        (Scale(0, 100), {"`": 0, "-": 0, "1": 10, "5": 50, "9": 90, "0": 100}),
        (Scale(0, 10), {"`": 0, "-": 0, "1": 1, "9": 9, "0": 10}),
        (Scale(1, 10), {"1": 1, "9": 9, "0": 10, "`": None}),
        (Scale(0, 9), {"0": 0, "1": 1, "9": 9, "-": None}),
        (Scale(1, 5), {"1": 1, "5": 5, "6": None, "0": None}),
        (Scale(1, 7), {"7": 7, "8": None}),
        (Scale(-1, 1), {"`": -1, "5": 0, "0": 1}),
        (Scale(0.5, 5), {"-": 0.5, "1": 0.95, "0": 5}),
    ],
)
def test_one_key_gives_a_tenth_or_the_digit_itself(scale: Scale, keys: dict[str, float | None]) -> None:
    scores = quick_scores(scale, "tens")
    assert {key: scores.get(key) for key in keys} == keys


def test_five_keys_are_five_stars() -> None:
    assert quick_scores(Scale(), "stars") == {"1": 0, "2": 25, "3": 50, "4": 75, "5": 100}
    assert quick_scores(Scale(1, 5), "stars") == {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
    assert quick_scores(Scale(), "type") == {}


@given(scale=scales, style=st.sampled_from(STYLES))
def test_every_key_gives_a_score_on_the_scale_and_more_is_more(scale: Scale, style: str) -> None:
    scores = quick_scores(scale, style)
    assert all(score in scale for score in scores.values())
    rising = [scores[key] for key in "123456789" if key in scores]
    assert rising == sorted(set(rising))


def test_half_a_star_lies_between() -> None:
    assert star_score(3.5, Scale(0, 100)) == 62.5


@pytest.mark.parametrize(
    ("text", "scale", "complete"),
    [
        ("85", Scale(), True),
        ("10", Scale(), False),
        ("1", Scale(), False),
        ("100", Scale(), True),
        ("0", Scale(), True),
        ("850", Scale(), False),
        ("8.5", Scale(), False),
        ("8.", Scale(), False),
        ("", Scale(), False),
        ("-", Scale(-5, 5), False),
        ("-5", Scale(-5, 5), True),
        ("-1", Scale(-10, 10), False),
        ("7", Scale(1, 7), True),
        ("1", Scale(1, 10), False),
        ("2", Scale(1, 10), True),
        ("10", Scale(1, 10), True),
        ("3", Scale(20, 100), False),
        ("0", Scale(0, 1), False),
        ("1", Scale(0, 1), True),
        ("９", Scale(), False),
    ],
)
def test_a_typed_score_is_complete_when_no_digit_can_follow(text: str, scale: Scale, complete: bool) -> None:
    assert is_complete(text, scale) == complete


@given(number=st.integers(-120, 1200), digit=st.integers(0, 9), scale=scales)
def test_nothing_can_follow_a_complete_score(number: int, digit: int, scale: Scale) -> None:
    if number and is_complete(str(number), scale):
        assert number in scale
        assert float(f"{number}{digit}") not in scale


# Orders

ALBUM = [Entry(f"{number}.jpg", None if number % 3 else float(number), number != 7) for number in range(90)]


def test_orders_put_photos_as_they_say() -> None:
    present = [entry.name for entry in ALBUM if entry.present]
    waiting = [entry.name for entry in ALBUM if entry.present and entry.score is None]
    scored = [entry.name for entry in ALBUM if entry.score is not None]
    assert [turn.name for turn in queue(ALBUM, "file", 1)] == present
    assert [turn.name for turn in queue(ALBUM, "unscored", 1)] == waiting + scored
    shuffled = [turn.name for turn in queue(ALBUM, "random", 1)]
    assert shuffled[len(waiting) :] == scored
    assert sorted(shuffled[: len(waiting)]) == sorted(waiting)
    assert shuffled[: len(waiting)] != waiting
    assert shuffled == [turn.name for turn in queue(ALBUM, "random", 1)]
    assert shuffled != [turn.name for turn in queue(ALBUM, "random", 2)]


def test_about_every_third_turn_rates_a_scored_photo_again() -> None:
    album = [Entry(f"{number}.jpg", None if number < 400 else 5.0, True) for number in range(800)]
    turns = queue(album, "rerate", 3)
    last = max(place for place, turn in enumerate(turns) if not turn.again)
    mixed = turns[: last + 1]
    assert [turn.name for turn in mixed if not turn.again] == [f"{number}.jpg" for number in range(400)]
    assert 0.25 < sum(turn.again for turn in mixed) / len(mixed) < 0.42
    assert not any(first.again and second.again for first, second in pairwise(mixed))


def test_when_all_are_scored_they_come_again_shuffled() -> None:
    album = [Entry(f"{number}.jpg", 5.0, True) for number in range(50)]
    turns = queue(album, "rerate", 3)
    assert all(turn.again for turn in turns)
    assert [turn.name for turn in turns] != [entry.name for entry in album]


@given(
    album=st.lists(st.builds(Entry, hostile, st.none() | st.floats(0, 100), st.booleans()), unique_by=lambda e: e.name),
    order=st.sampled_from(ORDERS),
    seed=st.integers(),
)
def test_every_photo_comes_up_once_and_only_scored_ones_again(album: list[Entry], order: str, seed: int) -> None:
    turns = queue(album, order, seed)
    assert sorted(turn.name for turn in turns) == sorted(entry.name for entry in album if entry.present)
    scored = {entry.name for entry in album if entry.score is not None}
    assert all(order == "rerate" and turn.name in scored for turn in turns if turn.again)


@pytest.mark.parametrize("call", [lambda: queue([], "best", 1), lambda: quick_scores(Scale(), "dice")])
def test_an_unknown_style_or_order_is_a_mistake(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"best|dice"):
        call()


# Bulk changes


def test_scores_are_shifted_within_the_scale() -> None:
    assert shifted({"a": 95.0, "b": 0.1, "c": 50}, 10, Scale()) == {"a": 100, "b": 10.1, "c": 60}
    assert shifted({"a": 5.0}, -10, Scale(1, 5)) == {"a": 1}


def test_scores_are_stretched_over_a_range() -> None:
    assert rescaled({"a": 40, "b": 50, "c": 70}, 0, 100, Scale()) == {"a": 0, "b": 33.33, "c": 100}
    assert rescaled({"a": 2, "b": 3}, 1, 5, Scale(1, 5)) == {"a": 1, "b": 5}


def test_equal_scores_only_move_into_the_range() -> None:
    assert rescaled({"a": 50, "b": 50}, 60, 80, Scale()) == {"a": 60, "b": 60}
    assert rescaled({"a": 70}, 60, 80, Scale()) == {"a": 70}
    assert rescaled({}, 60, 80, Scale()) == {}


@pytest.mark.parametrize(("low", "high"), [(-1, 50), (50, 101), (80, 60), (float("nan"), 60)])
def test_a_range_beyond_the_scale_is_refused(low: float, high: float) -> None:
    with pytest.raises(UsageError):
        rescaled({"a": 50}, low, high, Scale())


@given(
    scores=st.dictionaries(hostile, st.floats(0, 100)),
    by=st.floats(-300, 300),
    ends=st.tuples(*[st.floats(0, 100)] * 2),
)
def test_bulk_changes_keep_the_order_and_the_scale(
    scores: dict[str, float], by: float, ends: tuple[float, float]
) -> None:
    for after in (shifted(scores, by, Scale()), rescaled(scores, min(ends), max(ends), Scale())):
        assert after.keys() == scores.keys()
        assert all(score in Scale() for score in after.values())
        by_score = sorted(scores, key=scores.__getitem__)
        values = [after[name] for name in by_score]
        assert values == sorted(values)


# Second ratings


def test_second_ratings_are_kept_apart_from_the_scores(workspace: Workspace) -> None:
    before = workspace.scores_file.read_bytes()
    for number, name in enumerate(NAMES):
        add_rerate(workspace, name, 50.0, 50.5 + number, "Ann\tB")
    rerates = read_rerates(workspace)
    assert [(one.name, one.before, one.again, one.who) for one in rerates] == [
        (name, 50.0, 50.5 + number, "Ann\tB") for number, name in enumerate(NAMES)
    ]
    assert workspace.scores_file.read_bytes() == before
    assert rerates_file(workspace).read_text("utf-8").startswith("time\twho\tname\tbefore\tagain\n")


def test_hostile_lines_are_passed_over_and_told(place: Workspace) -> None:
    add_rerate(place, "a.jpg", 1, 2)
    good = rerates_file(place).read_bytes().splitlines()[1]
    lines = [
        b"nonsense",
        b"\xff" + good,
        good + b"\t1",
        good[:-1] + b"nan",
        good[:-1] + b"x",
        good.replace(b"a.jpg", b""),
    ]
    lines += [good.replace(b"20", b"no", 1), good.replace(b"a.jpg", b"a\\q"), good[:-4]]
    rerates_file(place).write_bytes(b"\n".join([good, *lines]))  # the last one was cut off
    add_rerate(place, "b.jpg", 3, 4)
    assert [one.name for one in read_rerates(place)] == ["a.jpg", "b.jpg"]
    assert [number for number, _ in damaged_rerates(place)] == list(range(2, 2 + len(lines)))


def test_consistency_says_how_far_and_which_way() -> None:
    pairs = [(10.0, 20.0), (50.0, 50.0), (90.0, 85.0)]
    found = consistency([Rerate("", "", "a", *pair) for pair in pairs], Scale())
    assert (found.n, found.mae, found.share, found.srcc) == (3, 5.0, 0.05, 1.0)
    assert found.bias == pytest.approx(5 / 3)


@pytest.mark.parametrize("pairs", [[], [(1, 2)], [(1, 2), (2, 3)], [(5, 1), (5, 2), (5, 3)], [(1, 5), (2, 5), (3, 5)]])
def test_ranks_of_few_or_equal_ratings_say_nothing(pairs: list[tuple[float, float]]) -> None:
    found = consistency([Rerate("", "", "a", *pair) for pair in pairs], Scale())
    assert found.srcc is None
    assert found.n == len(pairs)


@given(pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=40))
def test_the_rank_correlation_is_spearmans(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = consistency([Rerate("", "", "a", *pair) for pair in pairs], Scale())
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found.srcc is None
    else:
        assert found.srcc == pytest.approx(spearmanr(first, second).statistic)
