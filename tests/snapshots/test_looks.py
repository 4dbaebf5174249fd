"""How each screen looks, kept as pictures: both languages, both usual sizes.

``python -m pytest tests/snapshots --snapshot-update`` renews them after a wanted change; look at each before keeping.
"""

import os
from pathlib import Path

import pytest
from textual.widgets import Input

from engine.workspace import Workspace
from tests.tui.piloting import make_photos, screen_text, wait_for
from tui.app import BeholderApp

SIZES = ((80, 24), (120, 40))
NAMES = [f"{score}_{number}.jpg" for number, score in enumerate((12, 35, 48, 60, 77, 91))]
UNSCORED = ["IMG_2041.jpg", "日落.jpg", "a[b]c.jpg"]


@pytest.fixture
def workspace(monkeypatch, tmp_path):
    """A workspace that is shown as ~/taste, whatever the test's folder is called."""
    monkeypatch.setenv("HOME", str(tmp_path))
    # plotext and Textual look at these
    monkeypatch.setenv("COLORTERM", "truecolor")
    place = Workspace(tmp_path / "taste")
    place.create()
    make_photos(place.data, NAMES + UNSCORED)
    place.scores_file.write_text("".join(f"{name}\t{name.split('_')[0]}\n" for name in NAMES), "utf-8")
    for photo in place.data.iterdir():
        os.utime(photo, (1_760_000_000, 1_760_000_000))
    return place


async def settle(pilot, text):
    """Wait until the screen shows the text and all background work is done."""
    await wait_for(pilot, lambda: text in screen_text(pilot.app), text)
    await pilot.app.workers.wait_for_complete()
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
    await pilot.pause()


SCREENS = {
    "home": ((), {"en": "Unscored", "zh": "未评分"}),
    "train": (("f4",), {"en": "scored", "zh": "评分"}),
    "predict": (("f5",), {"en": "F4", "zh": "F4"}),
    "models": (("f6",), {"en": "F4", "zh": "F4"}),
    "help": (("f1",), {"en": "esc", "zh": "esc"}),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_looks_as_it_did(snap_compare, workspace, screen, size, language):
    keys, text = SCREENS[screen]

    async def go(pilot):
        await settle(pilot, SCREENS["home"][1][language])  # a dialog shows Home behind it as it was when it opened
        for key in keys:
            await pilot.press(key)
        await settle(pilot, text[language])

    assert snap_compare(BeholderApp(workspace, language), terminal_size=size, run_before=go)


def test_the_snapshots_show_no_path_of_the_machine():
    for picture in (Path(__file__).parent / "__snapshots__").rglob("*"):
        if picture.is_file():
            content = picture.read_text("utf-8")
            assert "/tmp/" not in content
            assert "pytest-of" not in content
