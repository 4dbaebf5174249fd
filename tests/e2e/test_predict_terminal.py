"""The Predict room in a real terminal: a path is typed, a score comes, then why; and a correction is kept."""

from __future__ import annotations

import os
from pathlib import Path

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace
from tests.conftest import REPOSITORY, draw_photo
from tests.e2e.terminal import Terminal


def test_a_typed_path_gets_a_score_reasons_and_resembling_photos(
    workspace_with_model: Workspace, tmp_path: Path
) -> None:
    photo = draw_photo(tmp_path / "dusk.jpg", 7, 0.6)
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    options = ["-w", str(workspace_with_model.root), "--lang", "en"]
    with Terminal(options, tmp_path, {**os.environ, "PYTHONPATH": path}, (120, 40)) as app:
        app.wait_for("F5 Predict")
        app.press("f5")
        app.wait_for("best: first")
        app.press(*str(photo), "enter")
        app.wait_for("90 % between", 60)
        app.wait_for("of your 30 scored photos", 60)
        app.wait_for("Most alike", 60)
        app.wait_for("What ", 60)  # raised, or lowered, the score
        app.press("h")
        app.wait_for("warm raised it")
        app.press("m")
        app.wait_for("not the model's reasons")
        app.press("n")  # another path: the field is empty, and what was predicted last is offered
        app.wait_for("path of a photo or a folder")
        app.press(*str(photo.parent / "missing.jpg"), "enter")
        app.wait_for("There is nothing at")
        app.press("ctrl+q")
        assert app.wait_for_end() == 0
    assert len(ScoreBook(workspace_with_model).scores()) == 30
