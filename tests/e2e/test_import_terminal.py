"""The Import screen in a real terminal: hostile names, a connection that drops in the middle, and the same again."""

from __future__ import annotations

import os
from pathlib import Path

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.conftest import REPOSITORY, draw_photo
from tests.e2e.terminal import Terminal


def terminal(workspace: Workspace, language: str = "en") -> Terminal:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    environ = {**os.environ, "PYTHONPATH": path}
    return Terminal(["-w", str(workspace.root), "--lang", language], workspace.root, environ, (120, 30))


def test_hostile_names_come_in_and_reach_no_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "x["
    folder.mkdir()
    content = draw_photo(folder / "b]y.jpg", 1, 0.4).read_bytes()
    names = [b"\x1b[31m\x1b]0;owned\x07.jpg", b"\xff\xfe.jpg", "‮gpj.jpg".encode(), ("日" * 83 + ".jpg").encode()]
    for number, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(content + bytes([number]))
    workspace = Workspace(tmp_path / "work")
    workspace.create()
    with terminal(workspace) as app:
        app.wait_for("F2 Import")
        app.press("f2")
        app.wait_for("Folder")
        app.paste(f"{folder}\n")
        app.wait_for("all 5")
        for shown in ("b]y.jpg", "\\x1b[31m\\x1b]0;owned", "\\udcff\\udcfe.jpg", "\\u202egpj.jpg", "日"):
            app.wait_for(shown)
        app.press("g")
        app.wait_gone("Photo  ")
        app.press("end", "5", "0", "enter", "ctrl+s")
        app.wait_for("5 photos were copied")
        app.wait_for("\\x1b[31m")
        assert "owned" not in app.screen.title
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
    assert len(list(workspace.data.glob("*.jpg"))) == 5
    assert list(ScoreBook(workspace).scores().values()) == [50]


def test_an_import_goes_on_after_a_dropped_connection(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    content = draw_photo(folder / "0_0.jpg", 1, 0.4).read_bytes()
    for number in range(1, 600):
        (folder / f"{number % 100}_{number}.jpg").write_bytes(content + bytes(divmod(number, 256)))
    workspace = Workspace(tmp_path / "work")
    workspace.create()
    with terminal(workspace, "zh") as app:
        app.wait_for("F2 ")
        app.press("f2")
        app.wait_for("文件夹")
        app.paste(f"'{folder}'\n")
        app.wait_for("全部 600")
        app.press("ctrl+s")
        app.wait_for("▱")
        app.hang_up()
    there = {path.name: path.stat().st_ino for path in workspace.data.glob("*.jpg")}
    assert 0 < len(there) < 600
    with terminal(workspace) as app:
        app.wait_for("F2 Import")
        app.press("f2")
        app.wait_for("album")  # among the recent folders
        app.press("down", "enter")
        app.wait_for(f"duplicates {len(there)}")
        app.press("ctrl+s")
        app.wait_for(f"{600 - len(there)} photos were copied")
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
    found = {path.name: path.stat().st_ino for path in workspace.data.glob("*.jpg")}
    assert len(found) == len(ScoreBook(workspace).scores()) == 600
    assert found.items() >= there.items()
