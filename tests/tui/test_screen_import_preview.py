"""The preview of an import: looked at as a table and as a gallery, scored, narrowed, mended and undone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from textual.geometry import Region
from textual.widgets import Input

from engine.errors import Message
from engine.labels.importing import ImportItem, ImportPlan
from tests.tui.import_piloting import go_to, here, import_screen, show, shown, told
from tests.tui.piloting import make_photos, wait_for
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.jump import JumpDialog
from tui.screens.import_draft import Draft
from tui.screens.importing import ImportScreen
from tui.widgets.gallery import Gallery
from tui.widgets.photo import Photo
from tui.widgets.score_table import ScoreTable

NAMES = ["85.jpg", "170.jpg", "IMG_1.jpg", "IMG_2.jpg", "日出.jpg"]


def album(tmp_path: Path) -> Path:
    """Make a folder with scored, unscored, broken, doubled and equally named photos; return it."""
    folder = tmp_path / "album"
    (folder / "trip").mkdir(parents=True)
    make_photos(folder, [*NAMES, "trip/other.jpg", "trip/85.jpg"])
    (folder / "trip" / "copy.jpg").write_bytes((folder / "IMG_1.jpg").read_bytes())
    (folder / "broken.jpg").write_text("no picture", "utf-8")
    return folder


def scores(screen: ImportScreen) -> dict[str, float | None]:
    assert screen.draft is not None
    return {screen.draft.relative(item): item.score for item in screen.draft.plan.items}


async def test_digits_score_and_enter_goes_on_until_undo_takes_it_back(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        await go_to(pilot, screen, "IMG_1.jpg")
        await pilot.press("7", "1", "enter", "4", "2", "enter")
        await wait_for(pilot, lambda: scores(screen)["IMG_2.jpg"] == 42, "two scores")
        assert scores(screen)["IMG_1.jpg"] == scores(screen)["trip/copy.jpg"] == 71  # the same photo
        assert here(screen).source.name == "日出.jpg"
        await go_to(pilot, screen, "IMG_1.jpg")
        assert "typed here" in shown(screen)
        await pilot.press("u", "u")
        await wait_for(pilot, lambda: scores(screen)["IMG_1.jpg"] is None, "the first score is taken back")
        await pilot.press("r")
        await wait_for(pilot, lambda: scores(screen)["IMG_1.jpg"] == 71, "and given again")
        await pilot.press("u", "u", "u")
        await wait_for(pilot, lambda: "nothing to undo" in told(screen), "there is no more")
        await go_to(pilot, screen, "85.jpg")
        await pilot.press("4", "escape")
        await wait_for(pilot, lambda: not screen.field.is_typing, "what was typed is dropped")
        assert screen.is_current and here(screen).score == 85
        await pilot.press("backspace")
        await wait_for(pilot, lambda: here(screen).score is None, "the score is taken away")


async def test_one_key_goes_through_the_kinds_of_photos(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        expected = {
            "problems": {"170.jpg", "broken.jpg"},
            "unscored": {"170.jpg", "IMG_1.jpg", "IMG_2.jpg", "日出.jpg", "other.jpg", "copy.jpg"},
            "scored": {"85.jpg"},
            "new": {"85.jpg", "170.jpg", "IMG_1.jpg", "IMG_2.jpg", "日出.jpg", "other.jpg"},
            "duplicates": {"copy.jpg"},
            "renamed": {"85.jpg"},
        }
        for kind, names in expected.items():
            await pilot.press("s")
            await wait_for(pilot, lambda kind=kind: f"▸{kind}" in shown(screen), kind)  # type: ignore[misc]
            assert {item.source.name for item in screen.rows.rows} == names
        await pilot.press("s")
        await wait_for(pilot, lambda: "▸all 9" in shown(screen), "all again")
        line = screen.query_one("#status").region.y
        await pilot.click(offset=(shown(screen).splitlines()[line].index("unscored"), line))
        await wait_for(pilot, lambda: "▸unscored 6" in shown(screen), "the clicked kind")


async def test_every_file_tells_its_state_and_why(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work", size=(150, 40)) as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        await pilot.press("v")
        await wait_for(pilot, lambda: not screen.query_one(Photo).is_on_screen, "the table alone")
        lines = {name: next(line for line in shown(screen).splitlines() if name in line) for name in NAMES}
        lines |= {
            name: next(line for line in shown(screen).splitlines() if name in line) for name in ("broken", "trip/85")
        }
        assert "from the name" in lines["85.jpg"] and "kB" in lines["85.jpg"] and "new" in lines["85.jpg"]
        assert "170 is outside the scale 0-100" in lines["170.jpg"]
        assert "unreadable" in lines["broken"]
        assert "→ 85_2.jpg · from the name" in lines["trip/85"] and "renamed" in lines["trip/85"]
        assert "have it" in next(line for line in shown(screen).splitlines() if "trip/copy.jpg" in line)


async def test_a_photo_is_left_out_with_its_copies(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        await go_to(pilot, screen, "IMG_1.jpg")
        await pilot.press("x")
        await wait_for(pilot, lambda: "IMG_1.jpg" not in scores(screen), "the photo is out")
        assert "trip/copy.jpg" not in scores(screen)
        assert "left out 2" in shown(screen)
        assert here(screen).source.name == "IMG_2.jpg"
        await pilot.press("up", "delete")
        await wait_for(pilot, lambda: "IMG_1.jpg" in scores(screen), "the photo is in again")
        await go_to(pilot, screen, "broken.jpg")
        await pilot.press("x")
        await wait_for(pilot, lambda: "stays out anyway" in told(screen), "a word about the broken one")


async def test_find_goes_to_a_number_or_a_name(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        for text, name in (("3", screen.rows.rows[2].source.name), ("TRIP/c", "copy.jpg"), ("img", "IMG_1.jpg")):
            await pilot.press("f")
            await wait_for(pilot, lambda: isinstance(screen.app.screen, JumpDialog), "the question")
            await pilot.press(*text, "enter")
            await wait_for(pilot, lambda name=name: here(screen).source.name == name, name)  # type: ignore[misc]
        await pilot.press("n")
        await wait_for(pilot, lambda: here(screen).source.name == "IMG_2.jpg", "the next without a score")


async def test_the_gallery_shows_the_photo_and_takes_scores(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work", size=(100, 40)) as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        await go_to(pilot, screen, "IMG_1.jpg")
        await pilot.press("g")
        gallery, photo = screen.query_one(Gallery), screen.query_one(Photo)
        await wait_for(pilot, lambda: len(gallery.loaded) == 9, "the thumbnails")
        await wait_for(pilot, lambda: photo.is_loaded and photo.path == here(screen).source, "the large photo")
        assert here(screen).source.name == "IMG_1.jpg" and "48×36" in shown(screen)
        # All fit in, so the scroll bar of the first moment has gone.
        tiles = [line[: gallery.size.width] for line in shown(screen).splitlines()[gallery.region.y :][:27]]
        assert all("▄" in tiles[9 * row + line] for row in range(3) for line in range(7))
        await pilot.press("6", "5", "enter")
        await wait_for(pilot, lambda: scores(screen)["IMG_1.jpg"] == 65, "the score")
        await wait_for(pilot, lambda: here(screen).source.name == "IMG_2.jpg" == photo.path.name, "the next photo")  # type: ignore[union-attr]
        await pilot.press("end")
        await wait_for(pilot, lambda: gallery.cursor == 8, "the last")
        await pilot.press("home", "right")
        await wait_for(pilot, lambda: gallery.cursor == 1, "the second")
        await pilot.press("g")
        await wait_for(pilot, lambda: screen.query_one(ScoreTable).cursor == 1, "the same photo in the table")


async def test_a_preview_writes_nothing(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work", fresh=True) as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        await pilot.press("g")
        await wait_for(pilot, lambda: len(screen.query_one(Gallery).loaded) > 1, "thumbnails")
        assert not (tmp_path / "work").exists()


async def test_another_preview_keeps_what_was_typed_but_another_folder_asks(tmp_path: Path) -> None:
    make_photos(tmp_path / "second", ["1.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        await go_to(pilot, screen, "IMG_1.jpg")
        await pilot.press("7", "1", "enter", "x")
        await wait_for(pilot, lambda: "IMG_2.jpg" not in scores(screen), "a score, and a photo left out")
        before = screen.draft
        await pilot.press("ctrl+r")
        await wait_for(pilot, lambda: screen.draft is not before and screen.rows.has_focus, "the folder again")
        assert scores(screen)["IMG_1.jpg"] == 71 and "IMG_2.jpg" not in scores(screen)
        screen.query_one("#folder", Input).value = str(tmp_path / "second")
        await pilot.press("ctrl+r")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ConfirmDialog), "the question")
        await pilot.press("escape")
        await wait_for(pilot, lambda: screen.is_current and screen.stop is None, "nothing is lost")
        assert scores(screen)["IMG_1.jpg"] == 71
        await pilot.press("ctrl+r")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ConfirmDialog), "the question again")
        await pilot.press("y")
        await wait_for(pilot, lambda: list(scores(screen)) == ["1.jpg"], "the other folder")


async def test_the_language_changes_under_a_draft(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, album(tmp_path), 9)
        await go_to(pilot, screen, "IMG_1.jpg")
        await pilot.press("7", "1", "enter", "g")
        await wait_for(pilot, lambda: screen.query_one(Gallery).has_focus, "the gallery")
        await screen.beholder.use_language("zh")
        await wait_for(pilot, lambda: "▸全部 9" in shown(screen), "Chinese")
        assert scores(screen)["IMG_1.jpg"] == 71
        assert here(screen).source.name == "IMG_2.jpg" and screen.query_one(Gallery).has_focus


def lies_within(screen: ImportScreen, selector: str) -> bool:
    region = screen.query_one(selector).region
    return bool(region.area) and Region(0, 1, screen.size.width, screen.size.height - 2).contains_region(region)


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_form_table_and_photo_have_their_place_at_every_size(
    size: tuple[int, int], language: str, tmp_path: Path
) -> None:
    async with import_screen(tmp_path / "work", size=size, language=language) as (pilot, screen):
        for name in ("folder", "browse", "csv", "stars", "pattern", "scale", "recursive", "preview", "save"):
            assert lies_within(screen, f"#{name}"), name
        assert screen.query_one("#folder").size.width >= 28
        await show(pilot, screen, album(tmp_path), 9)
        for name in ("summary", "status", "items", "why", "score"):
            assert lies_within(screen, f"#{name}"), name
        table = screen.query_one(ScoreTable)
        assert table.page_step() >= 6 and "IMG_1.jpg" in shown(screen)
        assert screen.query_one(Photo).is_on_screen == (size[0] >= 80)
        await pilot.press("g")
        await wait_for(pilot, lambda: screen.query_one(Photo).is_on_screen, "the large photo")
        for name in ("gallery", "photo", "why", "score"):
            assert lies_within(screen, f"#{name}"), name
        photo = screen.query_one(Photo).size
        assert photo.width >= 30 and photo.height >= 6
        assert screen.query_one(Gallery).size.width >= 20


async def test_hostile_names_are_shown_as_they_are_and_harm_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "x["
    make_photos(folder, ["b]y.jpg", "a[red]b.jpg", "\x1b[31mred.jpg", "‮gpj.txt.jpg", "日" * 83 + "ab.jpg"])
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.jpg")).write_bytes((folder / "b]y.jpg").read_bytes()[:-1] + b"x")
    names = ["b]y.jpg", "a[red]b.jpg", "\\x1b[31mred.jpg", "\\u202egpj.txt.jpg", "\\udcff\\udcfe.jpg", "日日日"]
    async with import_screen(tmp_path / "work", size=(120, 40)) as (pilot, screen):
        await show(pilot, screen, tmp_path, 6)
        for place, item in enumerate(screen.rows.rows):
            screen.rows.go_to(place)
            await wait_for(pilot, lambda item=item: screen.query_one(Photo).path == item.source, "the photo")  # type: ignore[misc]
        assert [name for name in names if name not in shown(screen).replace("x[/", "")] == []
        await pilot.press("g")
        await wait_for(pilot, lambda: len(screen.query_one(Gallery).loaded) == 6, "the thumbnails")
        assert [name for name in names if name[:12] not in shown(screen)] == []
        assert "\x1b" not in shown(screen) and "‮" not in shown(screen)


@pytest.mark.slow
async def test_ten_thousand_photos_are_drawn_only_where_they_are_seen(tmp_path: Path) -> None:
    """No clock: what is counted is how many rows a key makes the screen look at."""
    items = tuple(
        ImportItem(tmp_path / f"{n}.jpg", f"{n}.jpg", None, Message("no stars"), "new", False, 1000)
        for n in range(10_000)
    )
    looked: list[Any] = []
    async with import_screen(tmp_path / "work") as (pilot, screen):
        screen.draft = Draft(ImportPlan(items, tmp_path))
        screen._show_draft(fold=True)
        table = screen.query_one(ScoreTable)
        await wait_for(pilot, lambda: "all 10000" in shown(screen) and table.has_focus, "the table")
        draw = table._cells
        table._cells = lambda row: (looked.append(row), draw(row))[1]
        for keys in (["end"], ["home"], ["pagedown"], ["5", "0", "enter"], ["up"], ["x"], ["u"]):
            looked.clear()
            await pilot.press(*keys)
            await pilot.pause()
            assert 0 < len(looked) <= 4 * table.page_step(), keys
