"""Data: change many scores, add, delete, flag and take back; odd names and others' changes included."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input, Static

from engine.labels.flags import read_flags
from engine.labels.scorebook import ScoreBook
from tests.tui.data_room import names, opened, scores, told
from tests.tui.piloting import make_app, make_photos, screen_text, wait_for
from tui.dialogs.add_entry import AddEntryDialog
from tui.dialogs.change_scores import ChangeScoresDialog
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.error import ErrorDialog

NAMES = [f"p{number}.jpg" for number in range(6)]
ODD = ["a[red]b.jpg", "x[b]y.jpg", "esc\x1b[31m.jpg", "日出.jpg", "new\nline.jpg", "é" * 125 + ".jpg"]
ODD += ["\u202egpj.exe.jpg", os.fsdecode(b"\xff\xfe.jpg"), " .jpg", "#comment.jpg", "tab\there.jpg", "back\\slash.jpg"]


async def test_marked_photos_are_shifted_together_and_one_undo_takes_it_back(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set_many({"p0.jpg": 40, "p1.jpg": 60, "p2.jpg": 98, "p4.jpg": 5})
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("space", "space", "space", "space")
        assert screen.rows.row.name == "p4.jpg", "the mark goes on to the next photo"
        await wait_for(pilot, lambda: "4 marked" in screen_text(app), "the number of marks")
        assert screen_text(app).count("✓") == 4
        await pilot.press("e", "down", "5")
        await wait_for(
            pilot, lambda: "3 photos: 40…98 → 45…100, 1 cut off at 100, 1 without" in screen_text(app), "the preview"
        )
        await pilot.press("enter")
        await wait_for(
            pilot, lambda: scores(app) == {"p0.jpg": 45, "p1.jpg": 65, "p2.jpg": 100, "p4.jpg": 5}, "the scores"
        )
        assert ScoreBook(app.workspace).history()[-1].kind == "shift"
        await pilot.press("u")
        await wait_for(
            pilot, lambda: scores(app) == {"p0.jpg": 40, "p1.jpg": 60, "p2.jpg": 98, "p4.jpg": 5}, "the scores before"
        )
        await wait_for(pilot, lambda: screen.rows.rows[2].score == 98, "the row")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["7", "7", "enter"], {"p0.jpg": 77, "p1.jpg": 77, "p2.jpg": 77, "p3.jpg": 77}),
        (["down", "minus", "1", "0", "enter"], {"p0.jpg": 30, "p1.jpg": 50, "p2.jpg": 70}),
        (["down", "down", "0", "minus", "1", "0", "0", "enter"], {"p0.jpg": 0, "p1.jpg": 50, "p2.jpg": 100}),
        (["up", "enter"], {}),
    ],
    ids=["set", "shift", "rescale", "clear"],
)
async def test_each_rule_in_a_burst_of_keys(tmp_path: Path, keys: list[str], expected: dict[str, float]) -> None:
    app = make_app(tmp_path, NAMES[:4])
    ScoreBook(app.workspace).set_many({"p0.jpg": 40, "p1.jpg": 60, "p2.jpg": 80})
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, 4)
        await pilot.press("a", "e")
        await wait_for(pilot, lambda: isinstance(app.screen, ChangeScoresDialog), "the dialog")
        for key in keys:
            app.post_message(events.Key(key, "-" if key == "minus" else key if len(key) == 1 else None))
        await wait_for(pilot, lambda: scores(app) == expected, f"{expected}")


async def test_a_rule_that_makes_no_sense_says_so_and_changes_nothing(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("e", *"101")
        await wait_for(pilot, lambda: "is not a score from 0 to 100" in screen_text(app), "the reason")
        await pilot.press("enter", "down", "enter")
        await wait_for(pilot, lambda: "None of these photos has a score" in screen_text(app), "nothing to shift")
        await pilot.press("enter")
        assert isinstance(app.screen, ChangeScoresDialog)
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is screen, "the dialog to close")
        assert scores(app) == {}


async def test_all_that_are_shown_are_marked_and_unmarked(tmp_path: Path) -> None:
    app = make_app(tmp_path, [*NAMES, "other.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 7)
        await pilot.press("slash", "minus", *"other", "enter")
        await wait_for(pilot, lambda: len(screen.rows.rows) == 6, "six photos")
        await pilot.press("a")
        await wait_for(pilot, lambda: screen.album.marks == set(NAMES), "their marks")
        await pilot.press("a")
        await wait_for(pilot, lambda: not screen.album.marks, "no marks")


async def test_deleted_photos_are_named_go_to_the_trash_and_come_back(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set("p1.jpg", 66)
    before = (app.workspace.data / "p1.jpg").read_bytes()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("down", "space", "space", "delete")
        await wait_for(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        text = screen_text(app)
        assert "Delete 2 photos" in text
        assert "p1.jpg" in text
        assert "p2.jpg" in text
        await pilot.press("enter")
        await wait_for(pilot, lambda: app.screen is screen, "the dialog to close")
        assert len(screen.rows.rows) == 6, "enter alone deletes nothing"
        await pilot.press("delete", "y")
        await wait_for(pilot, lambda: names(screen) == ["p0.jpg", "p3.jpg", "p4.jpg", "p5.jpg"], "the other four")
        assert not (app.workspace.data / "p1.jpg").exists()
        assert scores(app) == {}
        assert not screen.album.marks
        await wait_for(pilot, lambda: any("2 photos went" in text for text in told(app)), "what was done")
        await pilot.press("u")
        await wait_for(pilot, lambda: names(screen) == NAMES, "all six")
        assert (app.workspace.data / "p1.jpg").read_bytes() == before
        assert scores(app) == {"p1.jpg": 66}
        await wait_for(pilot, lambda: any("2 photos came" in text for text in told(app)), "what came back")
        await wait_for(pilot, lambda: screen.rows.row.name == "p1.jpg", "the cursor on the first of them")


async def test_a_picture_is_added_with_a_score_and_undo_takes_both_away(tmp_path: Path) -> None:
    app = make_app(tmp_path / "album", NAMES)
    *_, picture = make_photos(tmp_path, [*NAMES, "my new [b]one.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("i")
        await wait_for(pilot, lambda: isinstance(app.screen, AddEntryDialog), "the dialog")
        app.screen.query_one("#add-path", Input).value = str(picture)
        await pilot.press("enter", *"101", "enter")
        await wait_for(pilot, lambda: "101 is not a score" in screen_text(app), "the reason")
        await pilot.press("backspace", "enter")
        await wait_for(pilot, lambda: len(screen.rows.rows) == 7, "one more row")
        await wait_for(pilot, lambda: screen.rows.row.name == picture.name, "the cursor on it")
        assert scores(app) == {picture.name: 10}
        assert (app.workspace.data / picture.name).read_bytes() == picture.read_bytes()
        await pilot.press("u")
        await wait_for(pilot, lambda: names(screen) == NAMES, "the six rows")
        assert scores(app) == {}
        assert picture.exists()


async def test_the_first_picture_of_all_is_added_and_scored_from_the_keyboard(tmp_path: Path) -> None:
    app = make_app(tmp_path / "album")
    (picture,) = make_photos(tmp_path, ["first.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 0)
        await wait_for(pilot, lambda: "or i to add one picture" in screen_text(app), "the way")
        await pilot.press("i")
        await wait_for(pilot, lambda: isinstance(app.screen, AddEntryDialog), "the dialog")
        app.screen.query_one("#add-path", Input).value = str(picture)
        await pilot.press("enter", "enter")
        await wait_for(pilot, lambda: names(screen) == ["first.jpg"], "the picture")
        await wait_for(pilot, lambda: screen.focused is screen.rows, "the keyboard in the list")
        await pilot.press("8", "enter")
        await wait_for(pilot, lambda: scores(app) == {"first.jpg": 8}, "its score")


async def test_a_picture_that_is_there_under_another_name_is_not_copied_again(tmp_path: Path) -> None:
    app = make_app(tmp_path / "album", NAMES)
    *_, twin = make_photos(tmp_path, [*NAMES[:3], "twin.jpg"])  # the same drawing as p3.jpg
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        for score in ("", "77"):
            await pilot.press("i")
            await wait_for(pilot, lambda: isinstance(app.screen, AddEntryDialog), "the dialog")
            app.screen.query_one("#add-path", Input).value = str(twin)
            await pilot.press("enter", *score, "enter")
            await wait_for(pilot, lambda: app.screen is screen, "the list")
            await wait_for(pilot, lambda: any("there already" in text for text in told(app)), "that it is there")
        await wait_for(pilot, lambda: scores(app) == {"p3.jpg": 77}, "the score of the one that is there")
        await wait_for(pilot, lambda: screen.rows.row.name == "p3.jpg", "the cursor on it")
        assert names(screen) == NAMES


async def test_a_name_that_lies_in_data_already_gets_its_score(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("insert", *"p4.jpg", "enter", *"33", "enter")
        await wait_for(pilot, lambda: scores(app) == {"p4.jpg": 33}, "the score")
        await wait_for(pilot, lambda: screen.rows.row.name == "p4.jpg", "the cursor on it")
        assert len(screen.rows.rows) == 6


async def test_what_can_not_be_added_is_told_before_anything_happens(tmp_path: Path) -> None:
    app = make_app(tmp_path / "album", NAMES)
    (tmp_path / "words.jpg").write_text("no picture", "utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("i", *"nowhere.jpg", "enter", "enter")
        await wait_for(pilot, lambda: "There is no such file" in screen_text(app), "the reason")
        app.screen.query_one("#add-path", Input).value = str(tmp_path / "words.jpg")
        await pilot.press("enter", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "the error")
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is screen, "the list")
        assert names(screen) == NAMES


@pytest.mark.slow
async def test_odd_names_are_deleted_and_come_back_as_they_were(tmp_path: Path) -> None:
    app = make_app(tmp_path, ODD)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, len(ODD))
        await pilot.press("a", "e", *"50", "enter")
        await wait_for(pilot, lambda: scores(app) == dict.fromkeys(ODD, 50), "the scores")
        for name in ODD:
            await pilot.press("f")
            await wait_for(pilot, lambda: app.screen is not screen, "the question")
            app.screen.query_one(Input).value = name
            await pilot.press("enter")
            if name == name.strip():
                await wait_for(pilot, lambda name=name: screen.rows.row.name == name, repr(name))
            await pilot.press("x")
        await wait_for(pilot, lambda: len(read_flags(app.workspace)) >= len(ODD) - 2, "the flags")
        await pilot.press("g", "home", "g", "delete")
        await wait_for(pilot, lambda: isinstance(app.screen, ConfirmDialog), "the question")
        text = screen_text(app)
        assert "a[red]b.jpg" in text
        assert "esc\\x1b[31m.jpg" in text
        assert "\x1b" not in text
        await pilot.press("y")
        await wait_for(pilot, lambda: not screen.rows.rows, "an empty list")
        await pilot.press("u")
        await wait_for(pilot, lambda: sorted(names(screen)) == sorted(ODD), "all names")
        assert {path.name for path in app.workspace.data.iterdir()} >= set(ODD)
        assert scores(app) == dict.fromkeys(ODD, 50)


async def test_flags_are_kept_shown_and_found(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("down", "x")
        await wait_for(pilot, lambda: read_flags(app.workspace) == {"p1.jpg"}, "the flag on the disk")
        assert "⚑" in screen_text(app)
        await pilot.press("slash", *"flagged", "enter")
        await wait_for(pilot, lambda: names(screen) == ["p1.jpg"], "the flagged photo")
        await pilot.press("x")
        await wait_for(pilot, lambda: not read_flags(app.workspace), "no flag")
        await wait_for(pilot, lambda: "⚑" not in screen_text(app), "no sign")
        assert names(screen) == ["p1.jpg"], "nothing vanishes under somebody's hands"


async def test_what_others_do_is_merged_and_told(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set_many({"p0.jpg": 10, "p1.jpg": 20})
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("end", "4", "4", "enter")
        await wait_for(pilot, lambda: scores(app).get("p5.jpg") == 44, "our own score")
        text = app.workspace.scores_file.read_text("utf-8")
        app.workspace.scores_file.write_text(text.replace("10", "11") + "p2.jpg\t30\np3.jpg\t31\n", "utf-8")
        await wait_for(
            pilot, lambda: "scores.txt was changed outside: 3 scores" in told(app), "the edit of the file to be told"
        )
        make_photos(app.workspace.data, ["new1.jpg", "new2.jpg"])
        (app.workspace.data / "p4.jpg").unlink()
        await wait_for(pilot, lambda: len(screen.rows.rows) == 7, "the photos")
        await wait_for(pilot, lambda: any("2 photos came" in text for text in told(app)), "the photos to be told")
        assert scores(app) == {"p0.jpg": 11, "p1.jpg": 20, "p2.jpg": 30, "p3.jpg": 31, "p5.jpg": 44}
        assert {row.name: row.score for row in screen.rows.rows if row.score is not None} == scores(app)
        assert screen.rows.row.name == "p5.jpg"
        assert not any("44" in text for text in told(app)), "our own score is no news"


async def test_a_second_person_s_scores_are_told_with_their_name(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        with ScoreBook(app.workspace, who="anna") as other:
            other.set_many({"p0.jpg": 70, "p3.jpg": 71})
        await wait_for(pilot, lambda: "anna changed 2 scores elsewhere" in told(app), "whose scores they are")
        await wait_for(pilot, lambda: screen.album.reading.scored == 2, "the scores in the table")


async def test_the_counts_stand_in_the_last_line(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    app.workspace.scores_file.write_text("gone.jpg\t5\np0.jpg\t6\n", "utf-8")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 7)
        await pilot.press("down", "space", "x")
        await wait_for(
            pilot,
            lambda: (
                str(screen.query_one("#counts", Static).render())
                == "3 / 7 · scored 1 of 6 · 1 marked · 1 flagged · 1 missing"
            ),
            "the counts",
        )
        assert "gone.jpg (missing)" in screen_text(app)
