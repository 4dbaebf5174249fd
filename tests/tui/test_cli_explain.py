"""beholder explain on the command line, in both languages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from engine.prediction.explanation import Explanation
from engine.workspace import Workspace

Run = Callable[..., tuple[int, str, str]]


def test_it_says_why_and_draws_it(run: Run, workspace_with_model: Workspace, new_photos: Path, tmp_path: Path) -> None:
    photo = Path(shutil.copy(new_photos / "new-c.jpg", tmp_path / "a[b]\x1b[31m.jpg"))
    at, out = ("-w", workspace_with_model.root, "explain", photo), tmp_path / "why.png"
    code, said, _ = run(*at, "--out", out)
    assert code == 0
    assert "\x1b" not in said
    assert "a[b]\\x1b[31m.jpg: " in said
    for part in ("9 of 10 true scores", "of your 30 scored photos", "most resembles", "your score", "similarity"):
        assert part in said
    assert "measurements, not the model's reasons" in said
    assert "occlusion" in said
    assert str(out) in said
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        assert picture.width == 640

    code, said, _ = run(*at, "--out", out, "--lang", "zh")
    assert code == 0
    assert "只是测量，不是模型的理由" in said
    assert "遮挡法" in said

    code, said, _ = run(*at, "--json", "--method", "grad-cam")
    found = json.loads(said)
    assert code == 0
    assert found["out"] is None
    explained = Explanation.from_dict(found)
    assert explained.heat is not None and explained.heat.method == "grad-cam"
    assert len(explained.nearest) == 3


def test_what_goes_wrong_has_its_exit_code(
    run: Run, workspace_with_model: Workspace, new_photos: Path, tmp_path: Path
) -> None:
    at = ("-w", workspace_with_model.root, "explain")
    photo = new_photos / "new-a.jpg"
    assert run(*at, tmp_path / "gone.jpg")[0] == 3
    (tmp_path / "text.jpg").write_text("no picture")
    code, _, error = run(*at, tmp_path / "text.jpg")
    assert code == 1
    assert "not a picture" in error
    assert run(*at, photo, "--model", "nonesuch")[0] == 3
    assert run(*at, photo, "--method", "guess")[0] == 2
    assert run(*at, photo, "--out", tmp_path / "out.jpg")[0] == 2
    assert run(*at, photo, "--out", tmp_path / "none" / "out.png")[0] == 3
    before = photo.read_bytes()
    assert run(*at, photo, "--out", photo, "--force")[0] == 2
    assert photo.read_bytes() == before
    assert run(*at, "")[0] == 2
