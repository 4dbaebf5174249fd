"""How the Data screen looks, kept as pictures: three sizes, both languages, a light theme."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace

import pytest
from PIL import Image
from textual.widgets import Input

from engine.labels.flags import set_flag
from engine.labels.scorebook import ScoreBook
from engine.prediction.guesses import Guess, write_guesses
from engine.workspace import Workspace
from tests.tui.piloting import screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.add_entry import AddEntryDialog
from tui.dialogs.change_scores import ChangeScoresDialog
from tui.dialogs.confirm import ConfirmDialog
from tui.screens.data import DataScreen
from tui.widgets.gallery import TILE, Gallery
from tui.widgets.photo import Photo

SIZES = ((60, 15), (80, 24), (120, 40))
SCORES = {"12_0.jpg": 12, "35_1.jpg": 35, "48_2.jpg": 48, "60_3.jpg": 60, "77_4.jpg": 77, "91_5.jpg": 91}
UNSCORED = ["IMG_2041.jpg", "日落.jpg", "a[b]c.jpg", "esc\x1b[31m.jpg"]
GUESSES = {"12_0.jpg": 31.4, "35_1.jpg": 36.0, "60_3.jpg": 52.5, "91_5.jpg": 70.2, "IMG_2041.jpg": 44.4}
DIALOGS = {"e": ChangeScoresDialog, "i": AddEntryDialog, "delete": ConfirmDialog}
SHOWN = [
    *((state, size, language, "dark") for state in ("table", "gallery") for size in SIZES for language in ("en", "zh")),
    *((state, (80, 24), language, "dark") for state in ("beside", "filter", "e", "i") for language in ("en", "zh")),
    *((state, (60, 15), "en", "dark") for state in ("e", "i", "delete")),
    *((state, (80, 24), "en", "light") for state in ("table", "gallery")),
    ("empty", (80, 24), "en", "dark"),
]


@pytest.fixture
def workspace(monkeypatch, tmp_path, trained_workspace):
    """A workspace with some photos, and a model that has guessed some of their scores."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    place = Workspace(tmp_path / "taste")
    place.create()
    for number, name in enumerate([*SCORES, *UNSCORED]):  # plain ones: a snapshot has a line for each patch of colour
        photo = Image.new("RGB", (48, 36), (30 * number % 256, 90, 200 - 15 * number))
        photo.paste((240, 200, 25 * number), (12, 9, 36, 27))
        photo.save(place.data / name, "PNG")
        os.utime(place.data / name, (1_760_000_000 + 86_400 * number, 1_760_000_000 + 86_400 * number))
    with ScoreBook(place, who="somebody") as book:
        book.set_many({name: score for name, score in SCORES.items() if score < 60}, "import")
        book.set_many({name: score for name, score in SCORES.items() if score >= 60})
    set_flag(place, "48_2.jpg", True)
    shutil.copytree(trained_workspace.models, place.models, dirs_exist_ok=True)
    model = next(place.models.iterdir()).name
    write_guesses(place, model, {name: Guess(score, False) for name, score in GUESSES.items()})
    yield place
    monkeypatch.undo()
    time.tzset()


async def bring_to(state, pilot, screen):
    """Make the screen show a state."""
    if state == "empty":
        await wait_for(
            pilot, lambda: "Change" not in screen_text(pilot.app).splitlines()[-1], "the keys of an empty room"
        )
        return
    await pilot.press("down", "space", "space")
    await wait_for(pilot, lambda: screen.rows.cursor == 3, "the fourth row")
    if state == "table":
        await pilot.press("7", "1", "enter", "4")
        await wait_for(pilot, lambda: screen.field.is_typing and screen.rows.cursor == 4, "a score being typed")
    elif state in {"gallery", "beside"}:
        await pilot.press("g" if state == "gallery" else "v")
        photo = screen.query_one(Photo)
        await wait_for(pilot, lambda: photo.path is not None and photo.path.name == screen.rows.row.name, "its photo")
        await wait_for(pilot, lambda: photo.info is not None, "the photo on the screen")
    elif state == "filter":
        await pilot.press("slash", *"scored |diff|>")
        await wait_for(pilot, lambda: len(screen.rows.rows) == 6, "the scored photos")
    elif state in DIALOGS:
        await pilot.press(state)
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, DIALOGS[state]), "the dialog")
    if state == "gallery":
        gallery = screen.query_one(Gallery)
        first, rows = gallery.scroll_offset.y // TILE.height, -(-gallery.size.height // TILE.height)
        seen = gallery.rows[first * gallery.columns : (first + rows) * gallery.columns]
        await wait_for(pilot, lambda: gallery.loaded >= {entry.name for entry in seen}, "the thumbnails")
        await wait_for(
            pilot,
            lambda: (
                pilot.app.pictures.is_idle and all(photo.is_loaded for photo in screen.query(Photo) if photo.region)
            ),
            "the large photo",
        )
    if state == "e":
        await pilot.press("down", "2", "0")
        await wait_for(pilot, lambda: "35…48 → 55…68" in screen_text(pilot.app), "the preview")


@pytest.mark.parametrize(
    ("state", "size", "language", "theme"),
    SHOWN,
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
def test_the_data_screen_looks_as_it_did(snap_compare, workspace, state, size, language, theme):
    workspace.save_settings(replace(workspace.settings(), theme=f"beholder-{theme}"))
    if state == "empty":
        shutil.rmtree(workspace.data)
        workspace.ensure()

    async def go(pilot):
        await pilot.press("f3")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, DataScreen), "the room")
        screen = pilot.app.screen
        await wait_for(pilot, lambda: screen.album.is_read and screen.album.reading.detailed, "the entries")
        await bring_to(state, pilot, screen)
        await pilot.app.workers.wait_for_complete()
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.pause()

    assert snap_compare(BeholderApp(workspace, language), terminal_size=size, run_before=go)
