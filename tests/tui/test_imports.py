"""What gets imported: the faces start light, and the engine knows no face. Each in a fresh interpreter."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "timm", "sklearn", "pandas", "openvino", "scipy", "numpy")


def imported_by(code: str, *names: str) -> list[str]:
    """Return those of `names` that a fresh interpreter has imported after running the code."""
    probe = f"{code}\nimport sys, json\nprint()\nprint(json.dumps([n for n in {names!r} if n in sys.modules]))"
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    found: list[str] = json.loads(answer.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--lang", "en", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"from tui.cli import main\nassert main({arguments!r}) == 0"
    assert imported_by(code, *HEAVY, "pydantic", "textual", "rich", "PIL", "filelock") == []


@pytest.mark.parametrize("command", ["train", "predict", "import", "demo", "doctor"])
def test_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    assert imported_by(f"from tui.cli import main\nassert main([{command!r}, '--help']) == 0", *HEAVY, "textual") == []


def test_jobs_and_models_are_listed_without_the_libraries_that_train(tmp_path: Path) -> None:
    code = f"""
from tui.cli import main
for words in (["init"], ["scores"], ["scores", "check"], ["jobs"], ["models"], ["backbones"], ["doctor"]):
    assert main(["-w", {str(tmp_path)!r}, *words]) == 0
"""
    assert imported_by(code, *(name for name in HEAVY if name not in {"numpy", "scipy"}), "textual") == []


@pytest.mark.skipif(importlib.util.find_spec("tui.app") is None, reason="this checkout has no app yet")
def test_the_app_is_imported_without_the_libraries_that_train() -> None:
    assert imported_by("import tui.app", *(name for name in HEAVY if name != "numpy")) == []


@pytest.mark.slow
def test_the_engine_knows_no_face() -> None:
    code = """
import importlib, pkgutil, engine
for module in pkgutil.walk_packages(engine.__path__, "engine."):
    importlib.import_module(module.name)
"""
    assert imported_by(code, "tui", "textual", "rich") == []


FIRST_FRAME = """
import sys
from pathlib import Path
from engine.workspace import Workspace
import tui.cli
from tui.app import BeholderApp
display, early = BeholderApp._display, set()
def watched(app, screen, renderable):
    display(app, screen, renderable)
    if not early and any(widget.region for widget in screen.query("FooterKey")):
        early.update(sys.modules)
        app.exit()
BeholderApp._display = watched
BeholderApp(Workspace(Path(%r))).run(headless=True, size=(80, 24))
for name in set(sys.modules) - early:
    del sys.modules[name]
"""


def test_the_first_frame_waits_for_nothing_that_it_does_not_show(tmp_path: Path) -> None:
    later = ("typer", "PIL", "filelock", "numpy", "pydantic", "engine.jobs.client", "engine.labels.entries")
    rooms = ("tui.score_keeper", "tui.dialogs.error", "tui.screens.data", "tui.screens.train", "engine.models.bundle")
    assert imported_by(FIRST_FRAME % str(tmp_path), "tui.screens.home", *later, *rooms) == ["tui.screens.home"]


def test_the_help_page_imports_no_command() -> None:
    commands = ("predict", "train", "scores", "models", "jobs", "importing")
    code = "from tui.cli import main\nassert main(['--help']) == 0"
    assert imported_by(code, *(f"tui.commands.{name}" for name in commands), "PIL") == []


def test_a_command_imports_no_other_one(tmp_path: Path) -> None:
    code = f"from tui.cli import main\nassert main(['-w', {str(tmp_path)!r}, 'scores', 'list']) in (0, 3)"
    assert imported_by(code, *(f"tui.commands.{name}" for name in ("predict", "train", "models")), "numpy") == []
