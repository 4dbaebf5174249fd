"""Whatever is asked for, what is seen lies within the photo, and 100 % is 100 %."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.photo_view import WHOLE, View, box, clamped, fitting, moved, scales, zoomed

_sides = st.integers(1, 20_000)
_sizes = st.tuples(_sides, _sides)
_rooms = st.tuples(st.integers(1, 500), st.integers(2, 400))
_steps = st.lists(st.tuples(st.sampled_from(["zoom", "pan"]), st.integers(-9, 9), st.integers(-9, 9)), max_size=12)


@given(_sizes, _rooms, _steps)
def test_no_walk_leads_out_of_the_photo(
    size: tuple[int, int], room: tuple[int, int], steps: list[tuple[str, int, int]]
) -> None:
    view = WHOLE
    for kind, one, two in steps:
        view = zoomed(view, size, room, one) if kind == "zoom" else moved(view, size, room, one, two)
        left, top, right, bottom = box(view, size, room)
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert view.scale in {0.0, *scales(size, room)[1:]}
        if view.scale == 1:
            assert (right - left, bottom - top) == (min(size[0], room[0]), min(size[1], room[1]))


@given(_sizes, _rooms)
def test_the_steps_rise_from_the_whole_photo_to_100_percent(size: tuple[int, int], room: tuple[int, int]) -> None:
    steps = scales(size, room)
    assert steps[0] == fitting(size, room)
    assert steps[-1] == 1
    assert steps[0] > 1 or steps == sorted(set(steps))


@given(_sizes, _rooms)
def test_going_near_and_back_ends_with_the_whole_photo(size: tuple[int, int], room: tuple[int, int]) -> None:
    near = zoomed(WHOLE, size, room, 99)
    assert near.scale == 1 or fitting(size, room) == 1
    assert zoomed(near, size, room, -99) == WHOLE
    assert moved(WHOLE, size, room, 3, 3) == WHOLE


def test_moving_stops_at_the_edges_and_what_fits_stays_in_the_middle() -> None:
    size, room = (400, 300), (40, 24)
    corner = moved(View(1.0), size, room, -99, -99)
    assert box(corner, size, room) == (0, 0, 40, 24)
    assert moved(corner, size, room, -1, -1) == corner
    assert box(moved(corner, size, room, 99, 99), size, room) == (360, 276, 400, 300)
    assert clamped(View(1.0, 0.1, 0.9), (10, 10), room) == View(1.0, 0.5, 0.5)


def test_the_middle_stays_where_it_is_while_zooming() -> None:
    size, room = (4000, 3000), (120, 80)
    view = moved(zoomed(WHOLE, size, room, 9), size, room, 8, -4)
    for _ in range(2):
        view = zoomed(view, size, room, -1)
    assert (view.scale, round(view.x, 3), round(view.y, 3)) == (0.25, 0.56, 0.473)
