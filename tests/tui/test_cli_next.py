"""``beholder next``: what to score next, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.workspace import Workspace
from tests.conftest import WorkspaceFactory, draw_photo

Run = Callable[..., tuple[int, str, str]]


def test_names_guesses_and_reasons_are_printed(run: Run, workspace_with_model: Workspace) -> None:
    for number in range(4):
        draw_photo(workspace_with_model.data / f"more-{number}.png", 50 + number, 0.2 * number + 0.1)
    code, out, _ = run("-w", workspace_with_model.root, "next", "-n", "3")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["photo", "guess", "why"]
    assert len(lines) == 4
    assert all(line.startswith("more-") and line.endswith(".") for line in lines[1:])
    code, out, _ = run("-w", workspace_with_model.root, "next", "--json", "-n", "9", "--model", "first", "--lang", "zh")
    found = json.loads(out)
    assert code == 0
    assert [list(item) for item in found] == [["name", "score", "reason"]] * 4
    assert all(0 <= item["score"] <= 100 and item["reason"].endswith("。") for item in found)


def test_a_photo_that_cant_be_read_is_named(run: Run, workspace_with_model: Workspace) -> None:
    draw_photo(workspace_with_model.data / "good.png", 50, 0.4)
    (workspace_with_model.data / "bad.png").write_text("no picture")
    code, out, err = run("-w", workspace_with_model.root, "next", "--json")
    assert code == 1
    assert [item["name"] for item in json.loads(out)] == ["good.png"]
    assert "bad.png" in err


def test_nothing_left_is_exit_code_3(run: Run, workspace: Workspace) -> None:
    code, out, err = run("-w", workspace.root, "next")
    assert (code, out) == (3, "")
    assert "without a score" in err


def test_without_a_model_there_is_no_guess(run: Run, workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory(photos=3, scored=False)
    code, out, _ = run("-w", workspace.root, "next", "--json", "--quiet")
    assert code == 0
    assert [item["score"] for item in json.loads(out)] == [None] * 3
    assert run("-w", workspace.root, "next", "--model", "nobody")[0] == 3


@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_a_wrong_number_is_wrong_usage(run: Run, workspace: Workspace, count: str) -> None:
    assert run("-w", workspace.root, "next", "-n", count)[0] == 2


def test_a_folder_that_is_no_workspace_is_not_found(run: Run, tmp_path: object) -> None:
    assert run("-w", f"{tmp_path}/nowhere", "next")[0] == 3
