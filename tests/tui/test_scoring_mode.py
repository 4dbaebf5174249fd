"""Scoring mode: every key counts, in its order, and every score is on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot

from engine.labels.flags import read_flags
from engine.labels.rerates import read_rerates
from engine.labels.scorebook import ScoreBook
from engine.prediction.guesses import read_guesses
from engine.workspace import Scale, Settings, Workspace
from tests.tui.piloting import make_app, make_photos, screen_text, wait_for
from tui.app import BeholderApp
from tui.dialogs.error import ErrorDialog
from tui.i18n import texts
from tui.screens.base import BaseScreen
from tui.screens.help import HelpDialog
from tui.screens.home import HomeScreen
from tui.screens.scoring_keys import ScoringKeys
from tui.screens.scoring_mode import ScoringMode

NAMES = [f"p{number}.jpg" for number in range(6)]


async def opened(pilot: Pilot[Any], app: BeholderApp) -> ScoringMode:
    """Open the scoring mode and wait until the photos are read."""
    await pilot.press("f7")
    await wait_for(
        pilot,
        lambda: isinstance(app.screen, ScoringMode) and app.screen.sitting is not None and app.screen.sitting.is_read,
        "the scoring mode",
    )
    assert isinstance(app.screen, ScoringMode)
    return app.screen


def here(screen: ScoringMode) -> str:
    assert screen.sitting is not None
    turn = screen.sitting.queue.turn
    return turn.name if turn else "the end"


def scores(app: BeholderApp) -> dict[str, float]:
    return ScoreBook(app.workspace).scores()


async def until_scores(pilot: Pilot[Any], app: BeholderApp, **expected: float) -> None:
    wanted = {f"{name}.jpg": score for name, score in expected.items()}
    await wait_for(pilot, lambda: scores(app) == wanted, f"the scores {wanted}")


async def close_error(pilot: Pilot[Any], app: BeholderApp) -> None:
    """Wait for the error dialog and close it."""
    await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog) and app.screen.focused is not None, "the error")
    await pilot.press("enter")
    await wait_for(pilot, lambda: isinstance(app.screen, ScoringMode), "the dialog to close")


def burst(app: BeholderApp, keys: Iterable[str]) -> None:
    """Send keys faster than any of them can take effect."""
    for key in keys:
        app.simulate_key(key)


async def test_typed_scores_are_on_the_disk_and_the_next_photo_comes(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        assert "1 of 6 · 5 left" in screen_text(app)
        await pilot.press("8", "5")
        await until_scores(pilot, app, p0=85)
        assert here(screen) == "p1.jpg"
        await pilot.press("7", "enter", "1", "0", "enter", "9", ".", "5", "enter")
        await until_scores(pilot, app, p0=85, p1=7, p2=10, p3=9.5)
        text = screen_text(app)
        assert "5 of 6 · 1 left" in text
        assert "p3.jpg: you 9.5" in text
        assert "/min" in text


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("8 5 enter 7 0 enter 6 enter", {"p0": 85, "p1": 70, "p2": 6}),
        ("8 5 enter u 7 0 enter 6 enter", {"p0": 70, "p1": 6}),
        ("8 5 7 0 u u r 1 2", {"p0": 85, "p1": 12}),
        ("s 5 enter left left 4 enter", {"p0": 4, "p1": 5}),
        ("f 3 enter 5 5 f p 5 enter 6 6 f 1 enter 9 enter", {"p2": 55, "p5": 66, "p0": 9}),
        ("t 8 5 enter 1 0 0 enter", {"p0": 85, "p1": 100}),
        ("q 1 2 q 5 q 3 enter", {"p0": 10, "p1": 20, "p2": 100, "p3": 3}),
        ("end 8 5 enter enter home 1 enter", {"p0": 1, "p5": 85}),
        ("8 5 enter f 日 3 backspace backspace 5 enter 6 6 s 4 enter", {"p0": 85, "p4": 66}),
        ("８ ５ enter ７ fullwidth_full_stop ５ enter", {"p0": 85, "p1": 7.5}),
        ("8 5 full_stop 5 enter 3 9 backspace 8 enter", {"p0": 85.5, "p1": 38}),
    ],
)
@pytest.mark.parametrize("early", [False, True], ids=["when it stands", "before it stands"])
async def test_a_burst_of_keys_takes_effect_in_its_order(
    tmp_path: Path, keys: str, expected: dict[str, float], early: bool
) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        if early:
            burst(app, ["f7"])
        else:
            await opened(pilot, app)
        burst(app, keys.split())
        await until_scores(pilot, app, **expected)


async def test_a_burst_that_leaves_again_loses_nothing(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        burst(app, ["f7", "8", "5", "7", "0", "escape"])
        await until_scores(pilot, app, p0=85, p1=70)
        await wait_for(pilot, lambda: isinstance(app.screen, HomeScreen), "Home")


async def test_home_leads_here_and_escape_back(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await wait_for(pilot, lambda: "Score at least 8 photos" in screen_text(app), "the next step")
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, ScoringMode), "the scoring mode")
        await wait_for(pilot, lambda: "1 of 6" in screen_text(app), "the first photo")
        await pilot.press("8", "5", "escape")
        await wait_for(pilot, lambda: isinstance(app.screen, HomeScreen), "Home")
        await wait_for(pilot, lambda: "You scored one photo." in screen_text(app), "what the sitting came to")
        await pilot.press("s", "f3")
        await wait_for(
            pilot, lambda: isinstance(app.screen, BaseScreen) and app.screen.area == "data", "the Data screen"
        )
        app.open_scoring(["p4.jpg", "p3.jpg"])
        await wait_for(pilot, lambda: "1 of 2 · 1 left" in screen_text(app), "two photos")
        await pilot.press("f3")
        await wait_for(pilot, lambda: isinstance(app.screen, BaseScreen) and app.screen.area == "data", "Data again")
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, HomeScreen), "Home at once")


async def test_the_chosen_photos_come_and_the_first_of_them_first(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_scoring(["p4.jpg", "p1.jpg", "p2.jpg"], at="p2.jpg")
        await wait_for(pilot, lambda: "1 of 3" in screen_text(app), "three photos")
        await pilot.press(*"112233")
        await until_scores(pilot, app, p2=11, p4=22, p1=33)


async def test_quick_styles_are_shown_and_remembered(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("q")
        await wait_for(pilot, lambda: "1–9=10–90  0=100  `=0" in screen_text(app), "the keys")
        await pilot.press("q")
        await wait_for(pilot, lambda: "★ 1–5 = 0 25 50 75 100" in screen_text(app), "the stars")
        await pilot.press("4", "t", "2", "3")
        await until_scores(pilot, app, p0=75, p1=50)
        await pilot.press("o")
        await wait_for(
            pilot,
            lambda: (
                app.workspace.settings()
                == Settings(scoring_order="random", scoring_keys="stars", scoring_advance="off")
            ),
            "the saved choices",
        )
        await pilot.press("escape")
        screen = await opened(pilot, app)
        assert screen.sitting is not None
        assert (screen.sitting.queue.order, screen.sitting.style, screen.sitting.advance) == ("random", "stars", False)


async def test_a_key_without_a_score_says_which_keys_have_one(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    app.workspace.save_settings(Settings(scoring_keys="stars"))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("8")
        await wait_for(pilot, lambda: screen_text(app).count("★ 1–5") == 2, "the keys, told again")
        assert scores(app) == {}


async def test_negative_scores_are_typed_and_minus_zooms_only_while_zoomed(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    app.workspace.save_settings(Settings(scale=Scale(-10, 10)))
    make_photos(app.workspace.data, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("minus", "7", "enter", "5", "minus", "enter")
        await until_scores(pilot, app, p0=-7, p1=5)


async def test_a_score_off_the_scale_is_told_and_not_taken(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("1", "0", "1", "enter")
        await wait_for(pilot, lambda: "101 is not a score from 0 to 100." in screen_text(app), "the reason")
        await pilot.press("escape")
        assert app.screen is screen, "escape only drops what was typed"
        await pilot.press("enter")
        await wait_for(pilot, lambda: "press s to skip" in screen_text(app), "the hint")
        assert scores(app) == {}


async def test_undo_reaches_back_before_this_sitting(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set("p3.jpg", 30)
    ScoreBook(app.workspace).set("p4.jpg", 40)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("8", "5", "u")
        await wait_for(pilot, lambda: "Taken back: p0.jpg  85 → –" in screen_text(app), "my own undo")
        await pilot.press("u")
        await until_scores(pilot, app, p3=30)
        await wait_for(pilot, lambda: here(screen) == "p4.jpg", "the photo")
        await wait_for(pilot, lambda: "Taken back: p4.jpg  40 → –" in screen_text(app), "what was undone")
        await pilot.press("4", "4")
        await until_scores(pilot, app, p3=30, p4=44)


async def test_undo_takes_back_my_score_and_not_that_of_another_person(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("8", "5")
        await until_scores(pilot, app, p0=85)
        ScoreBook(app.workspace, who="another").set("p5.jpg", 50)
        await pilot.press("u")
        await until_scores(pilot, app, p5=50)
        await pilot.press("r")
        await until_scores(pilot, app, p0=85, p5=50)
        ScoreBook(app.workspace, who="another").set("p0.jpg", 33)
        await pilot.press("u")
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "the refusal")
        assert scores(app) == {"p0.jpg": 33, "p5.jpg": 50}


async def test_what_another_person_does_is_seen(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES[:3])
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        ScoreBook(app.workspace, who="another").set("p0.jpg", 66)
        await wait_for(pilot, lambda: "Score 66" in screen_text(app), "the other person's score")
        make_photos(app.workspace.data, ["p7.jpg"])
        await wait_for(pilot, lambda: "1 of 4" in screen_text(app), "the new photo")


async def test_a_blind_rerate_is_kept_apart_and_told_at_the_end(tmp_path: Path) -> None:
    app = make_app(tmp_path, ["80.jpg", "60.jpg", "40.jpg"])
    before = {"80.jpg": 80.0, "60.jpg": 60.0, "40.jpg": 40.0}
    ScoreBook(app.workspace).set_many(before)
    app.workspace.save_settings(Settings(scoring_order="rerate"))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        order = []
        for _ in range(3):
            text = screen_text(app)
            assert not any(f"{score}.jpg" in text or f"Score {score}" in text for score in (80, 60, 40))
            order.append(here(screen))
            await pilot.press(*str(int(before[here(screen)]) + 6))
        await wait_for(pilot, lambda: len(read_rerates(app.workspace)) == 3, "three second ratings")
        assert [(found.name, found.before, found.again) for found in read_rerates(app.workspace)] == [
            (name, before[name], before[name] + 6) for name in order
        ]
        assert scores(app) == before
        await wait_for(pilot, lambda: "That's all of this round." in screen_text(app), "the summary")
        text = " ".join(screen_text(app).split())
        assert "You rated 3 photos again: on average 6.0 away from the first time, rank agreement 1.00." in text
        assert "F4 train" not in text, "three scores are too few"


async def test_the_guess_is_told_only_after_the_score(trained: Workspace) -> None:
    _, guesses = read_guesses(trained)
    app = BeholderApp(trained, "en")
    async with app.run_test(size=(100, 24)) as pilot:
        app.open_scoring(at="10_0.jpg")
        await wait_for(pilot, lambda: "1 of 24" in screen_text(app), "the first photo")
        await wait_for(pilot, lambda: "Every photo has a score" in screen_text(app), "the hint")
        assert "model" not in screen_text(app)
        guess = round(guesses["10_0.jpg"].score)
        await pilot.press("8", "0")
        told = f"10_0.jpg: you 80 · model {guess} (+{80 - guess})"
        await wait_for(pilot, lambda: told in screen_text(app), told)


async def test_the_end_offers_what_was_skipped_and_the_training(tmp_path: Path) -> None:
    app = make_app(tmp_path, [f"q{number}.jpg" for number in range(9)])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("s", *"1122334455667788")
        await wait_for(pilot, lambda: "That's all of this round." in screen_text(app), "the summary")
        text = screen_text(app)
        assert "You scored 8 photos." in text
        assert "One photo was passed over." in text
        assert "train a model on 8 scored photos" in text
        await pilot.press("9", "9", "enter", "enter")
        assert here(screen) == "the end", "a burst that is longer than the queue scores nothing else"
        await wait_for(pilot, lambda: "That was the last one" in screen_text(app), "the hint")
        await pilot.press("n")
        await wait_for(pilot, lambda: here(screen) == "q0.jpg", "the skipped photo")
        await pilot.press("9", "9", "enter", "n")
        await wait_for(pilot, lambda: "No other photo here waits" in screen_text(app), "the very end")
        assert len(scores(app)) == 9
        await pilot.press("f4")
        await wait_for(pilot, lambda: isinstance(app.screen, BaseScreen) and app.screen.area == "train", "Train")


async def test_after_the_unscored_photos_come_the_others(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set_many({f"p{number}.jpg": number for number in range(5)})
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        assert "1 of 1 · 0 left" in screen_text(app)
        await pilot.press("5", "5")
        await wait_for(pilot, lambda: "those that had a score before (5)" in screen_text(app), "the offer")
        await pilot.press("n", "enter")
        await wait_for(pilot, lambda: here(screen) == "p1.jpg", "the second of them")
        await wait_for(pilot, lambda: "Score 1 " in screen_text(app), "its score")


async def test_the_summary_shows_at_any_time(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("p")
        await wait_for(pilot, lambda: "Nothing was scored yet." in screen_text(app), "the empty summary")
        await pilot.press("escape")
        assert app.screen is screen
        await pilot.press("5", "5", "p", "6", "6")
        await until_scores(pilot, app, p0=55, p1=66)
        await wait_for(pilot, lambda: "3 of 6" in screen_text(app) and "So far" not in screen_text(app), "the photo")


async def test_flags_are_text_and_on_the_disk(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("x")
        await wait_for(pilot, lambda: "p0.jpg · flagged" in screen_text(app), "the flag")
        await wait_for(pilot, lambda: read_flags(app.workspace) == {"p0.jpg"}, "the flag on the disk")
        await pilot.press("x")
        await wait_for(pilot, lambda: "flagged" not in screen_text(app), "no flag")
        await wait_for(pilot, lambda: read_flags(app.workspace) == frozenset(), "no flag on the disk")


async def test_zoom_takes_the_arrows_and_escape_gives_them_back(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(60, 15)) as pilot:
        screen = await opened(pilot, app)
        await wait_for(pilot, lambda: screen.photo.is_loaded, "the photo")
        await pilot.press("z")
        await wait_for(pilot, lambda: screen.photo.zoomed and "100 %" in screen_text(app), "the zoomed photo")
        await pilot.press("right", "down", "minus", "plus")
        assert here(screen) == "p0.jpg"
        await pilot.press("escape")
        await wait_for(pilot, lambda: not screen.photo.zoomed, "the whole photo")
        assert app.screen is screen
        await pilot.press("right")
        assert here(screen) == "p1.jpg"
        await wait_for(pilot, lambda: screen.photo.is_loaded, "the next photo")
        await pilot.press("z", "4", "4")
        await until_scores(pilot, app, p1=44)


async def test_the_info_line_comes_and_goes(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("i")
        await wait_for(pilot, lambda: "48×36" in screen_text(app), "the size")
        await pilot.press("i", "c")
        await wait_for(pilot, lambda: "48×36" not in screen_text(app), "no size")


async def test_a_photo_is_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    app = make_app(tmp_path, ["a[red]b.jpg", "esc\x1b[31m.jpg", "日出 see.jpg", "x.jpg"])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await wait_for(pilot, lambda: "a[red]b.jpg" in screen_text(app), "the name as it is")
        for typed, found in [
            ("日出", "日出 see.jpg"),
            ("[RED", "a[red]b.jpg"),
            ("suxzq", "a[red]b.jpg"),
            ("x.j", "x.jpg"),
            ("n e", ""),
        ]:
            await pilot.press("f")
            burst(app, [{" ": "space", ".": "full_stop"}.get(char, char) for char in typed])
            await wait_for(pilot, lambda typed=typed: screen.finding == typed, "what was typed")
            await pilot.press("enter")
            assert not found or here(screen) == found
        assert "\x1b" not in screen_text(app)
        await pilot.press("f", *"sunrise", "enter")
        await wait_for(pilot, lambda: "No photo here is “sunrise”." in screen_text(app), "the answer")
        await pilot.press("f", "x", "escape", "u")
        await wait_for(pilot, lambda: "There is nothing to undo." in screen_text(app), "no dialog, but a note")


async def test_unreadable_and_missing_photos_are_told_and_can_be_skipped(tmp_path: Path) -> None:
    app = make_app(tmp_path, ["a.jpg", "c.jpg"])
    (app.workspace.data / "b.jpg").write_text("this is text", "utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("1", "1")
        await wait_for(pilot, lambda: "This photo can't be shown." in screen_text(app), "the reason")
        await pilot.press("s")
        await wait_for(pilot, lambda: here(screen) == "c.jpg", "the next photo")
        await wait_for(pilot, lambda: screen.photo.is_loaded and not screen.photo.problem, "the photo")
        (app.workspace.data / "c.jpg").unlink()
        await wait_for(pilot, lambda: here(screen) == "the end", "the queue without the photo that went")


async def test_an_empty_workspace_shows_the_way_to_import(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await wait_for(pilot, lambda: "Press F2" in screen_text(app), "the hint")
        burst(
            app,
            ["8", "5", "enter", "u", "x", "p", "f", "1", "enter", "s", "right", "z", "i", "c", "o", "q", "t", "escape"],
        )
        await wait_for(pilot, lambda: isinstance(app.screen, (HomeScreen, ErrorDialog)), "no harm")


async def test_scores_that_can_not_be_written_are_asked_for_again(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    ScoreBook(app.workspace).set("p5.jpg", 50)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, app)
        good = app.workspace.scores_file.read_text("utf-8")
        app.workspace.scores_file.write_text("p5.jpg\tfifty\n", "utf-8")
        await pilot.press("8", "5")
        await close_error(pilot, app)
        app.workspace.scores_file.write_text(good, "utf-8")
        await wait_for(pilot, lambda: "could not be saved: give it again" in screen_text(app), "the loss, told")
        assert here(screen) == "p0.jpg"
        await pilot.press("8", "5")
        await until_scores(pilot, app, p0=85, p5=50)


async def test_damaged_scores_are_told_and_seen_once_they_are_mended(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    app.workspace.scores_file.write_text("p5.jpg\tfifty\n", "utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f7")
        await close_error(pilot, app)
        await wait_for(pilot, lambda: "fifty" in screen_text(app), "the reason in the photo's place")
        app.workspace.scores_file.write_text("p5.jpg\t50\n", "utf-8")
        await wait_for(pilot, lambda: "1 of 5" in screen_text(app), "the photos")


async def test_help_explains_and_the_language_changes_at_once(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(120, 50)) as pilot:
        screen = await opened(pilot, app)
        await pilot.press("5", "5", "f1")
        await wait_for(pilot, lambda: isinstance(app.screen, HelpDialog), "the help")
        await wait_for(pilot, lambda: "1 to 5 stars" in screen_text(app), "the keys")
        assert "blind re-rate" in screen_text(app)
        await pilot.press("escape")
        await app.use_language("zh")
        await wait_for(pilot, lambda: "第 2 / 6 张 · 还剩 4 张" in screen_text(app), "Chinese")
        await wait_for(pilot, lambda: screen.photo.is_loaded and screen.photo.path is not None, "the photo again")
        await pilot.press("6", "6")
        await until_scores(pilot, app, p0=55, p1=66)


@pytest.mark.parametrize("size", [(20, 5), (40, 12), (200, 60)])
async def test_every_size_of_terminal_is_survived(tmp_path: Path, size: tuple[int, int]) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.resize_terminal(*size)
        await pilot.press("5", "5", "i", "p", "p", "z", "q", "f", "1", "enter")
        await until_scores(pilot, app, p0=55)


def test_every_binding_has_a_unique_id_and_texts_in_both_languages() -> None:
    bindings = [found for found in ScoringKeys.BINDINGS if isinstance(found, Binding) and found.description]
    assert len(bindings) > 20
    assert len({found.id for found in bindings}) == len(bindings)
    for language in ("en", "zh"):
        known = texts(language)
        assert [found for found in bindings if found.description not in known] == []
        assert [found for found in bindings if found.tooltip not in known] == []
