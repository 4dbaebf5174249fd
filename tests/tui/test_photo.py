"""A photo is shown upright, whole or zoomed; flips are quick, and only cells that change are painted."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

from engine.workspace import Workspace
from tests.tui.piloting import make_photos, screen_text, wait_for
from tui.app import BeholderApp
from tui.i18n import set_language
from tui.picture_strip import PictureStrip
from tui.widgets.photo import Photo


class Wall(Screen[None]):
    """Nothing but a photo."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Photo.Loaded] = []

    def compose(self) -> ComposeResult:
        yield Photo()

    def on_photo_loaded(self, message: Photo.Loaded) -> None:
        self.heard.append(message)


@asynccontextmanager
async def _shown(
    tmp_path: Path, size: tuple[int, int] = (40, 12), *, low_bandwidth: bool = False
) -> AsyncIterator[tuple[Pilot[None], Photo, Wall]]:
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    app = BeholderApp(workspace, "en", low_bandwidth=low_bandwidth)
    async with app.run_test(size=size, notifications=True) as pilot:
        wall = Wall()
        await app.push_screen(wall)
        yield pilot, wall.query_one(Photo), wall


async def _show(pilot: Pilot[Any], photo: Photo, path: Path | None, *neighbours: Path) -> None:
    photo.show(path, neighbours)
    await wait_for(pilot, lambda: photo.is_loaded, "the photo")
    await pilot.pause()  # so that the message is heard too


def _checks(path: Path, size: tuple[int, int] = (400, 300), **options: Any) -> Path:
    """Save a picture whose pixels tell where they are: red grows to the right, green downwards."""
    columns = Image.linear_gradient("L").rotate(90).resize(size)
    rows = Image.linear_gradient("L").resize(size)
    Image.merge("RGB", (columns, rows, Image.new("L", size))).save(path, **options)
    return path


def _picture(photo: Photo) -> list[list[tuple[int, int, int]]]:
    """Return the paper colours of the cells on the screen, row by row."""
    found = []
    for line in photo.render_lines(Region(0, 0, photo.size.width, photo.size.height)):
        colours = [segment.style.bgcolor for segment in line for _ in segment.text if segment.style is not None]
        found.append([tuple(colour.get_truecolor()) if colour else (0, 0, 0) for colour in colours])
    return found  # type: ignore[return-value]


