"""Data: a typed score is on the disk at once, can be taken back, and odd names do no harm."""

from __future__ import annotations

from pathlib import Path

from engine.labels.scorebook import ScoreBook
from tests.tui.data_room import opened
from tests.tui.piloting import make_app, make_photos, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.error import ErrorDialog
from tui.widgets.gallery import Gallery
from tui.widgets.photo import Photo

NAMES = [f"p{number}.jpg" for number in range(12)]


def saved(app: BeholderApp) -> str:
    return app.workspace.scores_file.read_text("utf-8") if app.workspace.scores_file.exists() else ""


async def test_typed_scores_reach_the_disk_in_order_and_the_cursor_advances(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 12)
        await pilot.press("8", "5", "enter", "7", ".", "5", "enter", "3", "enter")
        await wait_for(pilot, lambda: saved(app) == "p0.jpg\t85\np1.jpg\t7.5\np2.jpg\t3\n", "three lines")
        await wait_for(pilot, lambda: "scored 3 of 12" in screen_text(app), "the counts")
        assert screen.rows.row.name == "p3.jpg"


async def test_a_burst_of_keys_takes_effect_in_its_order(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, 12)
        for key in ["8", "5", "enter", "7", "1", "enter", "down", "3", "9", "down", "4", "enter", "end", "6", "enter"]:
            app.simulate_key(key)
        expected = "p0.jpg\t85\np1.jpg\t71\np3.jpg\t39\np4.jpg\t4\np11.jpg\t6\n"
        await wait_for(pilot, lambda: saved(app) == expected, "the scores of the whole burst")


async def test_keys_pressed_before_the_room_stands_do_not_end_in_the_filter(tmp_path: Path) -> None:
    app = make_app(tmp_path, ["1.jpg", "5.jpg"])
    async with app.run_test() as pilot:
        focused: list[str] = []
        room = app.room("data")
        app.watch(room, "focused", lambda widget: focused.append(type(widget).__name__), init=False)
        app.go("data")
        await wait_for(pilot, lambda: "5.jpg" in screen_text(app), "the list")
    assert "ScoreTable" in focused
    assert "Input" not in focused


async def test_undo_and_redo(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 12)
        await pilot.press("8", "5", "enter")
        await wait_for(pilot, lambda: saved(app) == "p0.jpg\t85\n", "the score")
        await pilot.press("u")
        await wait_for(pilot, lambda: saved(app) == "", "the undone score")
        await wait_for(pilot, lambda: screen.rows.row.name == "p0.jpg", "the cursor on the changed photo")
        await pilot.press("r")
        await wait_for(pilot, lambda: saved(app) == "p0.jpg\t85\n", "the redone score")
        await pilot.press("u", "u")
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "nothing more to undo")


async def test_a_score_outside_the_scale_is_not_taken(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 12)
        await pilot.press("1", "0", "1", "enter")
        await wait_for(pilot, lambda: "is not a score from 0 to 100" in screen_text(app), "the reason")
        assert screen.rows.cursor == 0
        await pilot.press("backspace", "enter")
        await wait_for(pilot, lambda: saved(app) == "p0.jpg\t10\n", "the mended score")


async def test_enter_opens_the_present_score_and_escape_drops_what_was_typed(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set("p0.jpg", 42)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 12)
        await pilot.press("enter", "backspace", "5", "escape")
        await pilot.pause()
        assert app.screen is screen, "escape only leaves the field"
        await pilot.press("enter", "backspace", "5", "enter")
        await wait_for(pilot, lambda: saved(app) == "p0.jpg\t45\n", "the corrected score")
        await pilot.press("up", "enter", "backspace", "backspace")
        await wait_for(pilot, lambda: "takes the score away" in screen_text(app), "what an emptied field means")
        await pilot.press("enter")
        await wait_for(pilot, lambda: saved(app) == "", "the cleared score")
        await pilot.press("up", "7", "enter", "up", "backspace")
        await wait_for(pilot, lambda: len(ScoreBook(app.workspace).history()) == 5, "given and taken away again")
        assert saved(app) == ""


async def test_sort_filter_and_next_unscored(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set_many({"p0.jpg": 10, "p1.jpg": 90, "p2.jpg": 50})
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 12)
        await pilot.press("n")
        await wait_for(pilot, lambda: screen.rows.row.name == "p3.jpg", "the first unscored photo")
        await pilot.press("s")
        await wait_for(
            pilot, lambda: [row.name for row in screen.rows.rows[:3]] == ["p1.jpg", "p2.jpg", "p0.jpg"], "the order"
        )
        assert screen.rows.row.name == "p3.jpg"
        await pilot.press("slash", *"score>=50", "enter")
        await wait_for(pilot, lambda: len(screen.rows.rows) == 2, "two photos")
        await pilot.press("slash", "escape")
        await wait_for(pilot, lambda: len(screen.rows.rows) == 12, "all photos again")


async def test_a_change_by_others_is_seen_and_the_cursor_stays_on_its_photo(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 12)
        await pilot.press("down", "down")
        make_photos(app.workspace.data, ["a.jpg"])
        ScoreBook(app.workspace).set("p5.jpg", 66)
        await wait_for(pilot, lambda: len(screen.rows.rows) == 13 and screen.album.reading.scored == 1, "the change")
        assert screen.rows.row.name == "p2.jpg"


async def test_hostile_names_and_broken_photos_do_no_harm(tmp_path: Path) -> None:
    names = ["x[b]y.jpg", "a[red]b.jpg", "esc\x1b[31m.jpg", "tab\there.jpg", "日出.jpg", "emoji🙂.jpg", "new\nline.jpg"]
    app = make_app(tmp_path, names)
    (app.workspace.data / "zz.jpg").write_text("this is text", "utf-8")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 8)
        await pilot.press("v")
        photo, problems = screen.query_one(Photo), {}
        for place, row in enumerate(list(screen.rows.rows)):
            await wait_for(pilot, lambda place=place: screen.rows.cursor == place, "the next row")
            path = app.workspace.data / row.name
            await wait_for(pilot, lambda path=path: photo.path == path and photo.is_loaded, f"{row.name!r}")
            problems[row.name] = photo.problem
            await pilot.press("5", "enter")
        assert [name for name, problem in problems.items() if problem] == ["zz.jpg"]
        text = screen_text(app)
        assert "a[red]b.jpg" in text
        assert "x[b]y.jpg" in text
        assert "\x1b" not in text
        await wait_for(pilot, lambda: len(ScoreBook(app.workspace).scores()) == 8, "eight scores")
        await pilot.press("g")
        await wait_for(pilot, lambda: len(screen.query_one(Gallery).loaded) == 8, "all thumbnails")


async def test_the_gallery_scores_too(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 12)
        await pilot.press("g")
        await wait_for(pilot, lambda: "p0.jpg" in screen.query_one(Gallery).loaded, "the first thumbnail")
        await pilot.press("right", "6", "1", "enter")
        await wait_for(pilot, lambda: saved(app) == "p1.jpg\t61\n", "the score")


async def test_many_rows_are_drawn_only_where_they_are_seen(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    app.workspace.scores_file.write_text("".join(f"n{n}.jpg\t{n % 101}\n" for n in range(30_000)), "utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 30_000)
        await pilot.press("end")
        await wait_for(pilot, lambda: "n29999.jpg" in screen_text(app), "the last row")
        await pilot.press("home", "pagedown")
        await wait_for(pilot, lambda: 10 < screen.rows.cursor < 30, "a page")


async def test_an_empty_folder_shows_the_way_to_import(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, 0)
        await wait_for(pilot, lambda: "Press F2" in screen_text(app), "the hint")
