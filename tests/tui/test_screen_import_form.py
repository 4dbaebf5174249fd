"""The form of the Import screen: paths are completed, offered and pasted, and what makes no sense is said at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.geometry import Offset
from textual.widgets import Button, Checkbox, Input, Static

from tests.tui.import_piloting import here, import_screen, paste, show, shown, told
from tests.tui.piloting import make_photos, wait_for
from tui.dialogs.error import ErrorDialog
from tui.screens.importing import ImportScreen
from tui.widgets.import_form import ImportForm
from tui.widgets.path_input import PathField, complete_path


def folder_of(screen: ImportScreen) -> str:
    return screen.query_one("#folder", Input).value


def offered(screen: ImportScreen) -> list[str]:
    return screen.query(PathField).first().offered


def note(screen: ImportScreen) -> str:
    return str(screen.query_one("#form-note", Static).render())


async def test_tab_and_right_accept_the_completion(tmp_path: Path) -> None:
    (tmp_path / "Pictures" / "Summer").mkdir(parents=True)
    async with import_screen(tmp_path / "work") as (pilot, screen):
        field = screen.query_one("#folder", Input)
        await pilot.press(*f"{tmp_path}/Pi")
        await wait_for(pilot, lambda: field._suggestion == f"{tmp_path}/Pictures/", "the completion")
        await pilot.press("tab")
        assert field.value == f"{tmp_path}/Pictures/"
        await pilot.press("s", "u")
        await wait_for(pilot, lambda: field._suggestion.endswith("/Summer/"), "a completion in other capitals")
        await pilot.press("right")
        assert field.value == f"{tmp_path}/Pictures/Summer/"
        await pilot.press("tab")
        await wait_for(pilot, lambda: screen.focused is screen.query_one("#browse"), "tab goes on without a completion")
        await pilot.press("shift+tab", "end", "backspace")
        await wait_for(pilot, lambda: field._suggestion == f"{tmp_path}/Pictures/Summer/", "only the slash is left")
        await pilot.press("tab")
        await wait_for(pilot, lambda: screen.focused is screen.query_one("#browse"), "tab goes on")


async def test_folders_that_begin_so_are_offered_and_chosen_by_keys(tmp_path: Path) -> None:
    for name in ("one", "only", "other"):
        (tmp_path / name).mkdir()
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await pilot.press(*f"{tmp_path}/on")
        await wait_for(pilot, lambda: len(offered(screen)) == 2, "two folders")
        await pilot.press("down", "down", "enter")
        assert folder_of(screen) == f"{tmp_path}/only/"
        assert screen.stop is None  # a completion is not yet a choice
        await wait_for(pilot, lambda: offered(screen) == [], "the list is closed")


async def test_recent_folders_are_offered_in_the_empty_field(tmp_path: Path) -> None:
    make_photos(tmp_path / "album", ["40.jpg"])
    async with import_screen(tmp_path / "work", recent=tmp_path / "album") as (pilot, screen):
        await wait_for(pilot, lambda: offered(screen) == [str(tmp_path / "album")], "the recent folder")
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: "all 1" in shown(screen), "its preview")


async def test_a_click_takes_a_folder_of_the_list(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work", recent=tmp_path) as (pilot, screen):
        await wait_for(pilot, lambda: len(offered(screen)) == 1, "the recent folder")
        place = screen.query_one("#folder").region.offset + Offset(3, 1)
        await pilot.hover(offset=place)
        await pilot.click(offset=place)
        await wait_for(pilot, lambda: folder_of(screen) == str(tmp_path), "the clicked folder")
        assert screen.query_one("#folder").has_focus and offered(screen) == []


async def test_escape_closes_the_list_before_it_leaves(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work", recent=tmp_path) as (pilot, screen):
        await wait_for(pilot, lambda: len(offered(screen)) == 1, "the recent folder")
        await pilot.press("escape")
        await wait_for(pilot, lambda: offered(screen) == [], "the list is closed")
        assert screen.is_current


PASTES: dict[str, Callable[[Path], str]] = {
    "quoted": lambda path: f"'{path}'\n",
    "escaped": lambda path: str(path).replace(" ", "\\ ") + " \r",
    "address": lambda path: "file://" + str(path).replace(" ", "%20") + "\r\n",
    "plain": lambda path: f"{path}\n",
}


@pytest.mark.parametrize(
    ("focus", "way"),
    [
        ("#folder", "quoted"),
        pytest.param("#csv", "escaped", marks=pytest.mark.slow),
        pytest.param("#pattern", "address", marks=pytest.mark.slow),
        pytest.param("#scale", "plain", marks=pytest.mark.slow),
        pytest.param("#recursive", "quoted", marks=pytest.mark.slow),
        ("#preview", "escaped"),
        ("#items", "address"),
    ],
)
async def test_a_pasted_folder_is_previewed_wherever_the_focus_is(focus: str, way: str, tmp_path: Path) -> None:
    make_photos(tmp_path / "first", ["10.jpg"])
    make_photos(tmp_path / "my photos", ["20.jpg", "30.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await show(pilot, screen, tmp_path / "first", 1)
        if focus != "#items":
            screen.action_form()
            screen.query_one(focus).focus()
            await wait_for(pilot, lambda: screen.focused is screen.query_one(focus), focus)
        await paste(pilot, PASTES[way](tmp_path / "my photos"))
        await wait_for(pilot, lambda: "all 2" in shown(screen), "the preview of the pasted folder")
        assert folder_of(screen) == str(tmp_path / "my photos")


async def test_a_dropped_path_waits_for_enter_and_only_the_first_of_several_counts(tmp_path: Path) -> None:
    make_photos(tmp_path / "a b", ["20.jpg"])
    make_photos(tmp_path / "c", ["20.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await pilot.press(*"typed before")
        await paste(pilot, f"'{tmp_path}/a b' '{tmp_path}/c' '{tmp_path}'")
        await wait_for(pilot, lambda: folder_of(screen) == f"{tmp_path}/a b", "the first path")
        await wait_for(pilot, lambda: "2 more" in told(screen), "a word about the others")
        assert screen.stop is None and screen.draft is None
        await pilot.press("enter")
        await wait_for(pilot, lambda: "all 1" in shown(screen), "the preview")


async def test_a_dropped_table_goes_beside_the_folder_and_a_dropped_photo_shows_its_folder(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "album", ["a.jpg", "b.jpg", "c.jpg"])
    (tmp_path / "ratings.csv").write_text("filename,score\nb.jpg,77\n", "utf-8")
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await paste(pilot, str(tmp_path / "ratings.csv"))
        await wait_for(pilot, lambda: screen.query_one("#csv", Input).value.endswith("ratings.csv"), "the table")
        await paste(pilot, f"{photos[1]}\n")
        await wait_for(pilot, lambda: "scored 1" in shown(screen), "the preview with the scores")
        assert here(screen).source == photos[1]
        assert here(screen).score == 77


async def test_what_is_pasted_and_no_path_goes_where_the_cursor_is(tmp_path: Path) -> None:
    make_photos(tmp_path / "album", ["20.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        screen.query_one("#pattern").focus()
        await pilot.pause()
        await paste(pilot, "/s(?P<score>[0-9]+)")  # begins as a path does, but there is none
        assert screen.query_one("#pattern", Input).value == "/s(?P<score>[0-9]+)"
        await show(pilot, screen, tmp_path / "album", 1)
        await paste(pilot, "good morning")
        await wait_for(pilot, lambda: "no path" in told(screen), "a word about it")


async def test_a_folder_with_undecodable_bytes_can_be_dropped(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m\n"))
    make_photos(folder, ["20.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await paste(pilot, folder.as_uri() + "\n")
        await wait_for(pilot, lambda: "all 1" in shown(screen), "the preview")
        assert folder_of(screen).endswith("/%FF%1B%5B31m%0A")
        assert "\\udcff\\x1b[31m\\n  scores" in shown(screen)


async def test_a_wrong_pattern_or_scale_is_explained_while_it_is_typed(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work") as (pilot, screen):
        screen.query_one("#pattern").focus()
        await pilot.press(*"_s(?P<sc")
        await wait_for(pilot, lambda: "not a regular expression" in note(screen), "what is wrong with it")
        await pilot.press(*"ore>[0-9]+)")
        await wait_for(pilot, lambda: note(screen) == "", "no word about a sound one")
        screen.query_one("#scale").focus()
        await pilot.press(*"5-1")
        await wait_for(pilot, lambda: "not a scale" in note(screen), "what is wrong with the scale")


async def test_star_ratings_exclude_the_other_sources(tmp_path: Path) -> None:
    async with import_screen(tmp_path / "work") as (pilot, screen):
        csv, pattern, scale = (screen.query_one(f"#{name}", Input) for name in ("csv", "pattern", "scale"))
        pattern.value, csv.value = "(?P<score>.)", "/x.csv"
        await wait_for(pilot, lambda: "the pattern doesn't count" in note(screen), "a word about the pattern")
        screen.query_one("#stars", Checkbox).focus()
        await pilot.press("space")
        await wait_for(pilot, lambda: csv.disabled and pattern.disabled and scale.disabled, "the others are off")
        assert "Star ratings are read" in note(screen)
        await pilot.press("space")
        await wait_for(pilot, lambda: not csv.disabled and not scale.disabled, "the others are on again")


async def test_stars_become_scores(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "album", ["a.jpg", "90.jpg"])
    photos[0].with_suffix(".xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>',
        "utf-8",
    )
    async with import_screen(tmp_path / "work") as (pilot, screen):
        screen.query_one("#stars", Checkbox).value = True
        await show(pilot, screen, tmp_path / "album", 2)
        assert {item.source.name: item.score for item in screen.rows.rows} == {"a.jpg": 100, "90.jpg": None}
        assert "star ratings" in shown(screen)


async def test_an_address_of_another_computer_is_explained(tmp_path: Path) -> None:
    make_photos(tmp_path / "album", ["20.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        await paste(pilot, "file://nas.local/photos\n")
        await wait_for(pilot, lambda: "another computer" in told(screen), "a word about it")
        await show(pilot, screen, tmp_path / "album", 1)
        await paste(pilot, "file://nas.local/photos\n")
        await wait_for(pilot, lambda: isinstance(screen.app.screen, ErrorDialog), "the same in the list")


async def test_the_form_folds_away_and_comes_back(tmp_path: Path) -> None:
    make_photos(tmp_path / "album", ["20.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        form = screen.query_one(ImportForm)
        await show(pilot, screen, tmp_path / "album", 1)
        assert form.size.height == 1 and "album" in shown(screen)
        await pilot.press("e")
        await wait_for(pilot, lambda: screen.focused is screen.query_one("#folder"), "the form")
        assert folder_of(screen) == str(tmp_path / "album") and not screen.query_one("#preview", Button).disabled
        await pilot.press("escape")
        await wait_for(pilot, lambda: form.is_folded and screen.rows.has_focus, "the list again")


def test_home_hidden_folders_and_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("Pictures", ".hidden", "a\x1b[31m", "Plan.csv", "plan.txt"):
        (tmp_path / name).mkdir() if "." not in name[1:] else (tmp_path / name).touch()
    assert complete_path("~") == ["~/"]
    assert complete_path("~/p") == ["~/Pictures/"]
    assert complete_path("~/P", frozenset({".csv"})) == ["~/Pictures/", "~/Plan.csv"]
    assert complete_path("~/.h") == ["~/.hidden/"]
    assert complete_path("~/") == ["~/Pictures/"]
    assert complete_path("~/a") == []
    assert complete_path("") == complete_path(f"{tmp_path}/nowhere/x") == complete_path("~nobody-at-all/x") == []


async def test_the_picker_hands_over_a_folder_whose_name_no_terminal_takes(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/album/\xff\x1b[31m"))
    folder.mkdir(parents=True)
    make_photos(folder, ["20.jpg"])
    async with import_screen(tmp_path / "work") as (pilot, screen):
        screen.query_one("#folder", Input).value = str(tmp_path / "album")
        await pilot.press("ctrl+o")
        await wait_for(pilot, lambda: "\\udcff\\x1b[31m" in shown(screen), "the folder in the tree")
        await pilot.press("down", "space")
        await wait_for(pilot, lambda: "all 1" in shown(screen), "the preview")
        assert folder_of(screen) == f"file://{tmp_path}/album/%FF%1B%5B31m"
