"""How the Import screen looks, kept as pictures: three sizes, both languages, a light theme."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from PIL import Image
from textual.widgets import Input

from engine.labels.recent import remember_folder
from engine.thumbnails import Thumbnails
from engine.workspace import Workspace
from tests.tui.import_piloting import go_to, show
from tests.tui.piloting import screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.import_report import ImportReportDialog
from tui.screens.importing import ImportScreen
from tui.widgets.gallery import _THUMBNAIL, TILE, Gallery
from tui.widgets.photo import Photo

SIZES = ((60, 15), (80, 24), (120, 40))
NAMES = ["85.jpg", "62_1.jpg", "170.jpg", "IMG_2041.jpg", "日落.jpg", "a[red]b.jpg", "trip/85.jpg", "trip/twin.jpg"]
SHOWN = [
    *((state, size, "en", "dark") for state in ("form", "table", "gallery") for size in SIZES),
    *(
        pytest.param(state, size, "zh", "dark", marks=pytest.mark.slow)
        for state in ("form", "table", "gallery")
        for size in SIZES
    ),
    *(("report", (60, 15), language, "dark") for language in ("en", "zh")),
    *((state, (80, 24), "en", "dark") for state in ("recent", "wrong", "problems", "report")),
    *((state, (80, 24), "zh", "dark") for state in ("wrong", "report")),
    *((state, (80, 24), "en", "light") for state in ("form", "gallery")),
]


@pytest.fixture
def workspace(monkeypatch, tmp_path):
    """A workspace without photos, and beside it an album to import."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLORTERM", "truecolor")
    (tmp_path / "album" / "trip").mkdir(parents=True)
    for number, name in enumerate(NAMES):  # plain ones: a snapshot has a line for each patch of colour
        photo = Image.new("RGB", (48, 36), (30 * number, 90, 200 - 15 * number))
        photo.paste((240, 200, 30 * number), (12, 9, 36, 27))
        photo.save(tmp_path / "album" / name, "PNG")
    (tmp_path / "album" / "trip" / "twin.jpg").write_bytes((tmp_path / "album" / "IMG_2041.jpg").read_bytes())
    (tmp_path / "album" / "broken.jpg").write_text("no picture", "utf-8")
    place = Workspace(tmp_path / "taste")
    place.create()
    remember_folder(place, tmp_path / "photos of the year")
    remember_folder(place, tmp_path / "album")
    (tmp_path / "photos of the year").mkdir()
    kept = Thumbnails(place.thumbnails)
    for path in sorted(tmp_path.glob("album/**/*.jpg")):
        os.utime(path, (1_760_000_000, 1_760_000_000))
        if path.name != "broken.jpg":  # a thumbnail that was kept looks a little other than one just made
            kept.read(path, _THUMBNAIL)
    kept.close()
    return place


async def bring_to(state, pilot, screen, workspace):
    """Make the screen show a state."""
    if state in {"form", "recent"}:
        field = screen.query_one("#folder").parent
        await wait_for(pilot, lambda: len(field.offered) == 2, "the recent folders")
        await pilot.press(*(("escape",) if state == "form" else ("down",)))
        return
    if state == "wrong":
        screen.query_one("#folder", Input).value = "~/album"
        screen.query_one("#pattern").focus()
        await pilot.press(*"_s([0-9]")
        return
    await show(pilot, screen, workspace.root.parent / "album", 9)
    await go_to(pilot, screen, "a[red]b.jpg")
    await pilot.press("x", "7", "1", "enter")
    if state == "problems":
        await pilot.press("s")
    if state == "gallery":
        await pilot.press("g", "home", "right")
        gallery = screen.query_one(Gallery)
        await wait_for(pilot, lambda: gallery.cursor == 1, "the second photo")
        seen = gallery.rows[: -(-gallery.size.height // TILE.height) * gallery.columns]
        await wait_for(pilot, lambda: gallery.loaded >= {str(item.source) for item in seen}, "the thumbnails")
    if state == "table":
        await pilot.press("4")
    if state == "report":
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, ImportReportDialog), "the report")
    else:
        photo = screen.query_one(Photo)
        await wait_for(pilot, lambda: photo.path == screen.rows.row.source, "the photo of the cursor")
        await wait_for(pilot, lambda: bool(photo.info or photo.problem or not photo.is_on_screen), "the drawing")


@pytest.mark.parametrize(
    ("state", "size", "language", "theme"),
    SHOWN,
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
def test_the_import_screen_looks_as_it_did(snap_compare, workspace, state, size, language, theme):
    workspace.save_settings(replace(workspace.settings(), theme=f"beholder-{theme}"))

    async def go(pilot):
        app = pilot.app
        await wait_for(pilot, lambda: "F6" in screen_text(app), "Home")
        await pilot.press("f2")
        await wait_for(pilot, lambda: isinstance(app.screen, ImportScreen), "the Import screen")
        await bring_to(state, pilot, app.screen, workspace)
        await app.workers.wait_for_complete()
        for field in app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause()
        await pilot.pause()

    assert snap_compare(BeholderApp(workspace, language), terminal_size=size, run_before=go)
