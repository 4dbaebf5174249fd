"""Pictures as Kitty and Sixel terminals take them, decoded again; and what covers, moves and removes them."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageStat
from rich.cells import cell_len
from rich.color import ColorSystem
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

import tui
from engine.errors import Message, UsageError
from engine.workspace import Settings, Workspace
from tests.tui.piloting import screen_text, wait_for
from tests.tui.pixel_terminal import PixelTerminal, decode_sixel
from tui.app import BeholderApp
from tui.pixels.kitty import NUMBERS, as_png, deletion, diacritics, placeholder_strips, transmission
from tui.pixels.picture import Way, encoded
from tui.pixels.sixel import sixels
from tui.terminal_probe import Graphics, PixelMode
from tui.widgets.photo import Photo


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


class Watched(BeholderApp):
    """The app, writing to a terminal of ours."""

    CSS_PATH = [Path(tui.__file__).parent / name for name in ("app.tcss", "screens/home.tcss")]  # noqa: RUF012

    def __init__(
        self, workspace: Workspace, mode: str, terminal: PixelTerminal, *, low_bandwidth: bool = False
    ) -> None:
        graphics = Graphics(cast("PixelMode", mode), Message(""), terminal.cell)
        super().__init__(workspace, "en", pictures=mode, low_bandwidth=low_bandwidth, graphics=graphics)
        self.console._color_system = ColorSystem.TRUECOLOR
        self.terminal = terminal

    @property
    def is_headless(self) -> bool:
        """Let frames be written."""
        if self._driver is not None:
            self._driver.write = self.terminal.write  # type: ignore[method-assign]
        return False


class Room(Screen[None]):
    """One large photo above a line of text."""

    CSS = "Photo { margin: 1 3; } #below { height: 2; }"

    def compose(self) -> ComposeResult:
        yield Photo()
        yield Static("below", id="below")


@asynccontextmanager
async def shown(
    folder: Path, mode: str, *, low_bandwidth: bool = False
) -> AsyncIterator[tuple[Pilot[None], Watched, Photo, PixelTerminal]]:
    """Show a wide and a high photo in the folder; yield when the wide one is on the terminal."""
    for name, size in (("wide.png", (400, 200)), ("high.png", (150, 300))):
        painted(size).save(folder / name)
    terminal = PixelTerminal()
    app = Watched(Workspace(folder / "album"), mode, terminal, low_bandwidth=low_bandwidth)
    async with app.run_test(size=terminal.size, notifications=True) as pilot:
        await app.push_screen(Room())
        photo = app.screen.query_one(Photo)
        photo.show(folder / "wide.png")
        await until_shown(pilot, photo, terminal)
        yield pilot, app, photo, terminal


async def until_shown(pilot: Pilot[None], photo: Photo, terminal: PixelTerminal) -> None:
    await wait_for(pilot, lambda: photo.is_loaded and place_of(terminal) is not None, "the pixels are there")


async def until_text_comes_alone(pilot: Pilot[None], app: Watched, terminal: PixelTerminal) -> None:
    """Change the text below the photo until that sends no pixels; frames of the app's start may still be coming."""
    for turn in range(20):
        text, drawn = f"turn {turn}", len(terminal.sixels)
        app.screen.query_one("#below", Static).update(text, layout=False)
        await wait_for(pilot, lambda: text in terminal.text, "the text is there")  # noqa: B023
        if len(terminal.sixels) == drawn:
            return
    pytest.fail("every frame sends the pixels again")


def place_of(terminal: PixelTerminal) -> tuple[int, int, int, int] | None:
    kitty = terminal.placeholders()
    return kitty[1] if kitty is not None else terminal.pixel_place


def picture_of(terminal: PixelTerminal) -> Image.Image:
    kitty = terminal.placeholders()
    return (
        terminal.kitty[kitty[0]].image if kitty is not None else terminal.sixels[next(iter(terminal.pixels.values()))]
    )


BOTH = pytest.mark.parametrize("mode", ["kitty", "sixel"])


@BOTH
async def test_a_photo_is_drawn_sharp_and_in_the_middle(tmp_path: Path, mode: str) -> None:
    async with shown(tmp_path, mode) as (_, _, _, terminal):
        left, top, columns, rows = place_of(terminal) or (0, 0, 0, 0)
        assert (left, columns) == (3, 74)
        assert columns * 10 / (rows * 20) == pytest.approx(2, rel=0.05)
        assert abs((top - 1) - (terminal.size[1] - 2 - 1 - top - rows)) <= 1
        expected = painted((400, 200)).resize((740, 370), Image.Resampling.LANCZOS)
        picture = picture_of(terminal).convert("RGB")
        around = (picture.width - 740) // 2, (picture.height - 370) // 2
        assert noise(picture.crop((*around, around[0] + 740, around[1] + 370)), expected) < 12
        assert "below" in terminal.text


