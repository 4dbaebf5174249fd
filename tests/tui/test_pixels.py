"""Pictures as Kitty and Sixel terminals take them, decoded again; and what covers, moves and removes them."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageStat
from rich.cells import cell_len

from tests.tui.pixel_terminal import PixelTerminal, decode_sixel
from tui.pixels.kitty import NUMBERS, as_png, deletion, diacritics, placeholder_strips, transmission
from tui.pixels.picture import Way, encoded
from tui.pixels.sixel import sixels


def painted(size: tuple[int, int]) -> Image.Image:
    """Return a picture with smooth parts, edges and texture."""
    width, height = size
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    round_about = Image.radial_gradient("L").resize(size)
    image = Image.merge("RGB", (across, down, round_about))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 8, height // 8, width // 3, height // 2), fill=(250, 250, 245))
    for x in range(width // 2, width, 5):
        draw.line((x, height // 2, x - width // 4, height), fill=(x % 256, 40, 90))
    return image


def noise(one: Image.Image, other: Image.Image) -> float:
    """Return the root of the mean squared difference of two pictures, 0 to 255."""
    assert one.size == other.size
    squares = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).sum2
    return math.sqrt(sum(squares) / (3 * one.width * one.height))


def decoded(sequence: str) -> Image.Image:
    start, end = "\x1bP0;1q", "\x1b\\"
    assert sequence.startswith(start)
    assert sequence.endswith(end)
    return decode_sixel(sequence[len(start) : -len(end)])


@pytest.mark.parametrize("size", [(1, 1), (5, 6), (7, 13), (160, 120), (233, 61)])
def test_sixels_are_the_picture_again(size: tuple[int, int]) -> None:
    image = painted(size)
    again = decoded(sixels(image))
    assert again.getextrema()[3] == (255, 255), "some pixels were left out"
    assert noise(image, again) < 12


def test_fewer_colours_take_fewer_bytes_and_are_still_the_picture() -> None:
    image = painted((160, 120))
    few, many = sixels(image, 32), sixels(image)
    assert len(few) < len(many) / 1.5
    assert decoded(few).getcolors(32) is not None
    assert noise(image, decoded(few)) < 25


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_few_coloured_picture_comes_through_exactly(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    # multiples of 51 are whole percents, which is how Sixel counts
    colours = data.draw(
        st.lists(st.tuples(*[st.sampled_from([0, 51, 102, 153, 204, 255])] * 3), min_size=1, max_size=4)
    )
    pixels = data.draw(st.lists(st.sampled_from(colours), min_size=width * height, max_size=width * height))
    image = Image.frombytes("RGB", (width, height), bytes(itertools.chain.from_iterable(pixels)))
    assert decoded(sixels(image)).convert("RGB").tobytes() == image.tobytes()


def test_long_rows_of_one_colour_are_told_by_their_length() -> None:
    assert len(sixels(Image.new("RGB", (800, 600), "navy"))) < 3000


@pytest.mark.parametrize("size", [(1, 1), (40, 40), (400, 300)])
def test_kitty_gets_the_picture_in_small_pieces(size: tuple[int, int]) -> None:
    image, terminal = painted(size), PixelTerminal()
    sequence = transmission(7 << 24 | 99, as_png(image), 20, 10)
    assert all(len(part.partition(";")[2]) <= 4096 for part in sequence.split("\x1b\\"))
    for start in range(0, len(sequence), 1000):
        terminal.write(sequence[start : start + 1000])
    assert terminal.kitty.keys() == {7 << 24 | 99}
    assert terminal.kitty[7 << 24 | 99].cells == (20, 10)
    assert noise(image, terminal.kitty[7 << 24 | 99].image) == 0
    terminal.write(deletion(7 << 24 | 99))
    assert terminal.kitty == {}


def test_each_placeholder_is_one_cell_that_names_its_piece() -> None:
    marks = diacritics()
    assert len(set(marks)) == 297
    for columns, rows in ((1, 1), (80, 40), (297, 297)):
        strips = placeholder_strips(1 << 24 | 200, columns, rows)
        assert len(strips) == rows
        assert {strip.cell_length for strip in strips} == {columns}
        assert {cell_len(strip.text) for strip in strips} == {columns}
    middle = placeholder_strips(1 << 24 | 200, 80, 40)[7].crop(30, 32)
    assert middle.text == f"\U0010eeee{marks[7]}{marks[30]}{marks[1]}\U0010eeee{marks[7]}{marks[31]}{marks[1]}"


@pytest.mark.parametrize("system", ["truecolor", "256"])
def test_a_placeholder_names_its_picture_whatever_colours_the_app_uses(system: str) -> None:
    from rich.console import Console

    console = Console(force_terminal=True, color_system=system, legacy_windows=False)  # type: ignore[arg-type]
    for number in NUMBERS:
        (strip,) = placeholder_strips(5 << 24 | number, 1, 1)
        assert f"\x1b[38;5;{number}m" in strip.render(console)


@pytest.mark.parametrize("mode", ["kitty", "sixel"])
@pytest.mark.parametrize("size", [(1, 1), (95, 61), (100, 60)])
def test_a_picture_fills_whole_cells(mode: str, size: tuple[int, int]) -> None:
    way = Way(mode, (10, 20), (255, 0, 255))  # type: ignore[arg-type]
    picture = encoded(Image.new("RGB", size, "white"), way)
    assert (picture.columns, picture.rows) == (-(-size[0] // 10), -(-size[1] // 20))
    if mode == "sixel":
        image = decoded(picture.data).convert("RGB")
        assert image.size == (10 * picture.columns, 20 * picture.rows)
        assert (size[0] * size[1], (255, 255, 255)) in image.getcolors()


def test_a_slow_line_is_sent_far_less() -> None:
    image = Image.blend(painted((400, 300)), Image.effect_noise((400, 300), 60).convert("RGB"), 0.2)
    for mode in ("kitty", "sixel"):
        whole, few = (len(encoded(image, Way(mode, (10, 20), few_colours=few)).data) for few in (False, True))  # type: ignore[arg-type]
        assert few < whole / 2
