"""How the scoring mode looks, kept as pictures: three sizes, both languages, a light theme."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from PIL import Image

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.tui.piloting import screen_text, wait_for
from tui.app import BeholderApp
from tui.screens.scoring_mode import ScoringMode

SIZES = ((60, 15), (80, 24), (120, 40))
NAMES = [f"IMG_{number}.jpg" for number in range(2041, 2053)]
SCORED = {"IMG_2045.jpg": 60.0, "IMG_2046.jpg": 35.0, "IMG_2047.jpg": 80.0}


class Clock:
    """Each look at it is a second and a half later than the one before."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.5
        return self.now


@pytest.fixture
def workspace(monkeypatch, tmp_path):
    """A workspace with twelve photos, three of them scored."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLORTERM", "truecolor")
    place = Workspace(tmp_path / "taste")
    place.create()
    for number, name in enumerate(NAMES):  # plain ones: a snapshot has a line for each patch of colour
        photo = Image.new("RGB", (48, 36), (20 * number, 90, 200 - 10 * number))
        photo.paste((240, 200, 20 * number), (12, 9, 36, 27))
        photo.save(place.data / name, "PNG")
    ScoreBook(place).set_many(SCORED)
    for photo in place.data.iterdir():
        os.utime(photo, (1_760_000_000, 1_760_000_000))
    return place


# state: settings, keys, what the screen shows then
STATES = {
    "typing": ({}, ("8", "5", "7", "0", "x", "6"), {"en": "enter saves", "zh": "回车保存"}),
    "told": ({}, (*"85706155", "i"), {"en": "IMG_2044.jpg: you 55", "zh": "IMG_2044.jpg：你 55"}),
    "tens": ({"scoring_keys": "tens"}, (*"1234",), {"en": "you 40", "zh": "你 40"}),
    "stars": ({}, ("q", "q"), {"en": "1 to 5 stars", "zh": "1 到 5 星"}),
    "finding": ({}, (*"f2050",), {"en": "2050▏", "zh": "2050▏"}),
    "zoomed": ({}, ("z",), {"en": "arrows move", "zh": "方向键移动"}),
    "blind": ({"scoring_order": "rerate"}, (*"85",), {"en": "you 85", "zh": "你 85"}),
    "so-far": ({}, (*"8570s61p",), {"en": "go on scoring", "zh": "继续打分"}),
    "end": ({}, (*"11s223344556677s",), {"en": "That's all", "zh": "全部完成"}),
    "end-blind": (
        {"scoring_order": "rerate"},
        (*"112233445566778899112233",),
        {"en": "rank agreement", "zh": "排序一致性"},
    ),
}
SHOWN = [
    *((state, size, "en", "dark") for state in STATES for size in SIZES[:2]),
    *((state, SIZES[2], "en", "dark") for state in ("told", "zoomed", "end-blind")),
    *((state, (80, 24), "zh", "dark") for state in STATES),
    *((state, (60, 15), "zh", "dark") for state in ("told", "tens", "end-blind")),
    *((state, (80, 24), "en", "light") for state in ("told", "end")),
]


@pytest.mark.parametrize(
    ("state", "size", "language", "theme"),
    SHOWN,
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
def test_the_scoring_mode_looks_as_it_did(snap_compare, workspace, state, size, language, theme):
    choices, keys, text = STATES[state]
    workspace.save_settings(replace(workspace.settings(), theme=f"beholder-{theme}", **choices))

    async def go(pilot):
        app = pilot.app
        await wait_for(pilot, lambda: "F6" in screen_text(app), "Home")
        screen = ScoringMode(seed=7, clock=Clock())
        app.push_screen(screen)
        await wait_for(pilot, lambda: screen.sitting is not None and screen.sitting.is_read, "the photos")
        await wait_for(pilot, lambda: screen.photo.is_loaded, "the first photo")
        await pilot.press(*keys)
        await wait_for(pilot, lambda: text[language] in screen_text(app), text[language])
        await wait_for(pilot, lambda: screen.photo.is_loaded and screen.is_settled, "all that was given")
        await app.workers.wait_for_complete()
        await pilot.pause()

    assert snap_compare(BeholderApp(workspace, language), terminal_size=size, run_before=go)
