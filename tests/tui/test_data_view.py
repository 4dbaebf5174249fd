"""The album behind the Data screen: order and filter, changes while a thread works, and answers that come too late."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from engine.labels.history import Change, Edit
from engine.labels.scorebook import Entry
from tui.screens.data_view import SORTS, Album, Reading, Task, View, Wish, arrange

scores = st.one_of(st.none(), st.floats(0, 100))
entries = st.lists(
    st.builds(
        Entry,
        name=st.integers(0, 10**6).map(lambda number: f"{number:07d}.jpg"),
        score=scores,
        present=st.booleans(),
        flagged=st.booleans(),
        size=st.one_of(st.none(), st.integers(0, 10**9)),
        modified=st.one_of(st.none(), st.floats(0, 2e9)),
        source=st.sampled_from(["", "set", "import", "odd"]),
        guess=scores,
    ),
    unique_by=lambda entry: entry.name,
    max_size=60,
).map(lambda found: sorted(found, key=lambda entry: entry.name))

VALUES = {
    "name": lambda entry: entry.name,
    "score": lambda entry: entry.score,
    "guess": lambda entry: entry.guess,
    "difference": lambda entry: None if entry.difference is None else abs(entry.difference),
    "size": lambda entry: entry.size,
    "date": lambda entry: entry.modified,
    "source": lambda entry: entry.source or None,
}


@given(entries, st.sampled_from(SORTS), st.booleans())
def test_any_order_holds_every_entry_once_and_those_without_a_value_last(
    found: list[Entry], sort: str, reverse: bool
) -> None:
    wish = Wish(sort=sort, reverse=reverse)
    order = arrange(found, wish)
    assert order is not None
    rows = [found[place] for place in order]
    assert sorted(rows) == sorted(found)
    values = [VALUES[sort](entry) for entry in rows]
    known = [value for value in values if value is not None]
    assert values == [*known, *[None] * (len(values) - len(known))]
    assert known == sorted(known, reverse=wish.descending)
    if sort != "name":
        for above, below in itertools.pairwise(rows):
            if VALUES[sort](above) == VALUES[sort](below):
                assert above.name < below.name, "equal ones stay in natural order, whichever way"


@given(entries, st.sampled_from(SORTS))
def test_a_filter_keeps_the_order(found: list[Entry], sort: str) -> None:
    everything = arrange(found, Wish("", sort))
    scored = arrange(found, Wish("scored", sort))
    assert everything is not None
    assert scored is not None
    assert list(scored) == [place for place in everything if found[place].score is not None]


def test_very_many_entries_are_sorted_in_pieces_that_fit_together() -> None:
    many = [Entry(f"{number:06d}", float(number * 7919 % 10_007), True) for number in range(50_000)]
    order = arrange(many, Wish("", "score"))
    assert order is not None
    assert list(order) == sorted(range(50_000), key=lambda place: (-many[place].score, place))


ALBUM = [Entry(f"p{number}.jpg", None, True) for number in range(5)]


def shown(album: Album) -> list[tuple[str, float | None]]:
    return [(entry.name, entry.score) for entry in album.view]


def answer(album: Album, task: Task) -> bool:
    view = task.work()
    return view is not None and album.take(task, view)


def test_an_answer_that_comes_too_late_is_dropped() -> None:
    album = Album()
    assert answer(album, album.read(ALBUM, 0))
    first = album.ask(Wish("p1"))
    late = first.work()
    second = album.ask(Wish("p2"))
    assert first.work() is None
    assert late is not None
    assert not album.take(first, late)
    assert answer(album, second)
    assert [name for name, _ in shown(album)] == ["p2.jpg"]


def test_a_reading_is_not_lost_when_another_filter_is_typed_meanwhile() -> None:
    album = Album()
    album.read(ALBUM, 0)
    assert answer(album, album.ask(Wish("p3")))
    assert album.is_read
    assert [name for name, _ in shown(album)] == ["p3.jpg"]


def test_what_was_given_while_the_disk_was_read_stays() -> None:
    album = Album()
    assert answer(album, album.read(ALBUM, 0))
    album.put(1, "p0.jpg", score=10.0)
    album.put(2, "p1.jpg", score=20.0)
    on_disk = [ALBUM[0]._replace(score=10.0), *ALBUM[1:]]
    task = album.read(on_disk, 1)
    album.put(3, "p2.jpg", score=30.0)
    assert answer(album, task)
    assert dict(shown(album)) == {"p0.jpg": 10.0, "p1.jpg": 20.0, "p2.jpg": 30.0, "p3.jpg": None, "p4.jpg": None}
    assert album.reading.scored == 3
    assert answer(album, album.read(ALBUM, 3))
    assert album.reading.scored == 0, "by then the disk knows better"


def test_an_entry_that_was_scored_stays_in_sight_until_something_is_asked_for() -> None:
    album = Album()
    assert answer(album, album.read(ALBUM, 0))
    assert answer(album, album.ask(Wish("unscored")))
    album.put(1, "p1.jpg", score=50.0)
    others = sorted([*ALBUM, Entry("new.jpg", None, True)])
    scored = [entry._replace(score=50.0) if entry.name == "p1.jpg" else entry for entry in others]
    assert answer(album, album.read(scored, 1))
    assert [name for name, _ in shown(album)] == [entry.name for entry in others]
    assert answer(album, album.ask(album.wish))
    assert [name for name, _ in shown(album)] == [entry.name for entry in others if entry.name != "p1.jpg"]


def test_rows_stay_where_they_are_when_only_scores_changed_on_the_disk() -> None:
    album = Album()
    first = [entry._replace(score=float(place)) for place, entry in enumerate(ALBUM)]
    assert answer(album, album.read(first, 0))
    assert answer(album, album.ask(Wish(sort="score")))
    turned = [entry._replace(score=float(-place)) for place, entry in enumerate(ALBUM)]
    assert answer(album, album.read(turned, 0))
    assert [name for name, _ in shown(album)] == ["p4.jpg", "p3.jpg", "p2.jpg", "p1.jpg", "p0.jpg"]
    assert album.view[0].score == -4.0


def test_a_change_tells_source_and_time() -> None:
    album = Album()
    assert answer(album, album.read(ALBUM, 0))
    change = Change(1, "2026-01-01T00:00:00.000+00:00", "me", "set", (Edit("p1.jpg", None, 7.0), Edit("no", None, 1.0)))
    assert album.put_change(1, change) == ["p1.jpg"]
    assert album.view[1] == Entry("p1.jpg", 7.0, True, source="set", changed=change.time)
    assert album.put_change(1, change) == [], "it is no other one now"


def test_search_finds_the_next_beginning_then_the_next_part() -> None:
    view = View(Reading([Entry(name, None, True) for name in ("Sea 1", "my sea", "sea 2", "x")]), range(4))
    assert [view.search("SEA", after) for after in range(4)] == [2, 2, 0, 0]
    assert view.search("my s", 3) == 1
    assert view.search("y s", 1) == 1
    assert view.search("nowhere", 0) is None