async def test_a_photo_is_upright_its_aspect_kept_in_the_middle(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    turned = _checks(tmp_path / "a.jpg", (400, 200), exif=exif, quality=95)
    async with _shown(tmp_path) as (pilot, photo, wall):
        await _show(pilot, photo, turned)
        cells = _picture(photo)
        margin = cells[0][0]
        drawn = [x for x in range(40) if cells[6][x] != margin]
        assert (len(drawn), drawn[0]) == (12, 14)
        # the file's left edge (no red) is above after the turn, its upper edge (no green) is right
        assert cells[0][20][0] < 60 < 190 < cells[11][20][0]
        assert cells[6][14][1] > 190 > 60 > cells[6][25][1]
        assert photo.info is not None
        assert (photo.info.width, photo.info.height) == (200, 400)
        assert [(message.path, message.problem) for message in wall.heard] == [(turned, "")]


async def test_a_neighbour_is_drawn_ahead_and_appears_at_once(tmp_path: Path) -> None:
    paths = make_photos(tmp_path, [f"{number}.jpg" for number in range(4)])
    async with _shown(tmp_path) as (pilot, photo, _):
        await _show(pilot, photo, paths[0], paths[1], paths[2])
        before = _picture(photo)
        await wait_for(pilot, lambda: pilot.app.pictures.is_idle, "the neighbours")  # type: ignore[attr-defined]
        await pilot.pause()
        for path in paths[1:3]:
            photo.show(path)
            assert photo.is_loaded
            assert photo.info is not None
            assert _picture(photo) != before
        photo.show(paths[3])
        assert not photo.is_loaded


async def test_a_newer_photo_makes_an_older_one_void(tmp_path: Path) -> None:
    paths = make_photos(tmp_path, [f"{number}.jpg" for number in range(30)])
    async with _shown(tmp_path) as (pilot, photo, wall):
        for path in paths:
            photo.show(path)
        await wait_for(pilot, lambda: photo.is_loaded, "the last photo")
        await pilot.pause()
        assert photo.path == paths[-1]
        assert [message.path for message in wall.heard] == [paths[-1]]


async def test_a_photo_that_changed_on_disk_is_drawn_again(tmp_path: Path) -> None:
    path, other = make_photos(tmp_path, ["a.png", "b.png"])
    Image.new("RGB", (40, 30), "red").save(path)
    async with _shown(tmp_path) as (pilot, photo, _):
        await _show(pilot, photo, path)
        await _show(pilot, photo, other)
        Image.new("RGB", (40, 30), "blue").save(path)
        os.utime(path, ns=(1, 1))
        await _show(pilot, photo, path)
        await wait_for(pilot, lambda: _picture(photo)[6][20] == (0, 0, 255), "the new picture")


async def test_why_a_photo_cannot_be_shown(tmp_path: Path) -> None:
    (tmp_path / "broken[b].jpg").write_bytes(b"no picture")
    (good,) = make_photos(tmp_path, ["good.jpg"])
    async with _shown(tmp_path, (60, 12)) as (pilot, photo, wall):
        await _show(pilot, photo, tmp_path / "broken[b].jpg")
        assert "not a picture" in photo.problem
        assert "broken[b].jpg" in screen_text(pilot.app)  # type: ignore[arg-type]
        assert photo.info is None
        assert wall.heard[-1].problem == photo.problem
        photo.toggle_zoom()
        photo.pan(1, 1)
        assert not photo.zoomed
        await _show(pilot, photo, tmp_path / "gone.jpg")
        assert "There is no" in photo.problem
        await _show(pilot, photo, good)
        assert photo.problem == ""
        await _show(pilot, photo, None)
        assert not screen_text(pilot.app).strip()  # type: ignore[arg-type]
        assert photo.info is None


@pytest.mark.parametrize("size", [(1, 1), (1, 10000), (10000, 1), (3, 5)])
async def test_odd_shapes_can_be_shown_and_zoomed(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, (200, 100, 50)).save(tmp_path / "a.png")
    async with _shown(tmp_path) as (pilot, photo, _):
        for cells in ("half", "quadrant"):
            photo.cells = cells
            await _show(pilot, photo, tmp_path / "a.png")
            assert photo.problem == ""
            assert any(colour == (200, 100, 50) for row in _picture(photo) for colour in row)
            photo.toggle_zoom()
            await wait_for(pilot, lambda: photo.is_loaded, "100 %")
            assert photo.problem == ""
            for step in ((99, 99), (-99, -99)):
                photo.pan(*step)
                await wait_for(pilot, lambda: photo.is_loaded, "another part")
            photo.toggle_zoom()
            assert not photo.zoomed


async def test_at_100_percent_each_half_cell_is_one_pixel(tmp_path: Path) -> None:
    image = Image.effect_noise((400, 300), 90).convert("RGB")
    image.save(tmp_path / "a.png")
    async with _shown(tmp_path) as (pilot, photo, _):
        await _show(pilot, photo, tmp_path / "a.png")
        photo.toggle_zoom()
        assert photo.zoomed
        await wait_for(pilot, lambda: photo.is_loaded, "100 %")
        middle = image.crop((180, 138, 220, 162))
        assert [[middle.getpixel((x, 2 * y)) for x in range(40)] for y in range(12)] == _picture(photo)
        assert photo.view_text == "100 % · 50 % across, 50 % down"
        photo.pan(-99, -99)
        await wait_for(pilot, lambda: photo.is_loaded, "the corner")
        assert _picture(photo)[0][0] == image.getpixel((0, 0))
        photo.pan(99, 99)
        await wait_for(pilot, lambda: photo.is_loaded, "the other corner")
        assert _picture(photo)[11][39] == image.getpixel((399, 298))


async def test_zooming_goes_by_steps_and_ends_at_both_ends(tmp_path: Path) -> None:
    async with _shown(tmp_path) as (pilot, photo, _):
        await _show(pilot, photo, _checks(tmp_path / "a.png", (4000, 3000)))
        whole, seen = _picture(photo), []
        for _ in range(10):
            photo.zoom(1)
            seen.append(photo.view_text.split(" %")[0])
        assert seen == ["1.56", "3.12", "6.25", "12.5", "25", "50", *["100"] * 4]
        await wait_for(pilot, lambda: photo.is_loaded, "100 %")
        assert _picture(photo) != whole
        photo.zoom(-1)
        assert photo.view_text.startswith("50 %")
        photo.zoom(-10)
        assert not photo.zoomed
        assert photo.view_text == ""
        await wait_for(pilot, lambda: photo.is_loaded, "the whole photo")
        assert _picture(photo) == whole
        photo.pan(1, 0)
        assert photo.is_loaded


async def test_moving_about_shows_what_lies_there(tmp_path: Path) -> None:
    async with _shown(tmp_path) as (pilot, photo, _):
        await _show(pilot, photo, _checks(tmp_path / "a.png", (400, 300)))
        photo.toggle_zoom()
        await wait_for(pilot, lambda: photo.is_loaded, "100 %")
        red, green, _ = _picture(photo)[6][20]
        for _ in range(4):
            photo.pan(1, 0)
        await wait_for(pilot, lambda: photo.is_loaded, "one room to the right")
        right = _picture(photo)[6][20]
        assert right[0] - red == pytest.approx(255 * 40 / 400, abs=2)
        assert right[1] == green
        photo.pan(0, -4)
        await wait_for(pilot, lambda: photo.is_loaded, "one room up")
        assert green - _picture(photo)[6][20][1] == pytest.approx(255 * 24 / 300, abs=2)
        set_language("zh")
        assert photo.view_text == "100 % · 横向 60 %，纵向 42 %"


async def test_another_photo_is_shown_whole_and_the_same_one_stays_zoomed(tmp_path: Path) -> None:
    one, two = make_photos(tmp_path, ["a.jpg", "b.jpg"])
    async with _shown(tmp_path) as (pilot, photo, _):
        await _show(pilot, photo, one)
        photo.toggle_zoom()
        await _show(pilot, photo, one)
        assert photo.zoomed
        await _show(pilot, photo, two)
        assert not photo.zoomed


async def test_only_cells_that_change_are_painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Image.new("RGB", (400, 240), (10, 20, 30))
    plain.save(tmp_path / "a.png")
    plain.paste((200, 100, 50), (100, 100, 140, 140))
    plain.save(tmp_path / "b.png")
    async with _shown(tmp_path, (40, 12)) as (pilot, photo, _):
        await _show(pilot, photo, tmp_path / "a.png", tmp_path / "b.png")
        await wait_for(pilot, lambda: pilot.app.pictures.is_idle, "the neighbour")  # type: ignore[attr-defined]
        await pilot.pause()
        painted: list[Region] = []
        monkeypatch.setattr(photo, "refresh", lambda *regions, **_: painted.extend(regions))
        photo.show(tmp_path / "a.png")
        assert painted == []
        photo.show(tmp_path / "b.png")
        area = sum(region.area for region in painted)
        assert 8 <= area <= 60  # 4 by 2 cells, and what the smooth edges touch; the whole would be 480
        assert all(region.x >= 5 and region.right <= 20 for region in painted)


async def test_a_slow_line_gets_a_smaller_photo_of_fewer_bytes(tmp_path: Path) -> None:
    path = _checks(tmp_path / "a.png", (800, 600))
    console, sent = Console(color_system="truecolor"), []
    for low_bandwidth in (False, True):
        async with _shown(tmp_path / str(low_bandwidth), (80, 40), low_bandwidth=low_bandwidth) as (pilot, photo, _):
            await _show(pilot, photo, path)
            lines = photo.render_lines(Region(0, 0, 80, 40))
            sent.append(len("".join(line.render(console) for line in lines).encode()))
    assert sent[1] < 0.7 * sent[0]


async def test_another_size_of_the_terminal_is_filled_at_once(tmp_path: Path) -> None:
    async with _shown(tmp_path) as (pilot, photo, _):
        await _show(pilot, photo, _checks(tmp_path / "a.png", (800, 200)))
        for size in ((100, 30), (30, 8)):
            await pilot.resize_terminal(*size)
            lines = photo.render_lines(Region(0, 0, *size))
            assert [line.cell_length for line in lines] == [size[0]] * size[1]
            await wait_for(pilot, lambda: photo.is_loaded, "the photo at its new size")
            await pilot.pause()
            cells = _picture(photo)
            assert all(len(set(row)) > size[0] // 5 for row in cells[size[1] // 2 - 2 : size[1] // 2 + 2])


async def test_a_dialog_over_a_photo_and_another_theme_leave_it_whole(tmp_path: Path) -> None:
    (path,) = make_photos(tmp_path, ["a.jpg"])
    async with _shown(tmp_path, (80, 24)) as (pilot, photo, _):
        await _show(pilot, photo, path)
        before = _picture(photo)
        pilot.app.notify("over it", timeout=100)
        await wait_for(pilot, lambda: "over it" in screen_text(pilot.app), "the notice")  # type: ignore[arg-type]
        assert "▄" in screen_text(pilot.app)  # type: ignore[arg-type]
        pilot.app.clear_notifications()
        await wait_for(pilot, lambda: "over it" not in screen_text(pilot.app), "the end of it")  # type: ignore[arg-type]
        pilot.app.theme = "beholder-light"
        await wait_for(pilot, lambda: _picture(photo)[0][0] != before[0][0], "the light margins")
        assert _picture(photo)[12][40] == before[12][40]


async def test_borders_and_missing_colours_are_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    path = _checks(tmp_path / "a.png")
    async with _shown(tmp_path) as (pilot, photo, _):
        photo.styles.border = ("round", "white")
        await pilot.pause()
        await _show(pilot, photo, path)
        assert "╭" in screen_text(pilot.app)  # type: ignore[arg-type]
        assert "▄" in screen_text(pilot.app)  # type: ignore[arg-type]
        lines = photo.render_lines(Region(0, 0, 40, 12))
        assert not any(isinstance(line, PictureStrip) for line in lines)
        colours = {segment.style.color for line in lines for segment in line if segment.style is not None}
        assert all(len(set(colour.get_truecolor())) == 1 for colour in colours if colour is not None)  # grays