@BOTH
async def test_another_photo_takes_the_place_and_nothing_of_the_first_one_stays(tmp_path: Path, mode: str) -> None:
    async with shown(tmp_path, mode) as (pilot, _, photo, terminal):
        before = place_of(terminal)
        photo.show(tmp_path / "high.png")
        await wait_for(pilot, lambda: place_of(terminal) not in (None, before), "the other photo is there")
        _, _, columns, rows = place_of(terminal) or (0, 0, 0, 0)
        assert columns * 10 / (rows * 20) == pytest.approx(0.5, rel=0.1)
        photo.show(None)
        await wait_for(pilot, lambda: place_of(terminal) is None, "no photo is there")


@BOTH
async def test_zooming_shows_the_pixels_of_the_photo_one_to_one(tmp_path: Path, mode: str) -> None:
    large = painted((2000, 1500))
    large.save(tmp_path / "large.png")
    async with shown(tmp_path, mode) as (pilot, _, photo, terminal):
        photo.show(tmp_path / "large.png")
        await wait_for(pilot, lambda: photo.is_loaded, "it is there")
        photo.toggle_zoom()
        await wait_for(pilot, lambda: photo.is_loaded and place_of(terminal) == (3, 1, 74, 20), "it fills the room")
        await wait_for(pilot, lambda: picture_of(terminal).size == (740, 400), "the part is drawn")
        middle = large.crop((630, 550, 1370, 950))
        assert noise(picture_of(terminal), middle) < 12
        photo.pan(-99, -99)
        corner = large.crop((0, 0, 740, 400))
        await wait_for(pilot, lambda: noise(picture_of(terminal), corner) < 12, "the corner is seen")


async def test_the_same_part_of_a_photo_is_sent_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    async with shown(tmp_path, "sixel") as (pilot, app, photo, terminal):
        photo.toggle_zoom()
        await wait_for(pilot, lambda: photo.is_loaded and terminal.pixels, "it is zoomed")
        await until_text_comes_alone(pilot, app, terminal)
        drawn = len(terminal.sixels)
        for _ in range(6):
            photo.show(tmp_path / "wide.png")
            await wait_for(pilot, lambda: app.pictures.is_idle, "nothing is left to draw")
            await until_text_comes_alone(pilot, app, terminal)
        assert len(terminal.sixels) <= drawn + 3  # the app's own start may paint everything once more


async def test_another_theme_is_seen_around_the_picture_too(tmp_path: Path) -> None:
    async with shown(tmp_path, "sixel") as (pilot, app, photo, terminal):
        before = photo.background_colors[1].rgb
        assert noise_of_paper(picture_of(terminal), before) < 4
        app.theme = "textual-light"
        await wait_for(pilot, lambda: photo.background_colors[1].rgb != before, "it is light")
        await wait_for(
            pilot,
            lambda: terminal.pixels and noise_of_paper(picture_of(terminal), photo.background_colors[1].rgb) < 4,
            "the edge is light",
        )


def noise_of_paper(picture: Image.Image, paper: tuple[int, int, int]) -> float:
    """Return how far the row at the top of a picture is from a colour."""
    top = picture.convert("RGB").crop((0, 0, picture.width, 1))
    return noise(top, Image.new("RGB", top.size, paper))


@BOTH
async def test_a_dialog_hides_the_pixels_and_gives_them_back(tmp_path: Path, mode: str) -> None:
    async with shown(tmp_path, mode) as (pilot, app, _, terminal):
        place = place_of(terminal)
        app.show_error(UsageError("Something is wrong.", remedy="Do it right."))
        await wait_for(pilot, lambda: "Something is wrong." in terminal.text, "the dialog is there")
        assert terminal.pixel_place is None
        await pilot.press("escape")
        await wait_for(pilot, lambda: "Something is wrong." not in terminal.text, "the dialog is gone")
        await wait_for(pilot, lambda: place_of(terminal) == place, "the pixels are back")


async def test_a_notice_over_a_photo_is_read_and_leaves_no_hole(tmp_path: Path) -> None:
    async with shown(tmp_path, "sixel") as (pilot, app, photo, terminal):
        place = place_of(terminal)
        app.notify("Look here", timeout=600)
        await wait_for(pilot, lambda: "Look here" in terminal.text, "the notice is there")
        photo.refresh()  # a frame while it is covered must not draw over the notice
        await wait_for(pilot, lambda: not terminal.pixels, "the cells are seen instead")
        assert "Look here" in terminal.text
        app.clear_notifications()
        await wait_for(pilot, lambda: terminal.pixels and place_of(terminal) == place, "the pixels are back")


