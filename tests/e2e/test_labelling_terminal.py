"""The labelling half of the work in a real terminal: import, score in a burst, look, delete, take back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.conftest import REPOSITORY, WorkspaceFactory, draw_photo
from tests.e2e.terminal import Terminal


def terminal(workspace: Workspace, *options: str, size: tuple[int, int] = (120, 40)) -> Terminal:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    environ = {**os.environ, "PYTHONPATH": path}
    return Terminal(["-w", str(workspace.root), "--lang", "en", *options], workspace.root, environ, size)


def quit_app(app: Terminal) -> None:
    app.press("ctrl+q")
    assert app.wait_for_end() == 0


def in_scores_file(workspace: Workspace) -> set[str]:
    return set(workspace.scores_file.read_text("utf-8").splitlines())


def test_a_pasted_folder_is_imported_and_scored_in_a_burst(tmp_path: Path) -> None:
    folder = tmp_path / "my photos (new) 照片"
    folder.mkdir()
    for number, name in enumerate(["85.jpg", "a b.jpg", "c[red]d.jpg", "e.jpg", "f.jpg"]):
        draw_photo(folder / name, number, 0.2 + number * 0.1)
    workspace = Workspace(tmp_path / "work")
    workspace.root.mkdir()
    with terminal(workspace) as app:
        app.wait_for("F2 Import")
        app.press("f2")
        app.wait_for("Folder")
        app.paste(f"'{folder}'\n")  # as a terminal gives a folder that is dropped onto it
        app.wait_for("my photos (new)")
        app.press("enter")
        app.wait_for("c[red]d.jpg")
        assert not workspace.scores_file.exists()
        app.press("ctrl+s")
        app.wait_for("5 photos were copied")
        app.press("escape")
        app.wait_gone("5 photos were copied")
        app.press("f7")
        app.wait_for("1 of 4")
        # faster than any of them can be drawn: 70, 6, then back and 6 becomes 9.5, one is skipped, 100
        app.press("7", "0", "6", "enter", "u", "9", ".", "5", "enter", "s", "1", "0", "0")
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
    assert in_scores_file(workspace) == {"85.jpg\t85", "a b.jpg\t70", "c[red]d.jpg\t9.5", "f.jpg\t100"}


def test_a_connection_that_drops_takes_no_score_along(workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory(photos=6, scored=False)
    with terminal(workspace) as app:
        app.wait_for("F3 Data")
        app.press("f7")
        app.wait_for("1 of 6")
        app.press("8", "1", "8", "2", "8", "3")
        app.wait_for("you 83")
        app.hang_up()
    assert sorted(ScoreBook(workspace).scores().values()) == [81, 82, 83]


def test_a_photo_is_deleted_and_comes_back(workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory(photos=6)
    before = in_scores_file(workspace)
    photo = workspace.data / "10_0.jpg"
    with terminal(workspace) as app:
        app.wait_for("F3 Data")
        app.press("f3")
        app.wait_for(photo.name)
        app.press("delete")
        app.wait_for("trash")
        app.press("y")
        app.wait_gone(photo.name)
        assert not photo.exists()
        app.press("u")
        app.wait_for(photo.name)
        quit_app(app)
    assert photo.exists()
    assert in_scores_file(workspace) == before


@pytest.mark.parametrize(("key", "start"), [("down", "home"), ("up", "end")])
def test_an_arrow_key_in_the_table_sends_little(workspace_factory: WorkspaceFactory, key: str, start: str) -> None:
    workspace = workspace_factory()
    for number in range(60):
        (workspace.data / f"more {number}.jpg").hardlink_to(workspace.data / "10_0.jpg")
    with terminal(workspace) as app:
        app.wait_for("F3 Data")
        app.press("f3")
        app.wait_for("10_0.jpg")
        app.press(start)
        app.wait_for("more 59.jpg" if start == "end" else "10_0.jpg")
        app.listen(1.0)
        sent = []
        for ahead in [0, 0, 0, 0, 45, 0, 0, 0]:  # the last ones scroll
            app.press(*[key] * ahead)
            app.listen(0.5)
            app.press(key)
            sent.append(sum(len(chunk.data) for chunk in app.listen(0.2, first=10)))
        quit_app(app)
    assert 0 < min(sent) <= max(sent) <= 4096, sent


def test_over_a_slow_line_nothing_is_sent_while_nothing_happens(workspace_factory: WorkspaceFactory) -> None:
    with terminal(workspace_factory(photos=8), "--low-bandwidth") as app:
        app.wait_for("F2 Import")
        app.press("f2")  # its first field has the cursor
        app.wait_for("Folder")
        app.listen(1.0)
        assert app.listen(1.5) == []
        app.press("f3")
        app.wait_for("10_0.jpg")
        app.press("/")
        app.listen(1.0)
        assert app.listen(1.5) == []
        quit_app(app)
