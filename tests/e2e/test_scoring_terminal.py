"""The scoring mode in a real terminal: keys that come all at once, as over a slow line, lose nothing."""

from __future__ import annotations

from pathlib import Path

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.conftest import draw_photo
from tests.e2e.test_app_terminal import terminal
from tests.waiting import wait_until

COUNT = 40


def album(root: Path) -> Workspace:
    workspace = Workspace(root)
    workspace.create()
    for number in range(COUNT):
        draw_photo(workspace.data / f"p{number:02}.jpg", number, number / COUNT, (320, 240))
    return workspace


def test_a_burst_from_home_to_the_last_photo_is_taken_key_by_key(tmp_path: Path) -> None:
    workspace = album(tmp_path)
    given = [13 * number % 101 for number in range(COUNT)]
    with terminal(workspace) as app:
        app.wait_for("Score at least 8 photos: 8 to go")
        # a wrong score, taken back; then every photo, some in full-width digits, with and without a needed enter
        keys = ["enter", "9", "9", "u"]
        for number, score in enumerate(given):
            wide = str(score).translate({ord(digit): chr(ord(digit) + 0xFEE0) for digit in "0123456789"})
            keys += [wide if number % 7 == 3 else str(score), "enter"]
        app.press(*keys)
        app.wait_for("That's all of this round.")
        app.wait_for(f"You scored {COUNT} photos.")
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
    assert ScoreBook(workspace).scores() == {f"p{number:02}.jpg": score for number, score in enumerate(given)}


def test_what_was_scored_is_kept_when_the_connection_drops(tmp_path: Path) -> None:
    workspace = album(tmp_path)
    with terminal(workspace) as app:
        app.wait_for("Score at least 8 photos: 8 to go")
        app.press("s", "11", "22", "33")
        app.wait_for("p02.jpg: you 33")
        app.hang_up()
    expected = {"p00.jpg": 11, "p01.jpg": 22, "p02.jpg": 33}
    wait_until(lambda: ScoreBook(workspace).scores() == expected, "the three scores")


def test_chinese_and_zoom_in_a_small_terminal(tmp_path: Path) -> None:
    workspace = album(tmp_path)
    with terminal(workspace, "zh") as app:
        app.wait_for("至少给 8 张照片打分")
        app.press("s")
        app.wait_for("第 1 / 40 张 · 还剩 39 张")
        app.press("z")
        app.wait_for("100 %")
        app.press("８", "５")
        app.wait_for("p00.jpg：你 85")
        app.press("q", "q")
        app.wait_for("★ 1–5 = 0 25 50 75 100")
        app.press("4", "ctrl+q")
        assert app.wait_for_end() == 0
    assert ScoreBook(workspace).scores() == {"p00.jpg": 85, "p01.jpg": 75}