async def test_frames_elsewhere_send_no_pixels_again(tmp_path: Path) -> None:
    async with shown(tmp_path, "sixel") as (pilot, app, _, terminal):
        await until_text_comes_alone(pilot, app, terminal)
        assert terminal.pixels


@BOTH
async def test_another_way_of_drawing_wipes_the_pixels(tmp_path: Path, mode: str) -> None:
    async with shown(tmp_path, mode) as (pilot, _, photo, terminal):
        assert photo.cells == "pixels"
        photo.next_cells()
        assert photo.cells == "half"
        await wait_for(pilot, lambda: place_of(terminal) is None and "▄" in terminal.text, "half cells are there")
        assert terminal.kitty == {} or mode == "sixel"
        photo.next_cells()
        photo.next_cells()
        await until_shown(pilot, photo, terminal)


@BOTH
async def test_another_size_of_the_terminal_draws_again(tmp_path: Path, mode: str) -> None:
    async with shown(tmp_path, mode) as (pilot, _, photo, terminal):
        terminal.resize((60, 18))
        await pilot.resize_terminal(60, 18)
        await wait_for(pilot, lambda: photo.is_loaded, "it is drawn again")
        await wait_for(pilot, lambda: (place_of(terminal) or (0, 0, 0, 0))[2] == 54, "it fits the room")


async def test_a_terminal_keeps_few_pictures_and_none_after_the_end(tmp_path: Path) -> None:
    async with shown(tmp_path, "kitty") as (pilot, app, photo, terminal):
        for turn in range(6):
            number = terminal.placeholders()
            photo.show(tmp_path / ("high.png" if turn % 2 == 0 else "wide.png"))
            await wait_for(pilot, lambda: terminal.placeholders() not in (None, number), "the other one is there")  # noqa: B023
            assert len(terminal.kitty) <= 2
        assert app.pixel_layer is not None
    terminal.write(app.pixel_layer.farewell())
    assert terminal.kitty == {}


@BOTH
async def test_a_slow_line_gets_fewer_and_coarser_pixels(tmp_path: Path, mode: str) -> None:
    async with shown(tmp_path, mode, low_bandwidth=True) as (_, app, _, terminal):
        assert picture_of(terminal).convert("RGB").getcolors(33) is not None
        assert (place_of(terminal) or (0, 0, 99, 0))[2] <= 56
        assert app.animation_level == "none"


async def test_a_broken_photo_says_why_in_words(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\\x89PNG no more")
    async with shown(tmp_path, "sixel") as (pilot, _, photo, terminal):
        photo.show(tmp_path / "broken.png")
        await wait_for(pilot, lambda: photo.problem, "the reason is known")
        await wait_for(pilot, lambda: not terminal.pixels and photo.problem[:10] in terminal.text, "it is told")


async def test_the_palette_chooses_the_way_and_remembers_it(tmp_path: Path) -> None:
    async with shown(tmp_path, "sixel") as (pilot, app, photo, terminal):
        for words, cells, saved in (("quadrant", "quadrant", "quadrant"), ("real pixels", "pixels", "auto")):
            await pilot.press("ctrl+p", *words.replace(" ", ""))
            await wait_for(pilot, lambda: words in terminal.text, "the command is offered")  # noqa: B023
            await pilot.press("enter")
            await wait_for(pilot, lambda: photo.cells == cells, "it is chosen")  # noqa: B023
            await wait_for(pilot, lambda: app.workspace.settings().pictures == saved, "it is remembered")  # noqa: B023
        await until_shown(pilot, photo, terminal)


async def test_the_palette_says_where_pixels_can_never_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-1/default,1,0")
    app = BeholderApp(Workspace(tmp_path), "en")
    async with app.run_test(notifications=True) as pilot:
        await pilot.press("ctrl+p", *"realpixels")
        await wait_for(pilot, lambda: "real pixels" in screen_text(app), "the command is offered")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "tmux and screen" in screen_text(app), "the reason is told")
        assert not app.workspace.settings_file.exists()


async def test_the_saved_kind_of_cells_is_used_from_the_start(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.save_settings(Settings(pictures="quadrant"))
    app = BeholderApp(workspace, "en")
    async with app.run_test() as pilot:
        await app.push_screen(Room())
        await wait_for(pilot, lambda: app.screen.query_one(Photo).cells == "quadrant", "quadrants are drawn")
