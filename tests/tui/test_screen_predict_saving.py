"""Predict: what can be made of a batch: tables, a web page, stars, a folder of the best; and the rows of a long one."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static

from engine.jobs import client
from engine.labels.stars import read_stars
from engine.prediction.predicted import COLUMNS
from engine.workspace import Scale, Workspace
from tests.conftest import draw_photo
from tests.tui.piloting import screen_text, wait_for
from tests.tui.written_jobs import prediction
from tui.app import BeholderApp
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.save_predictions import SavePredictionsDialog
from tui.dialogs.show_text import ShowTextDialog
from tui.prediction.row_filter import unfinished_parts
from tui.prediction.rows import Batch, PredictedRow
from tui.prediction.saving import star_counts
from tui.prediction.score_plot import plot_lines
from tui.screens.predict import PredictScreen

SCORES = {"best.jpg": 91.0, "good.jpg": 70.0, "fair.jpg": 45.0, "poor.jpg": 12.0}


@pytest.fixture
def album(tmp_path: Path) -> tuple[Workspace, Path]:
    """A workspace with a finished prediction of four photos and a broken one, in a folder of their own."""
    workspace, folder = Workspace(tmp_path / "work"), tmp_path / "photos"
    workspace.create()
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    for seed, (name, score) in enumerate(SCORES.items()):
        draw_photo(folder / name, seed, score / 100)
        rows.append(row_of(folder / name, score))
    (folder / "broken.jpg").write_bytes(b"nothing")
    rows.append({**row_of(folder / "broken.jpg", 0), "score": None, "low": None, "high": None, "error": "broken"})
    prediction(workspace, rows)
    return workspace, folder


def row_of(path: Path, score: float) -> dict[str, Any]:
    return {
        "path": str(path),
        "score": score,
        "low": score - 9,
        "high": score + 9,
        "model_id": "taste-x",
        "error": None,
    }


async def open_batch(app: BeholderApp, pilot: Pilot[Any]) -> PredictScreen:
    await pilot.press("f5")
    await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the Predict screen")
    screen = app.screen
    assert isinstance(screen, PredictScreen)
    screen.open_job(client.list_jobs(app.workspace)[0])
    await wait_for(pilot, lambda: len(screen.found.rows) == 5, "the rows")
    screen.rows.focus()
    return screen


async def save_as(app: BeholderApp, pilot: Pilot[Any], form: str, **fields: str) -> None:
    """Open the dialog, choose a form, fill its fields and save."""
    await pilot.press("f9")
    await wait_for(pilot, lambda: isinstance(app.screen, SavePredictionsDialog), "the dialog")
    app.screen.query_one("#save-form", Select).value = form
    await pilot.pause()
    for name, value in fields.items():
        app.screen.query_one(
            f"#save-{name}", Select if name in {"how", "which", "naming", "ratings"} else Input
        ).value = value
    await pilot.pause()
    await pilot.press("f9")


async def test_what_the_filter_shows_is_saved_as_a_table(album: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, _ = album
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_batch(app, pilot)
        await save_as(app, pilot, "csv", path=str(tmp_path / "all.csv"))
        await wait_for(pilot, (tmp_path / "all.csv").exists, "the table")
        rows = list(csv.DictReader((tmp_path / "all.csv").open(encoding="utf-8")))
        assert list(rows[0]) == list(COLUMNS)
        assert [Path(row["path"]).name for row in rows] == [*SCORES, "broken.jpg"]
        assert (rows[-1]["score"], rows[-1]["error"]) == ("", "broken")
        await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the end of the dialog")
        await pilot.press("slash", *"score>40", "enter")
        await wait_for(pilot, lambda: "3 of 5" in screen_text(app), "the filter")
        await save_as(app, pilot, "json", path=str(tmp_path / "all.csv"))
        await wait_for(pilot, lambda: "Press Enter again" in screen_text(app), "the question about the old file")
        await pilot.press("f9")
        await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the end of the dialog")
        await wait_for(pilot, lambda: (tmp_path / "all.csv").read_text().startswith("["), "the other table")
        assert [row["score"] for row in json.loads((tmp_path / "all.csv").read_text())] == [91.0, 70.0, 45.0]


async def test_stars_go_beside_the_photos_and_a_persons_rating_stays(album: tuple[Workspace, Path]) -> None:
    workspace, folder = album
    kept = folder / "fair.xmp"
    kept.write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
    )
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_batch(app, pilot)
        await pilot.press("f9")
        await wait_for(pilot, lambda: isinstance(app.screen, SavePredictionsDialog), "the dialog")
        app.screen.query_one("#save-form", Select).value = "stars"
        await wait_for(pilot, lambda: "★★★★★ 1" in screen_text(app), "how many get how many")
        app.screen.query_one("#save-thresholds", Input).value = "10 20 30 90"
        await wait_for(pilot, lambda: "★★★★ 2" in screen_text(app), "how many there are now")
        app.screen.query_one("#save-thresholds", Input).value = "10 20 30"
        await pilot.press("f9")
        await wait_for(pilot, lambda: "four ascending scores" in screen_text(app), "what is wrong")
        app.screen.query_one("#save-thresholds", Input).value = "10 20 30 90"
        await pilot.press("f9")
        await wait_for(pilot, (folder / "poor.xmp").exists, "the last sidecar")
        told = "Stars: 3 written, 0 as they were, 1 ratings of yours kept, 0 failed"
        await wait_for(pilot, lambda: told in [news.message for news in app._notifications], "what came of it")
    stars = {name: read_stars(folder / name) for name in SCORES}
    assert {name: found.count for name, found in stars.items() if found} == {
        "best.jpg": 5,
        "good.jpg": 4,
        "fair.jpg": 5,
        "poor.jpg": 2,
    }


async def test_the_best_are_copied_after_a_look_at_the_plan(album: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, folder = album
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_batch(app, pilot)
        await save_as(app, pilot, "cull", path=str(tmp_path / "chosen"), count="2", how="move")
        await wait_for(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the plan")
        assert "2 of 4 scored photos are chosen" in screen_text(app)
        assert "91.0 down to 70.0" in screen_text(app)
        await pilot.press("n")
        await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the screen")
        assert not (tmp_path / "chosen").exists()
        await save_as(app, pilot, "cull", path=str(tmp_path / "chosen"), count="2")
        await wait_for(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the plan")
        await pilot.press("y")
        await wait_for(pilot, lambda: isinstance(app.screen, ShowTextDialog), "what came of it")
        assert "broken.jpg" in screen_text(app), "what could not take part is told"
    assert sorted(path.name for path in (tmp_path / "chosen").glob("*.jpg")) == ["best.jpg", "good.jpg"]
    assert len(list(folder.glob("*.jpg"))) == 5


async def test_a_web_page_holds_the_pictures(album: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, _ = album
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_batch(app, pilot)
        await save_as(app, pilot, "html", path=str(tmp_path / "page.html"))
        await wait_for(pilot, (tmp_path / "page.html").exists, "the page")
        await wait_for(pilot, lambda: isinstance(app.screen, PredictScreen), "the end of the dialog")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("data:image/jpeg") + page.count("data:image/webp") >= 4
    assert "best.jpg" in page


async def test_a_place_that_cant_be_written_is_told(album: tuple[Workspace, Path], tmp_path: Path) -> None:
    workspace, _ = album
    app = BeholderApp(workspace, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_batch(app, pilot)
        await save_as(app, pilot, "csv", path=str(tmp_path / "nowhere" / "out.csv"))
        hint = app.screen.query_one("#save-hint", Static)
        await wait_for(pilot, lambda: "does not exist" in str(hint.render()), "the reason")


def batch_of(count: int) -> list[PredictedRow]:
    chance = random.Random(7)
    scores = [None if chance.random() < 0.1 else round(chance.uniform(0, 100), 1) for _ in range(count)]
    return [
        PredictedRow(f"/a/{number}.jpg", score, None, None, "m", None, far=number % 7 == 0)
        for number, score in enumerate(scores)
    ]


def test_rows_that_come_in_pieces_stand_as_if_they_had_come_at_once() -> None:
    rows = batch_of(500)
    batch = Batch().with_filter("score>30 -far")
    assert batch is not None
    for start in range(0, 500, 37):
        batch = batch.with_rows(rows[start : start + 37], start)
    assert list(batch.rows) == sorted(rows, key=lambda row: row.rank)
    wanted = [row for row in batch.rows if (row.score or 0) > 30 and not row.far]
    assert list(batch.shown) == wanted
    assert [batch.place_of(row) for row in wanted[::50]] == list(range(0, len(wanted), 50))
    assert batch.failed == sum(row.score is None for row in rows)
    back = batch.with_filter("")
    assert back is not None
    assert back.shown == batch.rows


def test_a_photo_that_was_tried_again_has_its_later_row() -> None:
    broken = PredictedRow("/a/b.jpg", None, None, None, "m", "damaged", far=False)
    other = PredictedRow("/a/c.jpg", 50.0, 40.0, 60.0, "m", None, far=True)
    batch = Batch().with_rows([broken, other])
    assert (batch.failed, batch.far) == (1, 1)
    mended = PredictedRow.from_dict({"path": "/a/b.jpg", "score": 80.0, "model_id": "m", "again": True})
    batch = batch.with_rows([mended])
    assert list(batch.rows) == [mended, other]
    assert (batch.failed, batch.far) == (0, 1)
    assert list(batch.shown) == [mended, other]
    worse = PredictedRow.from_dict({"path": "/a/b.jpg", "score": 10.0, "model_id": "m", "again": True})
    assert [row.score for row in batch.with_rows([worse]).rows] == [50.0, 10.0]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("far", "0 7"),
        ("-far -error", "1 2 3 4 5 6 8"),
        ("error", "9"),
        ("score>=50 偏远", "7"),
        ('"far"', ""),
        ("8.jpg", "8"),
        ("score>", "0 1 2 3 4 5 6 7 8 9"),
    ],
)
def test_the_filter_knows_far_and_error(text: str, names: str) -> None:
    from tui.i18n import set_language

    set_language("zh" if "偏" in text else "en")
    rows = [
        PredictedRow(f"/far/{number}.jpg", None if number == 9 else 10.0 * number, 0, 0, "m", None, number in {0, 7})
        for number in range(10)
    ]
    batch = Batch().with_rows(rows).with_filter(text)
    assert batch is not None
    assert sorted(row.name.removesuffix(".jpg") for row in batch.shown) == names.split()
    assert unfinished_parts("far score>") == ["score>"]


def test_stars_are_counted_as_they_are_written() -> None:
    rows = Batch().with_rows(batch_of(300)).rows
    counts = star_counts(rows, (20.0, 40.0, 60.0, 80.0))
    scores = [row.score for row in rows if row.score is not None]
    assert counts == [
        sum(low <= score < high for score in scores)
        for low, high in zip((0, 20, 40, 60, 80), (20, 40, 60, 80, 101), strict=True)
    ]


def test_the_plot_marks_the_score_below_its_bar() -> None:
    lines = plot_lines((0, 0, 1, 9), 80.0, Scale(0, 100), 40, 3)
    mark = lines[-2].index("▲")
    assert lines[0][mark] == "█"
    assert lines[-3][20] != " ", "a single photo is seen"
    assert lines[-1].split() == ["0", "80", "100"]
    assert plot_lines((1, 1), -3.0, Scale(1, 5), 8, 1)[-2].startswith("▲")
