"""Charts are sound SVG whatever comes in, and show what they were given."""

import math
import re
import xml.etree.ElementTree as ET

import pytest

from engine.outputs.charts import (
    HEIGHT,
    MOST_POINTS,
    WIDTH,
    Axes,
    Dot,
    Series,
    dot_chart,
    histogram,
    line_chart,
    number_text,
    round_step,
    span_of,
    thinned,
    ticks,
)

AXES = Axes("A chart", "epochs", "MAE")
HOSTILE = '"><script>alert(1)</script>&'


def drawn(svg, kind, tag="path"):
    """Return the elements of one class."""
    return [part for part in ET.fromstring(svg).iter(tag) if kind in (part.get("class") or "").split()]


def places(path):
    """Return the points of a path."""
    return [tuple(map(float, pair.split())) for pair in path.get("d")[1:].split("L")]


def test_a_line_falls_where_its_values_fall():
    svg = line_chart([Series("validation", [(1, 9.0), (2, 5.0), (3, 4.0)])], AXES)
    (line,) = drawn(svg, "validation")
    xs, ys = zip(*places(line), strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys)  # down on the screen
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert all(0 < x < WIDTH for x in xs)
    assert all(0 < y < HEIGHT for y in ys)


def test_what_is_not_finite_is_left_out():
    points = [(1, 1.0), (2, math.nan), (3, math.inf), (4, 2.0), (math.nan, 3.0)]
    svg = line_chart([Series("train", points), Series("validation", [(1, -math.inf)])], AXES)
    assert len(places(drawn(svg, "train")[0])) == 2
    assert drawn(svg, "validation") == []
    assert "nan" not in svg
    assert "inf" not in svg


@pytest.mark.parametrize("points", [[], [(5, 2.0)], [(5, 2.0), (5, 2.0)], [(0, 0.0)], [(1, 1e300), (2, -1e300)]])
def test_few_equal_or_huge_values_still_make_a_chart(points):
    svg = line_chart([Series("validation", points)], AXES, mark=5)
    ET.fromstring(svg)
    assert "nan" not in svg


def test_a_long_line_is_thinned_and_keeps_its_ends():
    points = [(float(x), math.sin(x / 500)) for x in range(20_000)]
    (line,) = drawn(line_chart([Series("train", points)], AXES), "train")
    found = places(line)
    assert len(found) == MOST_POINTS
    assert found[0][0] == 52
    assert found[-1][0] == pytest.approx(WIDTH - 16)


def test_the_mark_stands_at_its_epoch_and_nowhere_else():
    series = [Series("train", [(1, 1.0), (11, 0.0)])]
    (guide,) = drawn(line_chart(series, AXES, mark=6), "guide")
    assert float(guide.get("d")[1:].split()[0]) == pytest.approx((52 + WIDTH - 16) / 2, abs=0.1)
    assert drawn(line_chart(series, AXES, mark=40), "guide") == []


def test_dots_on_the_identity_line_lie_on_it():
    dots = [Dot(10, 10, "a"), Dot(90, 90, "b"), Dot(math.nan, 3, "c")]
    svg = dot_chart(dots, AXES, x=(0, 100), y=(0, 100), guide=lambda value: value)
    circles = drawn(svg, "dot", "circle")
    assert [circle.find("title").text for circle in circles] == ["a: 10, 10", "b: 90, 90"]
    (guide,) = drawn(svg, "guide")
    (x0, y0), (x1, y1) = places(guide)
    for circle in circles:
        x, y = float(circle.get("cx")), float(circle.get("cy"))
        assert (y - y0) / (y1 - y0) == pytest.approx((x - x0) / (x1 - x0), abs=0.01)


def test_a_histogram_counts_every_value_once():
    values = [-9.0, -0.1, 0.0, 0.1, 3.2, 9.0, math.nan]
    bars = drawn(histogram(values, AXES), "bar", "rect")
    assert sum(int(bar.find("title").text.rpartition(": ")[2]) for bar in bars) == 6
    middle = max(bars, key=lambda bar: float(bar.get("height")))
    assert middle.find("title").text.endswith(": 3")
    for odd in ([0.0], [1e-12], [1e9, -1.0]):
        ET.fromstring(histogram(odd, AXES))


def test_nothing_that_comes_in_becomes_markup():
    axes = Axes(HOSTILE, HOSTILE, HOSTILE)
    for svg in (
        line_chart([Series("train", [(1, 1.0)])], axes),
        dot_chart([Dot(1, 1, HOSTILE)], axes, x=(0, 2), y=(0, 2), guide=lambda _: 1.0),
        histogram([1.0], axes),
    ):
        assert "<script" not in svg
        assert ET.fromstring(svg).get("aria-label") == HOSTILE


def test_ticks_are_round_and_inside():
    for low, high in ((0, 1), (-3.7, 12.2), (1.76, 6.85), (1e-7, 3e-7), (0, 12345), (-5, -4)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 12, (low, high, found)
        assert low - 1e-9 <= found[0]
        assert found[-1] <= high + 1e-9
        assert all(re.fullmatch(r"−?[\d.]+(e−\d+)?", number_text(tick)) for tick in found)
    assert ticks(3, 3) == [3]
    assert round_step(7e-5) == pytest.approx(5e-5)


def test_ranges_and_thinning():
    assert span_of([]) == (0.0, 1.0)
    low, high = span_of([5.0, 5.0])
    assert low < 5 < high
    assert thinned([1, 2, 3], 3) == [1, 2, 3]
    assert thinned(range(10), 2) == [0, 9]
