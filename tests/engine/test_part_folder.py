"""A bundle is whole or absent: what killed writers leave is never listed, and goes away."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.models.bundle import list_bundles
from engine.models.part_folder import clear_leftovers, part_folder
from engine.workspace import Workspace
from tests.engine.made_bundles import save


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    return workspace


_DYING = """
import os, sys
from pathlib import Path
from engine.models.part_folder import part_folder
with part_folder(Path(sys.argv[1])) as part:
    (part / "half").write_text("x")
    print(part, flush=True)
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), 9)
    sys.stdin.read()
"""


def _writer(target, how):
    command = [sys.executable, "-c", _DYING, str(target), how]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, target.parent / Path(process.stdout.readline().strip()).name


def _age(folder, seconds):
    moment = time.time() - seconds
    os.utime(folder, (moment, moment))


def test_what_a_killed_writer_left_is_cleared_away_and_what_a_living_one_writes_stays(workspace):
    killed, left = _writer(workspace.models / "killed", "dies")
    killed.wait(30)
    alive, part = _writer(workspace.models / "alive", "waits")
    try:
        assert left.is_dir()
        assert list_bundles(workspace) == []
        assert clear_leftovers(workspace.models) == 0  # its writer might just have made it
        _age(left, 600)
        _age(part, 600)
        info = save(workspace)
        assert not left.exists()
        assert part.is_dir()
        assert [bundle.model_id for bundle in list_bundles(workspace)] == [info.model_id]
    finally:
        alive.communicate("")
    assert (workspace.models / "alive" / "half").read_text() == "x"
    assert not part.exists()


def test_a_place_that_is_taken_stays_as_it_is(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match="taken"), part_folder(tmp_path / "taken") as part:
        (part / "new").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert list((tmp_path / "taken").iterdir()) == []
