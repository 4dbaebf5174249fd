"""Data: what is shown, in which order and how: columns, sorting, filter, photo beside, gallery, jump, guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.labels.scorebook import ScoreBook
from engine.prediction.guesses import Guess, write_guesses
from engine.workspace import Workspace
from tests.tui.data_room import names, opened, scores, told
from tests.tui.piloting import make_app, make_photos, screen_text, wait_for
from tui.app import BeholderApp
from tui.screens.data import DataScreen
from tui.screens.scoring_mode import ScoringMode
from tui.widgets.filter_bar import FilterBar
from tui.widgets.photo import Photo

NAMES = [f"p{number}.jpg" for number in range(6)]


def heading(app: BeholderApp) -> str:
    return screen_text(app).splitlines()[1]


@pytest.mark.parametrize(
    ("size", "shown", "hidden"),
    [
        ((60, 15), ["Photo", "Score"], ["Size", "Date", "Source"]),
        ((80, 24), ["Photo", "Score", "Size"], ["Date", "Source"]),
        ((120, 40), ["Photo", "Score", "Size", "Date", "Source"], ["Model"]),
    ],
)
async def test_columns_come_with_the_width(
    tmp_path: Path, size: tuple[int, int], shown: list[str], hidden: list[str]
) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app, 6)
        assert [title for title in shown if title not in heading(app)] == []
        assert [title for title in hidden if title in heading(app)] == []


async def test_s_goes_through_the_columns_and_shift_s_turns_the_order_round(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set_many({"p1.jpg": 10, "p2.jpg": 90, "p4.jpg": 50})
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        assert "Photo▲" in heading(app)
        await pilot.press("S")
        await wait_for(pilot, lambda: names(screen) == NAMES[::-1], "the last name first")
        assert "Photo▼" in heading(app)
        await pilot.press("s")
        best = ["p2.jpg", "p4.jpg", "p1.jpg", "p0.jpg", "p3.jpg", "p5.jpg"]
        await wait_for(pilot, lambda: names(screen) == best, "the best score first")
        assert "Score▼" in heading(app)
        await pilot.press("S")
        worst = ["p1.jpg", "p4.jpg", "p2.jpg", "p0.jpg", "p3.jpg", "p5.jpg"]
        await wait_for(pilot, lambda: names(screen) == worst, "the worst score first, those without one last")


async def test_a_click_on_a_heading_sorts_and_a_second_one_turns_the_order_round(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set_many({"p1.jpg": 10, "p2.jpg": 90})
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        place = heading(app).index("Score") + 2
        await pilot.click("#table", offset=(place, 0))
        await wait_for(pilot, lambda: names(screen)[:2] == ["p2.jpg", "p1.jpg"], "the best first")
        await pilot.click("#table", offset=(place, 0))
        await wait_for(pilot, lambda: names(screen)[:2] == ["p1.jpg", "p2.jpg"], "the worst first")
        assert names(screen)[2:] == ["p0.jpg", "p3.jpg", "p4.jpg", "p5.jpg"]


async def test_a_scored_photo_stays_where_it_is_until_filter_or_order_are_asked_for_again(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set("p0.jpg", 50)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("slash", *"unscored", "enter")
        await wait_for(pilot, lambda: names(screen) == NAMES[1:], "five photos")
        await pilot.press("7", "enter", "8", "enter")
        await wait_for(pilot, lambda: scores(app) == {"p0.jpg": 50, "p1.jpg": 7, "p2.jpg": 8}, "the scores")
        assert names(screen) == NAMES[1:]
        make_photos(app.workspace.data, ["zz.jpg"])
        await wait_for(pilot, lambda: names(screen) == [*NAMES[1:], "zz.jpg"], "a photo that others brought")
        await pilot.press("slash", "enter")
        await wait_for(pilot, lambda: names(screen) == [*NAMES[3:], "zz.jpg"], "only those without a score")


async def test_the_filter_says_what_it_found_and_what_it_did_not_understand(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("slash", *"p1")
        await wait_for(pilot, lambda: "1 of 6" in screen_text(app), "the number")
        await pilot.press(*" score>")
        await wait_for(pilot, lambda: "not understood: score>" in screen_text(app), "the part that counts for nothing")
        assert names(screen) == ["p1.jpg"]
        await pilot.press(*"200")
        await wait_for(pilot, lambda: "no photo passes" in screen_text(app), "an empty list")
        await pilot.press("escape")
        await wait_for(pilot, lambda: names(screen) == NAMES, "all photos")
        assert not screen.query_one(FilterBar).display
        await pilot.press("8", "enter")
        await wait_for(pilot, lambda: len(scores(app)) == 1, "the keyboard back in the list")


async def test_the_cursor_comes_back_to_its_photo_when_the_filter_lets_it_pass_again(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set("p4.jpg", 50)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("end", "up", "slash")
        for letter, count in (("s", 0), ("c", 0), ("o", 0), ("r", 0), ("e", 0), ("greater_than_sign", 6), ("9", 1)):
            await pilot.press(letter)
            await wait_for(pilot, lambda count=count: len(screen.rows.rows) == count, f"{count} photos")
        assert screen.rows.row.name == "p4.jpg"
        await pilot.press("backspace", "backspace", "escape")
        await wait_for(pilot, lambda: names(screen) == NAMES, "all photos")
        assert screen.rows.row.name == "p4.jpg"
        await pilot.press("home", "S")
        await wait_for(pilot, lambda: names(screen) == NAMES[::-1], "the other way round")
        assert screen.rows.row.name == "p0.jpg"


async def test_the_photo_beside_the_table_is_remembered(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 6)
        photo = screen.query_one(Photo)
        await pilot.press("down")
        assert photo.path is None, "no photo is read that nobody sees"
        await pilot.press("v")
        await wait_for(pilot, lambda: photo.path == app.workspace.data / "p1.jpg" and photo.is_loaded, "the photo")
        await wait_for(pilot, lambda: app.workspace.settings().beside == "photo", "the setting")
    again = BeholderApp(app.workspace, "en")
    async with again.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, again, 6)
        await wait_for(pilot, lambda: screen.query_one(Photo).is_loaded and screen.shows_photo, "the photo again")
        await pilot.press("v")
        await wait_for(pilot, lambda: again.workspace.settings().beside == "", "the setting taken back")


async def test_the_gallery_keeps_its_place_and_moves_in_both_directions(tmp_path: Path) -> None:
    app = make_app(tmp_path, [f"p{number}.jpg" for number in range(30)])
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 30)
        await pilot.press("down", "down", "g")
        photo = screen.query_one(Photo)
        await wait_for(
            pilot, lambda: photo.path == app.workspace.data / "p2.jpg" and photo.is_loaded, "the large photo"
        )
        await pilot.press("right", "down")
        await wait_for(pilot, lambda: screen.rows.cursor > 4, "a tile below")
        await pilot.press("end", "6", "1", "enter")
        await wait_for(pilot, lambda: scores(app) == {"p29.jpg": 61}, "the score of the last")
        await pilot.press("home", "5", "enter", "6", "enter")
        await wait_for(pilot, lambda: len(scores(app)) == 3, "enter confirms and goes on")
        await pilot.press("g")
        await wait_for(pilot, lambda: "Photo▲" in heading(app), "the table")
        assert screen.rows.row.name == "p2.jpg"


async def test_f_jumps_to_a_row_or_a_name(tmp_path: Path) -> None:
    app = make_app(tmp_path, [*NAMES, "sea 5.jpg", "日出.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 8)
        for typed, name in (("5", "p4.jpg"), ("SEA", "sea 5.jpg"), ("出", "日出.jpg"), ("p2", "p2.jpg")):
            await pilot.press("f")
            await wait_for(pilot, lambda: app.screen is not screen, "the question")
            await pilot.press(*typed, "enter")
            await wait_for(pilot, lambda name=name: screen.rows.row.name == name, name)
        await pilot.press("f", *"nowhere", "enter")
        await wait_for(pilot, lambda: any("nowhere" in text for text in told(app)), "that there is none")
        assert screen.rows.row.name == "p2.jpg"


async def test_o_scores_one_by_one_what_is_shown_from_the_cursor_on(tmp_path: Path) -> None:
    app = make_app(tmp_path, [*NAMES, "other.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 7)
        await pilot.press("slash", "minus", *"other", "enter")
        await wait_for(pilot, lambda: names(screen) == NAMES, "six photos")
        await pilot.press("down", "o")
        await wait_for(pilot, lambda: isinstance(app.screen, ScoringMode), "the scoring mode")
        await wait_for(pilot, lambda: "p1.jpg" in screen_text(app), "the photo of the cursor")
        await pilot.press("4", "5", "enter")
        await wait_for(pilot, lambda: scores(app) == {"p1.jpg": 45}, "its score")
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is screen, "the list again")
        await wait_for(pilot, lambda: screen.rows.rows[1].score == 45, "the score in the list")
        await wait_for(pilot, lambda: " 45 " in screen_text(app), "the score on the screen")


async def test_without_a_model_p_says_what_to_do(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app, 6)
        await pilot.press("p")
        await wait_for(pilot, lambda: any("train one first" in text for text in told(app)), "the remedy")


def with_guesses(workspace: Workspace, guesses: dict[str, float]) -> None:
    model = next(workspace.models.iterdir()).name
    write_guesses(workspace, model, {name: Guess(score, False) for name, score in guesses.items()})


async def test_guesses_and_differences_are_shown_sorted_and_told_after_scoring(
    workspace_with_model: Workspace,
) -> None:
    some = sorted(path.name for path in workspace_with_model.data.glob("*.jpg"))[:3]
    ScoreBook(workspace_with_model).set_many({some[0]: 50, some[1]: 90, some[2]: 20})
    with_guesses(workspace_with_model, {some[0]: 49.0, some[1]: 30.0, some[2]: 45.0})
    app = BeholderApp(workspace_with_model, "en")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app, 30)
        assert "Model" in heading(app)
        await pilot.press("s", "s", "s")
        order = [some[1], some[2], some[0]]
        await wait_for(pilot, lambda: names(screen)[:3] == order, "the widest difference first")
        await pilot.press("home")
        lines = screen_text(app).splitlines()
        assert ["+60" in lines[2], "−25" in lines[3], "+1" in lines[4]] == [True] * 3
        await pilot.press("slash", *"|diff|>15", "enter")
        await wait_for(pilot, lambda: names(screen) == order[:2], "the two that differ widely")
        await pilot.press("home", "8", "0", "enter")
        await wait_for(
            pilot, lambda: f"{some[1]}: you 80 · model 30 (+50)" in screen_text(app), "what the model had guessed"
        )


@pytest.mark.slow
async def test_p_lets_the_model_guess_new_photos(trained: Workspace, patience: None) -> None:
    make_photos(trained.data, ["new 1.jpg", "new 2.jpg"])
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 26)
        new = [row for row in screen.rows.rows if row.name.startswith("new")]
        assert [row.guess for row in new] == [None, None]
        await pilot.press("p")
        await wait_for(pilot, lambda: any("2 photos" in text for text in told(app)), "the beginning")
        await wait_for(
            pilot,
            lambda: all(row.guess is not None for row in screen.rows.rows if row.name.startswith("new")),
            "the guesses",
        )
        for _ in range(500):  # the key does nothing until the first job has ended
            await pilot.press("p")
            if any("every photo already" in text for text in told(app)):
                break
        assert any("every photo already" in text for text in told(app))


async def test_the_language_changes_under_the_filter_and_the_cursor_stays(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, 6)
        await pilot.press("slash", "p", "enter", "down", "down")
        await wait_for(pilot, lambda: screen.rows.row.name == "p2.jpg", "the third photo")
        await app.use_language("zh")
        await wait_for(pilot, lambda: "照片▲" in screen_text(app), "the Chinese headings")
        assert isinstance(app.screen, DataScreen)
        assert app.screen.rows.row.name == "p2.jpg"
        assert screen.query_one(FilterBar).field.value == "p"
