"""How the Predict room looks: one photo with its heat map and reasons, a batch, its gallery, and the saving of it."""

import math
import time

import numpy as np
import pytest
from PIL import Image
from textual.widgets import Input, Select

from engine.jobs import client
from engine.models.bundle import BundleInfo
from engine.prediction.explanation import Explanation, HeatMap, Measurements, Neighbour, Standing
from engine.workspace import Workspace
from tests.tui.piloting import screen_text, wait_for
from tests.tui.written_jobs import prediction
from tui.app import BeholderApp
from tui.dialogs.save_predictions import SavePredictionsDialog
from tui.prediction.asking_room import ModelsListed
from tui.prediction.rows import PredictedRow
from tui.screens.predict import PredictScreen
from tui.widgets.gallery import Gallery
from tui.widgets.model_select import ModelSelect
from tui.widgets.photo import Photo

SIZES = ((80, 24), (120, 40))
LOOKS = ("photo", "batch", "gallery", "stars")
MODEL = "taste-20261120-101500-a1b2"


def draw(path, seed, size=(160, 120)):
    """Save a made-up picture: a bright disc on a gradient, other colours and another place for each seed."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    centre = 0.35 + 0.1 * (seed % 7), 0.3 + 0.08 * (seed % 5)
    disc = np.exp(-(((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 0.03))
    colours = [0.5 + 0.5 * math.sin(seed + part) for part in (0.0, 2.1, 4.2)]
    pixels = np.stack([np.clip(0.25 * colour + 0.4 * y * (1 - colour) + disc * 0.8, 0, 1) for colour in colours], -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((255 * pixels).astype(np.uint8)).save(path, quality=90)


@pytest.fixture
def workspace(monkeypatch, tmp_path):
    """A workspace shown as ~/taste with three scored photos and a predicted folder, where it is always noon."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    place = Workspace(tmp_path / "taste")
    place.create()
    for seed, name in enumerate(("harbour.jpg", "IMG_2041.jpg", "dunes at noon.jpg")):
        draw(place.data / name, 3 + seed)
    rows = []
    for number in range(16):
        photo = tmp_path / "trip" / f"IMG_{3100 + 7 * number}.jpg"
        draw(photo, number)
        score = round(91.3 - 4.7 * number, 1)
        row = {"path": str(photo), "score": score, "low": max(score - 14, 0), "high": min(score + 14, 100)}
        rows.append({**row, "model_id": MODEL, "error": None, **({"far": True} if number in {3, 9} else {})})
    broken = tmp_path / "trip" / "IMG_3299.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    empty = {"score": None, "low": None, "high": None, "model_id": MODEL}
    prediction(place, [*rows, {"path": str(broken), **empty, "error": "IMG_3299.jpg is damaged or cut off."}])
    yield place
    monkeypatch.undo()
    time.tzset()


def explanation(path):
    """Return made-up reasons: the upper left raised the score, the lower right lowered it."""

    def value(x, y):
        raised, lowered = (x - 2) ** 2 + (y - 2) ** 2, (x - 8) ** 2 + (y - 6) ** 2
        return round(math.exp(-raised / 6) - 0.6 * math.exp(-lowered / 5), 3)

    values = tuple(tuple(value(x, y) for x in range(11)) for y in range(8))
    return Explanation(
        str(path),
        86.6,
        72.6,
        100.0,
        MODEL,
        heat=HeatMap("grad-cam", values),
        nearest=(
            Neighbour("harbour.jpg", 88.0, 0.71),
            Neighbour("IMG_2041.jpg", 79.5, 0.64),
            Neighbour("dunes at noon.jpg", 92.0, 0.58),
        ),
        standing=Standing(83.2, 214, (1, 0, 2, 3, 6, 7, 9, 12, 10, 14, 17, 21, 19, 26, 22, 17, 12, 9, 5, 2)),
        measurements=Measurements(62.0, 54.0, 21.0, 38.0, 1.3, 0.4, 2.1),
    )


def list_models(screen, workspace):
    """Let the room know one model that is not there, so that no process is started for it."""
    metrics, place = {"cv": {"srcc": 0.71}}, workspace.models / MODEL
    made = BundleInfo(MODEL, "holiday", "taste", "efficientnet_lite0", "2026-11-20T10:15:00Z", 214, metrics, place)
    with screen.query_one(ModelSelect).prevent(Select.Changed):
        screen._models_listed(ModelsListed([made]))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("look", LOOKS)
def test_the_predict_room_looks_as_it_did(snap_compare, workspace, look, size, language):
    async def go(pilot):
        app = pilot.app
        await pilot.press("f5")
        await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the room")
        screen = app.screen
        await wait_for(pilot, lambda: all(worker.group != "predict-models" for worker in app.workers), "rest")
        await pilot.pause()
        photo = workspace.root.parent / "trip" / "IMG_3107.jpg"
        if look == "photo":
            list_models(screen, workspace)
            screen.query_one("#path", Input).value = "~/trip/IMG_3107.jpg"
            screen._shape(one=True)
            screen.single, screen._explanation = (
                PredictedRow(str(photo), 86.6, 72.6, 100.0, MODEL, None),
                explanation(photo),
            )
            screen.show_single_again()
            screen.card.facts.focus()
            await pilot.press("h", "m")
            assert screen.card.shows_heat
        else:
            screen.open_job(client.list_jobs(workspace)[0])
            await wait_for(pilot, lambda: len(screen.found.rows) == 17, "the rows")
            list_models(screen, workspace)
            screen.query_one("#path", Input).value = "~/trip"
            screen.rows.focus()
            await pilot.press("down")
        if look == "gallery":
            await pilot.press("g")
            gallery = screen.query_one(Gallery)
            seen = size[0] // 20 * (size[1] // 9 - 1)
            await wait_for(pilot, lambda: len(gallery.loaded) >= min(seen, 12), "the pictures")
        if look == "stars":
            await pilot.press("f9")
            await wait_for(pilot, lambda: isinstance(app.screen, SavePredictionsDialog), "the dialog")
            app.screen.query_one("#save-form", Select).value = "stars"
            await wait_for(pilot, lambda: "★★★★★" in screen_text(app), "the stars")
        for field in [*app.screen.query(Input), *screen.query(Input)]:
            field.cursor_blink = False
        for shown in screen.query(Photo):
            if shown.is_on_screen and shown.path is not None:
                await wait_for(pilot, lambda shown=shown: shown.is_loaded, "a picture")
        await wait_for(pilot, lambda: app.pictures.is_idle, "the last picture")
        await pilot.pause()

    assert snap_compare(BeholderApp(workspace, language), terminal_size=size, run_before=go)
