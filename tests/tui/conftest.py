"""A workspace with a really trained model, made once, for the screens that need one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.jobs import client
from engine.workspace import Workspace
from tests.conftest import draw_photo
from tests.tui import piloting
from tui import cli


def fill(workspace: Workspace, count: int, scored: int | None = None) -> Workspace:
    """Put photos into a workspace, the first `scored` (all, if None) with scores: brighter means better."""
    workspace.create()
    lines = []
    for number in range(count):
        score = 10 + number * 80 // count
        name = f"{score}_{number}.jpg"
        draw_photo(workspace.data / name, number, score / 100)
        if scored is None or number < scored:
            lines.append(f"{name}\t{score}\n")
    workspace.scores_file.write_text("".join(lines), "utf-8")
    return workspace


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `wait_for` wait long enough for a real training on a busy machine."""
    monkeypatch.setattr(piloting, "SECONDS", 180.0)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory, isolated_home: Path) -> Workspace:
    """A workspace with 24 scored photos and one model, trained as a job. Read only: see `trained`."""
    workspace = fill(Workspace(tmp_path_factory.mktemp("trained") / "album"), 24)
    job = client.start(workspace, "train", {"model": "taste", "name": "my taste"})
    last = list(client.follow(workspace, job))[-1]
    assert last["type"] == "finished", client.log_text(workspace, job)
    return workspace


@pytest.fixture
def trained(trained_once: Workspace, tmp_path: Path) -> Workspace:
    """A copy of that workspace which the test may change."""
    shutil.copytree(trained_once.root, tmp_path / "album")
    return Workspace(tmp_path / "album")


@pytest.fixture
def make_workspace(tmp_path: Path) -> Callable[..., Workspace]:
    """Return a function (count, scored=None) that makes a workspace of small photos."""
    return lambda count, scored=None: fill(Workspace(tmp_path / "album"), count, scored)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs beholder and returns exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call
