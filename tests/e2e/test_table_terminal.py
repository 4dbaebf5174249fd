"""The table in a real terminal: what the terminal moves by itself must look as if everything had been sent."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.conftest import REPOSITORY, draw_photo
from tests.e2e.terminal import Terminal

ROWS = 150
TABLE = slice(2, 37)
"""The lines of the rows on a screen of 120×40."""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path)
    place.create()
    first = draw_photo(place.data / "n000.jpg", 1, 0.5)
    for number in range(1, ROWS):
        os.link(first, place.data / f"n{number:03d}.jpg")
    with ScoreBook(place) as book:
        book.set_many({f"n{number:03d}.jpg": number * 7 % 101 for number in range(0, ROWS, 2)}, "import")
    return place


def terminal(workspace: Workspace) -> Terminal:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    environ = {**os.environ, "PYTHONPATH": path}
    return Terminal(["-w", str(workspace.root), "--lang", "en"], workspace.root, environ, (120, 40))


def rows(app: Terminal) -> list[tuple[int, str]]:
    """Return number and score of each row on the screen."""
    found = []
    for line in app.screen.display[TABLE]:
        match = re.match(r" [ ✓][ ⚑] n(\d{3})\.jpg +(\d+|–) ", line)
        assert match, f"no row: {line!r}\n{app.text}"
        found.append((int(match[1]), match[2]))
    return found


def expected(top: int, given: dict[int, int]) -> list[tuple[int, str]]:
    numbers = range(top, top + 35)
    scores = {number: number * 7 % 101 for number in range(0, ROWS, 2)} | given
    return [(number, str(scores.get(number, "–"))) for number in numbers]


def highlighted(app: Terminal) -> list[int]:
    """Return the numbers of the rows that have another background than the right edge: the cursor's."""
    buffer = app.screen.buffer
    lines = [line for line in range(TABLE.start, TABLE.stop) if buffer[line][60].bg != buffer[line][119].bg]
    return [int(app.screen.display[line][5:8]) for line in lines]


def test_scrolled_lines_are_those_that_belong_there_and_cost_little(workspace: Workspace) -> None:
    with terminal(workspace) as app:
        app.wait_for("F3 Data")
        app.press("f3")
        app.wait_for(f"1 / {ROWS}")
        app.listen(0.5)
        sent = []
        for number in range(1, 60):
            app.press("down")
            sent.append(sum(len(chunk.data) for chunk in app.listen(0.1, first=10)))
            app.wait_for(f" {number + 1} / {ROWS}")
            assert rows(app) == expected(max(number - 34, 0), {})
            assert highlighted(app) == [number]
        assert max(sent) <= 4096
        assert min(sent) > 100
        for number in range(58, 10, -1):
            app.press("up")
            app.wait_for(f" {number + 1} / {ROWS}")
        app.listen(0.2)
        assert rows(app) == expected(11, {})
        assert highlighted(app) == [11]


def test_a_burst_of_arrows_scores_and_marks_leaves_no_stale_line(workspace: Workspace) -> None:
    choose = random.Random(7)
    given: dict[int, int] = {}
    cursor = 0
    keys: list[str] = []
    for _ in range(400):
        key = choose.choice(["down"] * 6 + ["up"] * 3 + ["score"] * 2 + ["pagedown", "pageup"])
        if key == "score":
            score = choose.randint(0, 100)
            given[cursor] = score
            keys += [*str(score), "enter"]
            cursor = min(cursor + 1, ROWS - 1)
        else:
            step = {"down": 1, "up": -1, "pagedown": 35, "pageup": -35}[key]
            cursor = max(min(cursor + step, ROWS - 1), 0)
            keys.append(key)
    with terminal(workspace) as app:
        app.wait_for("F3 Data")
        app.press("f3")
        app.wait_for(f"1 / {ROWS}")
        app.listen(0.5)
        while keys:
            some, keys = keys[:7], keys[7:]
            app.press(*some)
            app.listen(0.02)
        app.wait_for(f" {cursor + 1} / {ROWS}")
        app.listen(0.5)
        assert rows(app) == expected(rows(app)[0][0], given)
        assert highlighted(app) == [cursor]
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
    scores = ScoreBook(workspace).scores()
    assert {name: scores[name] for name in (f"n{number:03d}.jpg" for number in given)} == {
        f"n{number:03d}.jpg": score for number, score in given.items()
    }


def test_below_a_toast_everything_is_drawn_anew(workspace: Workspace) -> None:
    with terminal(workspace) as app:
        app.wait_for("F3 Data")
        app.press("f3")
        app.wait_for(f"1 / {ROWS}")
        app.press("5", "enter", "u")
        app.wait_for("Undone")
        app.press("pagedown", *["down"] * 30)
        app.wait_for(f" 66 / {ROWS}")
        app.wait_gone("Undone")
        app.listen(0.3)
        assert rows(app) == expected(rows(app)[0][0], {})
