"""The gallery draws what is in sight first, forgets what scrolled away, and never walks through all of its photos."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

from engine.workspace import Workspace
from tests.tui.piloting import make_photos, screen_text, wait_for
from tui.app import BeholderApp
from tui.i18n import t
from tui.picture_pool import Wish
from tui.widgets.gallery import Gallery


class Row(NamedTuple):
    name: str
    right: str = "80"


class Room(Screen[None]):
    """Nothing but a gallery."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def compose(self) -> ComposeResult:
        yield Gallery(
            lambda row: row.name,
            lambda row: (row.name, row.right),
            lambda row: self.folder / row.name,
            self.folder / "kept",
        )


@asynccontextmanager
async def _gallery(tmp_path: Path, size: tuple[int, int] = (80, 27)) -> AsyncIterator[tuple[Pilot[None], Gallery]]:
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=size) as pilot:
        room = Room(tmp_path)
        await app.push_screen(room)
        yield pilot, room.query_one(Gallery)


def _rows(folder: Path, count: int) -> list[Row]:
    return [Row(path.name) for path in make_photos(folder, [f"{number}.jpg" for number in range(count)])]


def _text(pilot: Pilot[Any]) -> str:
    assert isinstance(pilot.app, BeholderApp)
    return screen_text(pilot.app)


async def test_tiles_come_with_name_and_score_flag_and_mark_as_text(tmp_path: Path) -> None:
    rows = [*_rows(tmp_path, 3), Row("照片-a-long-name-of-a-photo.jpg", "⚑ ● 7.5"), Row("x[red].jpg", "–")]
    make_photos(tmp_path, [row.name for row in rows])
    async with _gallery(tmp_path) as (pilot, gallery):
        gallery.set_rows(rows)
        await wait_for(pilot, lambda: len(gallery.loaded) == 5, "the thumbnails")
        await pilot.pause()
        text = _text(pilot)
        assert "⚑ ● 7.5" in text
        assert "照片-a-lo" in text
        assert "x[red].jpg" in text
        assert text.count("▄") > 5 * 20
        assert all(len(line.rstrip()) <= 80 for line in text.splitlines())


async def test_a_broken_photo_says_so_and_the_others_come(tmp_path: Path) -> None:
    rows = _rows(tmp_path, 3)
    (tmp_path / "1.jpg").write_bytes(b"no picture")
    async with _gallery(tmp_path) as (pilot, gallery):
        gallery.set_rows([*rows, Row("gone.jpg")])
        await wait_for(pilot, lambda: len(gallery.loaded) == 4, "all tiles")
        await pilot.pause()
        assert _text(pilot).count(t("app.gallery.broken")) == 2


async def test_what_is_in_sight_is_asked_for_first_and_what_scrolled_away_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], list[str]]] = []

    def want(owner: object, seen: Sequence[Wish], near: Sequence[Wish] = ()) -> None:
        asked.append(tuple([wish.key[0] for wish in wishes] for wishes in (seen, near)))  # type: ignore[index, arg-type]

    async with _gallery(tmp_path) as (pilot, gallery):
        assert isinstance(pilot.app, BeholderApp)
        monkeypatch.setattr(pilot.app.pictures, "want", want)
        gallery.set_rows([Row(f"{number}.jpg") for number in range(100_000)])
        seen, near = asked[-1]
        assert seen == [f"{number}.jpg" for number in range(12)]
        assert near == [f"{number}.jpg" for number in range(12, 24)]
        gallery.action_edge(1)
        await wait_for(pilot, lambda: "99999.jpg" in asked[-1][0], "the end")
        seen, near = asked[-1]
        assert seen[0] == "99988.jpg"
        assert near == [f"{number}.jpg" for number in range(99976, 99988)]


async def test_scrolling_fast_leaves_no_work_behind(tmp_path: Path) -> None:
    rows = _rows(tmp_path, 240)
    gate = threading.Event()
    async with _gallery(tmp_path) as (pilot, gallery):
        assert isinstance(pilot.app, BeholderApp)
        begun = threading.Semaphore(0)

        def be_busy() -> bool:
            begun.release()
            return gate.wait(120)

        pool = pilot.app.pictures
        pool.want(pilot.app, [Wish(f"busy {number}", be_busy) for number in range(2)])
        for _ in range(2):  # both threads of the pool are taken before anything is asked of them
            assert await asyncio.to_thread(begun.acquire, timeout=60)
        gallery.set_rows(rows)
        for _ in range(20):
            gallery.action_page(1)
        gate.set()
        await wait_for(pilot, lambda: "239.jpg" in gallery.loaded, "the last page")
        await wait_for(pilot, lambda: pool.is_idle, "an idle pool")
        assert len(gallery.loaded) <= 3 * 12


async def test_a_cursor_move_names_two_captions(tmp_path: Path) -> None:
    async with _gallery(tmp_path) as (_, gallery):
        gallery.set_rows([Row(f"{number}.jpg") for number in range(40)])
        assert gallery.columns == 4
        first, sixth = gallery.row_region(0), gallery.row_region(5)
        assert first is not None
        assert sixth is not None
        assert (first.x, first.y, first.height) == (0, 7, 1)
        assert (sixth.x, sixth.y, sixth.height) == (first.width, 16, 1)
        assert gallery.row_region(39) is None
        gallery.go_to(39)
        assert gallery.row_region(39) is not None
        assert gallery.row_region(0) is None


async def test_a_photo_that_changed_gets_a_new_tile(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png")
    rows = [Row("a.png")]
    async with _gallery(tmp_path) as (pilot, gallery):

        def colours() -> set[tuple[int, int, int]]:
            line = gallery.render_lines(Region(0, 3, 80, 1))[0]
            return {tuple(part.style.bgcolor.get_truecolor()) for part in line if part.style and part.style.bgcolor}  # type: ignore[misc]

        gallery.set_rows(rows)
        await wait_for(pilot, lambda: (255, 0, 0) in colours() or (254, 0, 0) in colours(), "the red tile")
        Image.new("RGB", (40, 30), "blue").save(tmp_path / "a.png")
        os.utime(tmp_path / "a.png", ns=(1, 1))
        gallery.set_rows(rows)
        await wait_for(pilot, lambda: any(blue > 200 > red for red, _, blue in colours()), "the blue tile")


async def test_a_hundred_thousand_photos(tmp_path: Path) -> None:
    names = [row.name for row in _rows(tmp_path, 20)]

    class Endless(Sequence[Row]):
        """Says what is asked of it: nobody may walk through all of it for a frame."""

        asked = 0

        def __len__(self) -> int:
            return 100_000

        def __getitem__(self, place: Any) -> Any:
            if isinstance(place, slice):
                return [self[n] for n in range(*place.indices(len(self)))]
            self.asked += 1
            return Row(names[place % 20], str(place))

    rows = Endless()
    async with _gallery(tmp_path) as (pilot, gallery):
        gallery.set_rows(rows, cursor=0)
        gallery.action_edge(1)
        await wait_for(pilot, lambda: "99999" in _text(pilot), "the last photo")
        gallery.action_row(-1)
        gallery.go_to(50_000)
        await wait_for(pilot, lambda: "50000" in _text(pilot), "the photo in the middle")
        assert gallery.cursor == 50_000
        assert rows.asked < 20_000
