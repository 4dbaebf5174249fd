"""Two programs that score one workspace at once: no edit is lost, no line is torn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.labels.history import BEGINNING, History
from engine.labels.outside import replay
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace

EDITS = 2000
SHARED = 200  # names that both programs score, again and again

SCORER = """
import sys
from pathlib import Path
from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace

root, mine, edits, shared, at_once = Path(sys.argv[1]), int(sys.argv[2]), *map(int, sys.argv[3:])
with ScoreBook(Workspace(root), f"person {mine}", at_once=at_once) as book:
    for number in range(edits):
        own = number % 2 == 0
        name = f"own{mine}_{number}.jpg" if own else f"shared{number * 7 % shared}.jpg"
        book.set(name, (number * 2 + mine) / 100)
"""


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1000, 0], ids=["the file follows at once, then later", "the file follows later"])
def test_two_programs_lose_nothing(tmp_path: Path, at_once: int) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    for mine in (0, 1):
        for number in range(0, EDITS, 2):
            (workspace.data / f"own{mine}_{number}.jpg").touch()
    for number in range(SHARED):
        (workspace.data / f"shared{number}.jpg").touch()
    numbers = [str(number) for number in (EDITS, SHARED, at_once)]
    programs = [subprocess.Popen([sys.executable, "-c", SCORER, str(tmp_path), str(mine), *numbers]) for mine in (0, 1)]
    assert [program.wait(300) for program in programs] == [0, 0]

    book = ScoreBook(workspace)
    scores = book.scores()
    for mine in (0, 1):
        own = {f"own{mine}_{number}.jpg": (number * 2 + mine) / 100 for number in range(0, EDITS, 2)}
        assert own.items() <= scores.items()
    history = book.history()
    assert [change.seq for change in history] == list(range(1, 2 * EDITS + 1))
    for mine in (0, 1):
        given = [edit.new for change in history if change.who == f"person {mine}" for edit in change.edits]
        assert given == [(number * 2 + mine) / 100 for number in range(EDITS)]
    state: dict[str, float | None] = {}
    for change in history:
        for edit in change.edits:
            assert edit.old == state.get(edit.name), "each saw what the other had done"
            state[edit.name] = edit.new
    assert state == scores == replay(change for change, _ in History(workspace.history_file).after(BEGINNING))
    lines = workspace.scores_file.read_text("utf-8").splitlines()
    assert {name: float(score) for name, score in (line.split("\t") for line in lines)} == scores
    assert all(json.loads(line)["seq"] for line in workspace.history_file.read_text("utf-8").splitlines())
    assert book.take_outside() == []
