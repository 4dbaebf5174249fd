"""The app in a real terminal: the connection drops during a training, and nothing is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from engine.jobs import client
from engine.models.bundle import list_bundles
from engine.workspace import Workspace
from tests.conftest import REPOSITORY, WorkspaceFactory
from tests.e2e.terminal import Terminal


def terminal(workspace: Workspace, language: str = "en") -> Terminal:
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    environ = {**os.environ, "PYTHONPATH": path}
    return Terminal(["-w", str(workspace.root), "--lang", language], workspace.root, environ)


def test_a_training_survives_a_dropped_connection(workspace_factory: WorkspaceFactory) -> None:
    workspace = workspace_factory(photos=24)
    with terminal(workspace) as app:
        app.wait_for("F4 Train")
        app.press("f4")
        app.wait_for("24 scored photos")
        app.press("ctrl+s")
        app.wait_for("running")
        job = client.find_job(workspace, "latest")
        assert job.state.alive
        app.hang_up()
    assert list(client.follow(workspace, job.job_id))[-1]["type"] == "finished"
    assert len(list_bundles(workspace)) == 1
    with terminal(workspace, "zh") as app:
        app.wait_for("训练")
        app.press("f4")
        app.wait_for("已完成")
        app.wait_for("^n 任务")
        app.press("ctrl+n")  # from the form to the job
        app.wait_for("━━ 验证")
        app.press("ctrl+q")
        assert app.wait_for_end() == 0


def test_the_app_ends_with_its_terminal_also_where_no_signal_tells(workspace_factory: WorkspaceFactory) -> None:
    with terminal(workspace_factory(photos=3)) as app:  # a session of its own, without a controlling terminal
        app.wait_for("F4 Train")
        app.unplug()
        assert app.process.wait(20) == -signal.SIGHUP


def test_the_app_opens_on_an_empty_folder(tmp_path: Path) -> None:
    with terminal(Workspace(tmp_path)) as app:
        app.wait_for("F6 Models")
        app.press("f6")
        app.wait_for("no model yet")
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
