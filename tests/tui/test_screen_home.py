"""Home says what there is and offers the next sensible step."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.labels.scorebook import ScoreBook
from tests.tui.piloting import make_app, screen_text, wait_for
from tui.screens.base import BaseScreen
from tui.screens.home import Survey

NAMES = [f"p{number}.jpg" for number in range(10)]


@pytest.mark.parametrize(
    ("survey", "area"),
    [
        (Survey(photos=0, scored=0, scale="0-100", models=0, running=0), "import"),
        (Survey(photos=20, scored=7, scale="0-100", models=0, running=0), "scoring"),
        (Survey(photos=20, scored=8, scale="0-100", models=0, running=0), "train"),
        (Survey(photos=20, scored=8, scale="0-100", models=0, running=1), "train"),
        (Survey(photos=20, scored=8, scale="0-100", models=1, running=0), "predict"),
    ],
)
def test_the_next_step_follows_from_the_state(survey: Survey, area: str) -> None:
    assert survey.next_step()[0] == area


async def test_an_empty_workspace_asks_for_a_folder_and_enter_goes_there(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: "Import a folder of photos" in screen_text(app), "the next step")
        await pilot.press("enter")
        await wait_for(
            pilot, lambda: isinstance(app.screen, BaseScreen) and app.screen.area == "import", "the Import screen"
        )


async def test_home_counts_and_counts_again_when_it_is_shown_again(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: "Score at least 8 photos: 8 to go" in screen_text(app), "the first count")
        await pilot.press("d")
        await wait_for(pilot, lambda: "p0.jpg" in screen_text(app), "the photos")
        ScoreBook(app.workspace).set_many({name: 10.0 * place for place, name in enumerate(NAMES)})
        await pilot.press("escape")
        await wait_for(pilot, lambda: "Train your first model" in screen_text(app), "the second count")


async def test_damaged_scores_are_told_with_line_and_remedy(tmp_path: Path) -> None:
    app = make_app(tmp_path, NAMES)
    app.workspace.scores_file.write_text("p0.jpg\t50\np1.jpg\tfifty\n", "utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: "fifty" in screen_text(app), "the message")
        assert "2" in screen_text(app)
        await pilot.press("f3")
        await wait_for(pilot, lambda: type(app.screen).__name__ == "ErrorDialog", "the dialog on the Data screen")
        await pilot.press("enter", "escape")
        app.workspace.scores_file.write_text("p0.jpg\t50\n", "utf-8")
        await wait_for(pilot, lambda: "Score at least 8" in screen_text(app) or _home_looks(app), "the mended state")
    assert app.workspace.scores_file.read_text("utf-8") == "p0.jpg\t50\n"


def _home_looks(app: object) -> bool:
    app.rooms["home"].look()  # type: ignore[attr-defined]
    return False


async def test_home_speaks_chinese(tmp_path: Path) -> None:
    app = make_app(tmp_path, language="zh")
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: "导入一个照片文件夹" in screen_text(app), "the Chinese step")
