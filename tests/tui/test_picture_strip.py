"""A picture row's bytes show the same as its segments, whole or cut, in every kind of colours."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.photo_cells import Cells, cell_strips
from tui.picture_strip import BLANK, OPEN, Cell, JoinedStrip, PictureStrip, turned
from tui.quadrant_cells import SHAPES

TRUE, PALETTE, NONE = (Console(color_system=system) for system in ("truecolor", "256", None))
_FULL = SHAPES.index("█")

_colours = st.sampled_from([0xFF000000, 0xFF0000FF, 0xFF00FF00, 0xFF123456])
_cells = st.lists(
    st.tuples(st.integers(1, 15), _colours, _colours | st.just(OPEN))
    | _colours.map(lambda colour: (BLANK, colour, colour)),
    max_size=12,
)


def _on_terminal(sent: str, width: int = 40) -> list[tuple[object, ...]]:
    """Return what is seen: character, ink and paper; a full block and a blank are but a colour."""
    terminal = pyte.Screen(width, 1)
    pyte.Stream(terminal).feed(sent)
    found: list[tuple[object, ...]] = []
    for x in range(width):
        cell = terminal.buffer[0][x]
        shape, ink, paper = SHAPES.find(cell.data), cell.fg, cell.bg
        if shape == _FULL:
            shape, ink, paper = BLANK, ink, ink
        elif shape == BLANK or ink == paper:
            shape, ink = BLANK, paper
        elif shape > 7 and paper != "default":
            shape, ink, paper = _FULL - shape, paper, ink
        found.append((shape, ink, paper))
    return found


def _plain(strip: Strip) -> str:
    return Strip(list(strip)).render(TRUE)


@given(_cells)
def test_bytes_and_segments_show_the_same(cells: list[Cell]) -> None:
    row = PictureStrip(cells)
    assert row.cell_length == sum(len(segment.text) for segment in row) == len(cells)
    assert _on_terminal(row.render(TRUE)) == _on_terminal(_plain(row))


@given(_cells)
def test_turned_cells_look_the_same(cells: list[Cell]) -> None:
    one, two = PictureStrip(cells).render(TRUE), PictureStrip(turned(cells)).render(TRUE)
    assert _on_terminal(one) == _on_terminal(two)


@given(_cells, st.integers(-2, 20), st.integers(-2, 20), st.integers(0, 3))
def test_a_cut_row_shows_a_part_of_the_whole(cells: list[Cell], start: int, end: int, margin: int) -> None:
    style = Style.parse("on rgb(9,9,9)")
    row = JoinedStrip([Strip.blank(margin, style), PictureStrip(cells), Strip([Segment("日x", style)])])
    plain = Strip(list(row))
    assert row.cell_length == plain.cell_length
    assert [segment.text for segment in Strip(list(row.crop(start, end))).simplify()] == [
        segment.text for segment in plain.crop(start, end).simplify()
    ]
    assert _on_terminal(row.crop(start, end).render(TRUE)) == _on_terminal(plain.crop(start, end).render(TRUE))
    cuts = sorted({max(start, 0), max(end, 0), row.cell_length} - {0})
    parts = [part for part in row.divide(cuts) if part.cell_length]
    assert "".join(part.text for part in parts) == "".join(part.text for part in plain.divide(cuts))


def test_no_reset_between_cells_and_a_colour_only_where_it_changes() -> None:
    red, blue = 0xFF0000FF, 0xFFFF0000
    row = PictureStrip([(12, red, blue), (12, red, blue), (12, blue, blue), (BLANK, blue, blue)])
    assert row.render(TRUE) == "\x1b[38;2;255;0;0;48;2;0;0;255m▄▄\x1b[38;2;0;0;255m▄ \x1b[0m"


@pytest.mark.parametrize("cells", ["half", "quadrant"])
def test_terminals_of_fewer_colours_get_those_they_have(cells: Cells) -> None:
    image = Image.merge("RGB", [Image.effect_noise((60, 40), 80) for _ in range(3)])
    for strips in (cell_strips(image, (30, 20), cells, palette=True), cell_strips(image, (30, 20), cells)):
        sent = "".join(strip.render(PALETTE) for strip in strips)
        assert "8;5;" in sent
        assert "8;2;" not in sent
    plain = cell_strips(image, (30, 20), cells)[0].render(NONE)
    assert plain.count("▄") + plain.count("▀") or cells == "quadrant"


@pytest.mark.parametrize("cells", ["half", "quadrant"])
@pytest.mark.parametrize("palette", [False, True])
def test_few_colours_take_far_fewer_bytes(cells: Cells, palette: bool) -> None:
    image = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle) for angle in (0, 90, 180)])
    image = Image.blend(image, Image.merge("RGB", [Image.effect_noise((256, 256), 90)] * 3), 0.2)
    console = PALETTE if palette else TRUE
    full, few = (
        sum(
            len(strip.render(console).encode())
            for strip in cell_strips(image, size, cells, few_colours=few_colours, palette=palette)
        )
        for size, few_colours in (((80, 80), False), ((60, 60), True))
    )
    assert few < 0.6 * full


def test_an_odd_number_of_half_rows_leaves_the_last_half_open() -> None:
    strips = cell_strips(Image.new("RGB", (3, 3), "red"), (3, 3), "quadrant")
    assert len(strips) == 2
    assert strips[1].text == "▀▀▀"
    (segment,) = strips[1]
    assert segment.style is not None
    assert segment.style.bgcolor is None
