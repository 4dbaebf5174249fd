"""What is sent is little, and the terminal shows just what it would show if all of it were sent."""

from __future__ import annotations

from pathlib import Path

import pyte
import pytest
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.strip import Strip

from engine.workspace import Workspace
from tests.tui.piloting import make_photos, screen_text, wait_for
from tui.app import BeholderApp
from tui.lean_update import LeanUpdate, lean
from tui.widgets.gallery import Gallery
from tui.widgets.photo import Photo

SIZE = (80, 24)
CONSOLE = Console(color_system="truecolor")


class Recorder(BeholderApp):
    """Paints every frame on a terminal of its own."""

    CSS_PATH = []  # noqa: RUF012

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace, "en")
        self.terminal = pyte.Screen(*SIZE)
        self.stream = pyte.Stream(self.terminal)
        self.sent: list[str] = []

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        update = lean(renderable)
        if isinstance(update, CompositorUpdate):
            self.sent.append(update.render_segments(CONSOLE))
            self.stream.feed(self.sent[-1].replace("\n", "\r\n"))
        super()._display(screen, renderable)

    def as_a_whole(self) -> pyte.Screen:
        """Return the terminal as it would be if all of the screen were sent now."""
        terminal = pyte.Screen(*SIZE)
        frame = self.screen._compositor.render_full_update().render_segments(CONSOLE)
        pyte.Stream(terminal).feed(frame.replace("\n", "\r\n"))
        return terminal


class Room(Screen[None]):
    """A gallery beside a photo."""

    CSS = "Gallery { width: 42; } Photo { width: 1fr; }"

    def __init__(self, paths: list[Path], folder: Path) -> None:
        super().__init__()
        self.paths, self.folder = paths, folder

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Gallery(lambda path: path.name, lambda path: (path.name, "80 x"), lambda path: path, self.folder)
            yield Photo()


def _seen(terminal: pyte.Screen) -> list[list[tuple[object, ...]]]:
    """Return character, colours and weight of each cell; ink that can't be seen counts for nothing."""
    return [
        [
            (cell.data, "" if cell.data == " " else cell.fg, cell.bg, cell.bold)
            for cell in (terminal.buffer[y][x] for x in range(SIZE[0]))
        ]
        for y in range(SIZE[1])
    ]


async def test_frames_add_up_to_the_whole_screen(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    paths = make_photos(tmp_path / "photos", [f"{number}-照片.jpg" for number in range(14)])
    app = Recorder(workspace)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        room = Room(paths, tmp_path / "thumbnails")
        await app.push_screen(room)
        gallery, photo = room.query_one(Gallery), room.query_one(Photo)
        gallery.set_rows(paths)
        for step in range(8):
            photo.show(paths[step], [paths[step + 1]])
            gallery.go_to(step * 2 - step % 3)
            await wait_for(pilot, lambda: photo.is_loaded and len(gallery.loaded) >= 6, "the pictures")
            if step == 3:
                app.notify("in front of it", timeout=1000)
                await wait_for(pilot, lambda: "in front" in screen_text(app), "the notice")
            if step == 5:
                app.clear_notifications()
            if step == 6:
                photo.toggle_zoom()
                await wait_for(pilot, lambda: photo.is_loaded, "100 %")
            await pilot.pause()
            assert _seen(app.terminal) == _seen(app.as_a_whole()), f"step {step}"


async def test_a_cursor_move_in_the_gallery_sends_two_captions(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    paths = make_photos(tmp_path / "photos", [f"{number}.jpg" for number in range(6)])
    app = Recorder(workspace)
    async with app.run_test(size=SIZE) as pilot:
        room = Room(paths, tmp_path / "thumbnails")
        await app.push_screen(room)
        gallery = room.query_one(Gallery)
        gallery.set_rows(paths)
        await wait_for(pilot, lambda: len(gallery.loaded) == 6, "the thumbnails")
        gallery.go_to(2)
        await pilot.pause()
        await pilot.pause()
        app.sent.clear()
        gallery.go_to(1)
        await pilot.pause()
        assert 0 < sum(map(len, app.sent)) < 500
        assert "▄" not in "".join(app.sent)


def test_a_span_in_the_middle_of_a_line_is_sent_alone() -> None:
    red, blue = Style(color="red"), Style(color="blue")
    chops = [{0: Strip([Segment("abcdefgh", red)], 8), 8: Strip([Segment("ijkl", blue)], 4)}]
    update = lean(ChopsUpdate(chops, [(0, 2, 4), (0, 6, 10)], [[8, 12]]))
    assert isinstance(update, LeanUpdate)
    terminal = pyte.Screen(12, 1)
    sent = update.render_segments(CONSOLE)
    pyte.Stream(terminal).feed(sent)
    assert terminal.display == ["  cd  ghij  "]
    assert sent.count("H") == 2


@pytest.mark.parametrize("update", [None, "text"])
def test_anything_else_is_left_as_it_is(update: RenderableType | None) -> None:
    assert lean(update) is update
