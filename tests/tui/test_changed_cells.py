"""Only the cells that differ are sent again: all of them, and as few others as pays."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from tui.changed_cells import changed_regions

RED, BLUE = Style(color="red"), Style(color="blue")


def _line(text: str, style: Style | None = None) -> Strip:
    return Strip([Segment(text, style)])


def test_equal_drawings_need_nothing() -> None:
    assert changed_regions([_line("score 80", RED)], [Strip([Segment("sco", RED), Segment("re 80", RED)])]) == []
    assert changed_regions([], []) == []


def test_only_the_span_that_differs_is_named() -> None:
    assert changed_regions([_line("a.jpg 80 done")], [_line("a.jpg 95 done")]) == [Region(6, 0, 2, 1)]


def test_another_style_is_a_change() -> None:
    before, after = _line("abc", RED), Strip([Segment("a", RED), Segment("b", BLUE), Segment("c", RED)])
    assert changed_regions([before], [after]) == [Region(1, 0, 1, 1)]


def test_a_wide_character_is_sent_whole() -> None:
    assert changed_regions([_line("a日b")], [_line("a本b")]) == [Region(1, 0, 2, 1)]
    assert changed_regions([_line("a日b")], [_line("axyb")]) == [Region(1, 0, 2, 1)]
    assert changed_regions([_line("ax日")], [_line("a日x")]) == [Region(1, 0, 3, 1)]


def test_a_combining_mark_changes_its_cell() -> None:
    assert changed_regions([_line("cafe")], [_line("cafe\u0301")]) == [Region(3, 0, 1, 1)]


def test_a_short_gap_in_one_style_is_bridged_but_a_long_or_coloured_one_is_not() -> None:
    assert changed_regions([_line("a1234567b")], [_line("A1234567B")]) == [Region(0, 0, 9, 1)]
    far = changed_regions([_line("a" + "·" * 20 + "b")], [_line("A" + "·" * 20 + "B")])
    assert far == [Region(0, 0, 1, 1), Region(21, 0, 1, 1)]

    def between(letter: str) -> Strip:
        return Strip([Segment(letter, RED), Segment("xy", BLUE), Segment(letter, RED)])

    assert changed_regions([between("a")], [between("b")]) == [Region(0, 0, 1, 1), Region(3, 0, 1, 1)]


def test_rows_that_change_alike_are_one_region() -> None:
    before, after = [_line("....")] * 5, [_line("...."), *[_line(".XX.")] * 3, _line("....")]
    assert changed_regions(before, after) == [Region(1, 1, 2, 3)]


def test_what_one_drawing_lacks_counts_as_changed() -> None:
    assert changed_regions([_line("abc")], [_line("ab")]) == [Region(2, 0, 1, 1)]
    assert changed_regions([_line("abc")], [_line("abc"), _line("de")]) == [Region(0, 1, 2, 1)]


_strips = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["a", "bb", "日", "·本", "   ", "e\u0301"]), st.sampled_from([None, RED, BLUE]))
    ),
    max_size=4,
)


def _columns(strip: Strip) -> dict[int, tuple[str, Style | None]]:
    found: dict[int, tuple[str, Style | None]] = {}
    x = 0
    for text, style, _ in strip:
        for letter in text:
            width = Segment(letter).cell_length
            if not width:
                place = x - 1 - (found[x - 1][0] == "")
                found[place] = (found[place][0] + letter, style)
            for more in range(width):
                found[x + more] = (letter if more == 0 else "", style)
            x += width
    return found


@given(_strips, _strips)
def test_outside_the_regions_nothing_differs_and_none_overlap(
    one: Sequence[list[tuple[str, Style | None]]], two: Sequence[list[tuple[str, Style | None]]]
) -> None:
    before, after = ([Strip([Segment(*part) for part in line]) for line in lines] for lines in (one, two))
    regions = changed_regions(before, after)
    covered = {(x, y) for region in regions for y in region.line_range for x in region.column_range}
    assert len(covered) == sum(region.area for region in regions)
    for y in range(max(len(before), len(after))):
        old, new = (_columns(lines[y]) if y < len(lines) else {} for lines in (before, after))
        for x in old.keys() | new.keys():
            if old.get(x) != new.get(x):
                assert (x, y) in covered
            if "" in (old.get(x, "?")[0], new.get(x, "?")[0]) and (x, y) in covered:
                assert (x - 1, y) in covered
