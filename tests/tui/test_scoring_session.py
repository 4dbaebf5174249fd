"""A sitting of scoring: what keys do to the queue, the scores and the pace, without a screen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.labels.order import ORDERS
from engine.labels.scorebook import Entry
from engine.workspace import Scale
from tui.scoring_pace import Pace
from tui.scoring_queue import ScoringQueue
from tui.scoring_session import ScoringSession, Step, Told


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def entries(**scores: float | None) -> list[Entry]:
    return [Entry(f"{name}.jpg", score, True) for name, score in scores.items()]


def begin(
    photos: Sequence[Entry],
    order: str = "file",
    *,
    scale: Scale | None = None,
    style: str = "type",
    advance: bool = True,
    names: Sequence[str] | None = None,
    at: str | None = None,
) -> ScoringSession:
    queue = ScoringQueue(order, 1, names)
    session = ScoringSession(queue, scale or Scale(), style=style, advance=advance, at=at, clock=Clock())
    session.take(photos)
    return session


def press(session: ScoringSession, keys: str) -> list[Step]:
    """Press ``85⏎<>←u`` and the like; return the steps that have to be written."""
    steps: list[Step | None] = []
    for key in keys:
        if key == "⏎":
            steps.append(session.enter())
        elif key == "←":
            session.erase()
        elif key == "<":
            steps.append(session.go_to(session.queue.place - 1))
        elif key == ">":
            steps.append(session.go_to(session.queue.place + 1))
        elif key == "s":
            session.skip()
        else:
            steps.append(session.type(key))
    given = [step for step in steps if step is not None]
    for step in given:
        session.tell(step)
    return given


def here(session: ScoringSession) -> str:
    return session.queue.turn.name if session.queue.turn else "the end"


ABC = entries(a=None, b=None, c=None)


@pytest.mark.parametrize("advance", [True, False])
@pytest.mark.parametrize(
    ("keys", "given"),
    [
        ("85⏎70⏎", [("a.jpg", 85), ("b.jpg", 70)]),
        ("8⏎7⏎6⏎", [("a.jpg", 8), ("b.jpg", 7), ("c.jpg", 6)]),
        ("100⏎10⏎0⏎", [("a.jpg", 100), ("b.jpg", 10), ("c.jpg", 0)]),
        ("7.5⏎8⏎", [("a.jpg", 7.5), ("b.jpg", 8)]),
        ("3>4⏎", [("a.jpg", 3), ("b.jpg", 4)]),
        ("9←8⏎s1⏎", [("a.jpg", 8), ("c.jpg", 1)]),
        ("⏎⏎5⏎", [("a.jpg", 5)]),
    ],
)
def test_a_burst_means_the_same_with_and_without_advancing(
    keys: str, given: list[tuple[str, float]], advance: bool
) -> None:
    steps = press(begin(ABC, advance=advance), keys)
    assert [(step.name, step.score) for step in steps] == given


def test_a_complete_score_needs_no_enter() -> None:
    session = begin(ABC)
    assert [step.score for step in press(session, "857010")] == [85, 70]
    assert here(session) == "c.jpg"
    assert session.typed == "10", "100 is still possible"
    assert [step.score for step in press(session, "0")] == [100]
    assert here(session) == "the end"


def test_a_point_after_a_complete_score_goes_back_to_it() -> None:
    session = begin(ABC)
    steps = press(session, "85.5⏎7⏎")
    assert [(step.name, step.score) for step in steps] == [("a.jpg", 85), ("a.jpg", 85.5), ("b.jpg", 7)]
    assert session.tally().scored == 2


def test_backspace_after_a_complete_score_mends_it() -> None:
    steps = press(begin(ABC), "85←4⏎")
    assert [(step.name, step.score) for step in steps] == [("a.jpg", 85), ("a.jpg", 84)]


def test_a_score_off_the_scale_stays_in_the_field() -> None:
    session = begin(ABC)
    assert press(session, "101⏎") == []
    assert (here(session), session.typed, session.value()) == ("a.jpg", "101", None)


def test_enter_keeps_a_score_and_asks_for_one_where_there_is_none() -> None:
    session = begin(entries(a=10, b=None))
    session.queue.go_to(0)
    assert not session.needs_score
    assert press(session, "⏎") == []
    assert here(session) == "b.jpg"
    assert session.needs_score
    assert press(session, "⏎") == []
    assert here(session) == "b.jpg"


@pytest.mark.parametrize(
    ("scale", "style", "keys", "scores"),
    [
        (Scale(0, 100), "tens", "370`", [30, 70, 100, 0]),
        (Scale(1, 5), "tens", "135", [1, 3, 5]),
        (Scale(0, 100), "stars", "135", [0, 50, 100]),
        (Scale(0, 100), "stars", "6", []),
    ],
)
def test_one_key_is_one_score(scale: Scale, style: str, keys: str, scores: list[float]) -> None:
    photos = entries(a=None, b=None, c=None, d=None, e=None)
    session = begin(photos, scale=scale, style=style)
    assert [step.score for step in press(session, keys)] == scores
    assert session.queue.place == len(scores)


def test_without_advancing_a_quick_key_may_be_pressed_again_before_enter() -> None:
    session = begin(ABC, style="tens", advance=False)
    assert [(step.name, step.score) for step in press(session, "37⏎5")] == [
        ("a.jpg", 30),
        ("a.jpg", 70),
        ("b.jpg", 50),
    ]


def test_undo_goes_back_and_redo_forth() -> None:
    session = begin(entries(a=5, b=None, c=None))
    session.queue.go_to(0)
    press(session, "8⏎7⏎")
    assert session.undo() == Step("b.jpg", None, 7)
    assert (here(session), session.score) == ("b.jpg", None)
    assert session.undo() == Step("a.jpg", 5, 8)
    assert (here(session), session.score) == ("a.jpg", 5)
    assert session.undo() is None
    assert session.redo() == Step("a.jpg", 5, 8)
    assert (here(session), session.queue.score("a.jpg")) == ("b.jpg", 8)
    press(session, "9⏎")
    assert session.redo() is None, "a new score ends what could be done again"


def test_undo_between_two_scores_of_a_burst_is_in_order() -> None:
    session = begin(ABC)
    press(session, "85⏎")
    session.undo()
    assert [(step.name, step.score) for step in press(session, "70⏎6⏎")] == [("a.jpg", 70), ("b.jpg", 6)]


def test_unscored_photos_come_first_and_then_there_is_a_pause() -> None:
    session = begin(entries(a=1, b=None, c=2, d=None), "unscored")
    assert (here(session), session.queue.stop, session.queue.left) == ("b.jpg", 2, 1)
    press(session, "5⏎6⏎")
    assert here(session) == "the end"
    assert (session.tally().scored, session.tally().passed, session.tally().more) == (2, 0, 2)
    assert press(session, "9⏎") == [], "at the end there is nothing to score"
    assert session.next_open()
    assert (here(session), session.score) == ("a.jpg", 1)
    press(session, "⏎⏎")
    assert here(session) == "the end"
    assert not session.next_open()


def test_what_was_skipped_can_be_gone_through_again() -> None:
    session = begin(ABC, "unscored")
    press(session, "s5⏎s")
    assert (here(session), session.tally().passed) == ("the end", 2)
    assert session.next_open()
    assert [(step.name, step.score) for step in press(session, "7⏎8⏎")] == [("a.jpg", 7), ("c.jpg", 8)]
    assert not session.next_open()


def test_undo_at_the_end_goes_back_to_the_last_photo() -> None:
    session = begin(entries(a=None), "unscored")
    press(session, "5⏎")
    session.undo()
    assert here(session) == "a.jpg"


def test_file_order_begins_with_the_first_photo_that_has_no_score() -> None:
    session = begin(entries(a=1, b=None, c=2), "file")
    assert (here(session), session.queue.place, session.queue.stop) == ("b.jpg", 1, 3)
    assert here(begin(entries(a=1, b=2), "file")) == "a.jpg"


@pytest.mark.parametrize("order", ORDERS)
def test_a_photo_to_begin_with_comes_first(order: str) -> None:
    photos = entries(a=1, b=None, c=2, d=None, e=3)
    session = begin(photos, order, at="e.jpg")
    assert here(session) == "e.jpg"
    seen = set()
    session.queue.go_to(0)
    while session.queue.turn or session.next_open():
        seen.add(here(session))
        if here(session) in {"b.jpg", "d.jpg"} or session.queue.is_blind:
            press(session, "5⏎")
        else:
            session.queue.place += 1
    assert seen == {entry.name for entry in photos}


@pytest.mark.parametrize(("at", "expected"), [("c.jpg", "cdab"), ("b.jpg", "bcda"), (None, "acd")])
def test_from_the_photo_that_it_begins_with_those_behind_it_follow(at: str | None, expected: str) -> None:
    session = begin(entries(a=None, b=50, c=None, d=None), "unscored", at=at)
    steps = press(session, "1⏎" * len(expected))
    assert "".join(step.name[0] for step in steps).startswith(expected[:3])


def test_only_the_named_photos_come_and_in_their_order() -> None:
    session = begin(ABC, names=["c.jpg", "a.jpg", "gone.jpg"])
    assert [step.name for step in press(session, "1⏎2⏎")] == ["c.jpg", "a.jpg"]
    assert here(session) == "the end"
    session.take([*ABC, Entry("new.jpg", None, True)])
    assert session.queue.stop == 2


def test_a_blind_rerate_shows_neither_score_nor_name_and_is_kept_apart() -> None:
    photos = [entry._replace(guess=50.0) for entry in entries(a=80, b=60, c=40)]
    session = begin(photos, "rerate")
    steps = []
    while session.queue.turn is not None:
        assert session.score is None
        steps += press(session, "5⏎")
        assert session.told == Told("", 5, 50)
    assert {(step.name, step.before, step.score, step.again) for step in steps} == {
        ("a.jpg", 80, 5, True),
        ("b.jpg", 60, 5, True),
        ("c.jpg", 40, 5, True),
    }
    assert [session.queue.score(entry.name) for entry in photos] == [80, 60, 40]
    assert (session.tally().scored, session.tally().again) == (0, 3)
    assert len(session.rerated) == 3


def test_taking_a_rerate_back_takes_it_out_of_the_consistency() -> None:
    session = begin(entries(a=80), "rerate")
    press(session, "5⏎")
    session.undo()
    assert session.rerated == []
    press(session, "75⏎")
    assert [(step.before, step.score) for step in session.rerated] == [(80, 75)]


def test_a_name_is_not_looked_for_where_it_could_give_the_score_away() -> None:
    session = begin(entries(a=80, b=60), "rerate")
    assert session.queue.find("b") is None
    assert session.queue.find("2") == 1


def test_find_takes_numbers_and_parts_of_names() -> None:
    session = begin([Entry(name, None, True) for name in ("IMG_1.jpg", "cat.jpg", "IMG_2041.jpg", "CAT 2.jpg")])
    assert session.queue.find("3") == 2
    assert session.queue.find("2041") == 2, "too large for a number, but part of a name"
    assert session.queue.find("cat") == 1
    session.queue.go_to(1)
    assert session.queue.find("cat") == 3
    session.queue.go_to(3)
    assert session.queue.find("cat") == 1
    assert session.queue.find("dog") is None
    assert session.queue.find(" ") is None


def test_the_guess_is_told_after_the_score() -> None:
    session = begin([ABC[0]._replace(guess=104.0), *ABC[1:]])
    assert session.told is None
    press(session, "80")
    assert session.told == Told("a.jpg", 80, 100), "a guess is told within the scale"
    press(session, "7⏎")
    assert session.told == Told("b.jpg", 7, None)


def test_what_another_person_scored_meanwhile_is_passed_over() -> None:
    session = begin(entries(a=None, b=None, c=None), "unscored")
    session.take(entries(a=None, b=33, c=None))
    press(session, "5⏎")
    assert here(session) == "c.jpg"
    session.go_to(1)
    assert (here(session), session.score) == ("b.jpg", 33)


def test_photos_that_come_and_go_leave_the_place_where_it_is() -> None:
    session = begin(entries(a=None, b=None, c=None), "unscored")
    press(session, "5⏎1")
    session.take(entries(b=None, c=None, d=None))
    assert (here(session), session.typed, session.queue.left) == ("b.jpg", "1", 2)
    session.take(entries(c=None, d=None))
    assert (here(session), session.typed) == ("c.jpg", ""), "what was typed was meant for the photo that went"


def test_new_photos_wait_at_the_end_of_a_finished_stretch() -> None:
    session = begin(entries(a=None), "unscored")
    press(session, "5⏎")
    session.take(entries(a=5, b=None))
    assert here(session) == "the end"
    assert session.next_open()
    assert here(session) == "b.jpg"


def test_a_reading_that_is_older_than_a_score_does_not_hide_it() -> None:
    session = begin(ABC)
    press(session, "85")
    session.take(ABC)
    assert session.queue.score("a.jpg") == 85
    session.put("a.jpg", 85)
    session.put("a.jpg", 40)
    assert session.queue.score("a.jpg") == 40, "once it is written, what others do counts"


def test_a_score_that_could_not_be_written_is_asked_for_again() -> None:
    session = begin(ABC)
    press(session, "8⏎7⏎")
    session.put("b.jpg", 7)
    session.doubt()
    session.take(entries(a=None, b=7, c=None))
    assert (here(session), session.score) == ("a.jpg", None)
    assert session.tally().scored == 1
    assert session.undo() == Step("b.jpg", None, 7)


def test_flags_are_turned_on_and_off() -> None:
    session = begin([Entry("a.jpg", None, True, flagged=True)])
    assert session.flagged == {"a.jpg"}
    assert session.flag() == ("a.jpg", False)
    assert session.flag() == ("a.jpg", True)


def test_an_empty_queue_does_nothing() -> None:
    session = begin([])
    assert press(session, "85⏎<>s←") == []
    assert session.flag() is None
    assert session.undo() is None
    assert here(session) == "the end"
    session.take(ABC)
    assert here(session) == "a.jpg"


def test_the_pace_is_that_of_the_last_twenty_without_pauses() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(2):
        pace.note()
        clock.now += 10
    assert pace.a_minute() is None
    for _ in range(30):
        clock.now += 1.5
        pace.note()
    clock.now += 600
    pace.note()
    assert pace.a_minute() == pytest.approx(40)
    assert pace.minutes(80) == pytest.approx(2)
    for _ in range(32):
        pace.take_back()
    assert pace.a_minute() is None


KEYS = st.text(st.sampled_from("0123456789.⏎⏎←<>s"), max_size=60)


@given(KEYS, st.sampled_from(ORDERS), st.sampled_from(["type", "tens", "stars"]), st.booleans())
def test_whatever_is_typed_the_disk_and_the_sitting_agree(keys: str, order: str, style: str, advance: bool) -> None:
    photos = entries(a=None, b=50, c=None, d=None, e=7)
    session = begin(photos, order, style=style, advance=advance)
    disk = {entry.name: entry.score for entry in photos}
    steps = press(session, keys)
    for step in steps:
        if step.again:
            assert disk[step.name] == step.before
        else:
            assert disk[step.name] == step.before
            disk[step.name] = step.score
    assert disk == {name: session.queue.score(name) for name in disk}
    for step in reversed(steps):
        assert session.undo() == step
        if not step.again:
            disk[step.name] = step.before
    assert session.undo() is None
    assert {name: session.queue.score(name) for name in disk} == disk == {entry.name: entry.score for entry in photos}
    assert session.tally().scored == session.tally().again == 0
    for step in steps:
        assert session.redo() == step
    assert session.redo() is None


@given(st.text(st.sampled_from("0123456789.⏎⏎←<>snurruo"), max_size=60), st.sampled_from(ORDERS))
def test_undo_and_redo_anywhere_keep_disk_and_sitting_alike(keys: str, order: str) -> None:
    photos = entries(a=None, b=50, c=None, d=None, e=7)
    session = begin(photos, order)
    disk = {entry.name: entry.score for entry in photos}
    for key in keys:
        if key == "u":
            step = session.undo()
            if step is not None and not step.again:
                assert disk[step.name] == step.score
                disk[step.name] = step.before
        elif key == "r":
            step = session.redo()
            if step is not None and not step.again:
                assert disk[step.name] == step.before
                disk[step.name] = step.score
        elif key == "n":
            session.next_open()
        elif key == "o":
            session.next_order()
        else:
            for step in press(session, key):
                assert disk[step.name] == step.before
                disk[step.name] = step.before if step.again else step.score
        assert disk == {name: session.queue.score(name) for name in disk}
        assert 0 <= session.queue.place <= session.queue.stop
