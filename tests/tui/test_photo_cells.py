"""A photo becomes cells: its aspect is kept, its colours are there, it fits the room."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from PIL import Image
from rich.console import Console
from rich.segment import Segment
from rich_pixels import HalfcellRenderer

from tui.photo_cells import Cells, fitted, photo_strips
from tui.quadrant_cells import split_cells


@pytest.mark.parametrize("cells", ["half", "quadrant"])
@pytest.mark.parametrize("size", [(400, 300), (300, 400), (4000, 10), (10, 4000), (1, 1)])
def test_every_photo_fits_the_room(cells: Cells, size: tuple[int, int]) -> None:
    strips = photo_strips(Image.new("RGB", size, "red"), 40, 12, cells)
    assert 1 <= len(strips) <= 12
    widths = {strip.cell_length for strip in strips}
    assert len(widths) == 1
    assert 1 <= widths.pop() <= 40


def test_the_aspect_is_kept() -> None:
    wide, high = fitted((400, 200), 80, 40)
    assert wide == 80
    assert wide / high == pytest.approx(2, rel=0.05)


def test_half_cells_show_the_upper_and_the_lower_colour() -> None:
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (255, 0, 0), (0, 0, 255), (0, 0, 255)])
    (strip,) = photo_strips(image, 2, 1)
    segment = next(iter(strip))
    assert segment.text[0] == "▄"
    assert segment.style is not None
    assert segment.style.bgcolor is not None
    assert segment.style.color is not None
    assert segment.style.bgcolor.get_truecolor() == (255, 0, 0)
    assert segment.style.color.get_truecolor() == (0, 0, 255)


def _colours(segments: Iterable[Segment]) -> list[tuple[object, object]]:
    """Return the colours of the upper and the lower half of each cell."""
    found: list[tuple[object, object]] = []
    for text, style, _ in segments:
        assert style is not None
        upper = style.bgcolor and style.bgcolor.get_truecolor()
        lower = style.color.get_truecolor() if style.color and "▄" in text else upper
        found += [(upper, lower)] * len(text)
    return found


def test_exact_cells_are_those_of_rich_pixels() -> None:
    image = Image.merge("RGB", [Image.effect_noise((30, 20), 90) for _ in range(3)])
    plain = [line for line in Segment.split_lines(HalfcellRenderer().render(image, None)) if line]
    assert [_colours(strip) for strip in photo_strips(image, 30, 10, "exact")] == [_colours(line) for line in plain]


@pytest.mark.parametrize(("few_colours", "farthest"), [(False, 8), (True, 16)])
def test_no_colour_moves_farther_than_the_bound(few_colours: bool, farthest: int) -> None:
    soft = Image.merge("RGB", [Image.linear_gradient("L").rotate(angle) for angle in (0, 90, 180)]).resize((60, 40))
    image = Image.blend(soft, Image.merge("RGB", [Image.effect_noise((60, 40), 90) for _ in range(3)]), 0.2)
    exact, sent = (
        [colour for strip in strips for pair in _colours(strip) for colour in pair]
        for strips in (photo_strips(image, 60, 20, "exact"), photo_strips(image, 60, 20, few_colours=few_colours))
    )
    assert sent != exact
    for one, other in zip(exact, sent, strict=True):
        bright = [
            sum(part * of for part, of in zip(colour, (0.299, 0.587, 0.114), strict=True)) for colour in (one, other)
        ]  # type: ignore[call-overload]
        assert abs(bright[0] - bright[1]) <= farthest + 1.5  # what rounding to whole numbers may add


def test_colours_that_are_nearly_alike_are_named_once() -> None:
    console = Console(color_system="truecolor")
    soft = Image.linear_gradient("L").rotate(90).resize((80, 80)).convert("RGB")
    whole, evened = (
        sum(len(strip.render(console).encode()) for strip in photo_strips(soft, 80, 40, cells))
        for cells in ("exact", "half")
    )
    assert evened < 0.6 * whole


def test_quadrant_cells_find_an_upright_edge_inside_a_cell() -> None:
    image = Image.new("RGB", (40, 40), "black")
    image.paste("white", (0, 0, 10, 40))
    strips = photo_strips(image, 2, 1, "quadrant")
    assert strips[0].text[0] == "▌"


def test_quadrant_cells_split_the_widest_channel_in_the_middle() -> None:
    image = Image.merge("RGB", [Image.effect_noise((24, 16), 90) for _ in range(3)])
    (shapes, inks, papers), shown = split_cells(image), set()
    for place in range(12 * 8):
        y, x = divmod(place, 12)
        corners = [image.getpixel((2 * x + dx, 2 * y + dy)) for dy in (0, 1) for dx in (0, 1)]
        channels = [[corner[number] for corner in corners] for number in range(3)]  # type: ignore[index]
        widest = max(channels, key=lambda values: max(values) - min(values))
        lit = [value > (max(widest) + min(widest)) / 2 for value in widest]
        assert shapes[place] == sum(1 << corner for corner in range(4) if lit[corner])
        for colours, wanted in ((inks, True), (papers, False)):
            group = [[values[corner] for corner in range(4) if lit[corner] is wanted] for values in channels]
            assert colours.getpixel((x, y)) == tuple(sum(values) // len(values) for values in group)
        shown.add(shapes[place])
    assert len(shown) > 10


def test_a_cell_of_one_colour_has_no_shape() -> None:
    shapes, inks, papers = split_cells(Image.new("RGB", (4, 2), (1, 2, 3)))
    assert shapes == b"\0\0"
    assert inks.getpixel((1, 0)) == papers.getpixel((1, 0)) == (1, 2, 3)
