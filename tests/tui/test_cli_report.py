"""report and models diff on the command line, in both languages."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.outputs.report_words import ENGLISH
from engine.workspace import Workspace
from tests.engine.made_records import made_bundle, said
from tui.i18n import set_language, texts
from tui.report_words import page_words

Run = Callable[..., tuple[int, str, str]]


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_word_of_the_page_has_its_chinese() -> None:
    chinese = texts("zh")
    words = {text for key, text in ENGLISH.items() if key != "language"}
    assert sorted(words - chinese.keys()) == []
    assert [text for text in words if _places(text) != _places(chinese[text])] == []
    set_language("zh")
    found = page_words()
    assert found["language"] == "zh"
    assert [key for key, text in ENGLISH.items() if found[key] == text] == []


def test_a_really_trained_model_gets_its_report(run: Run, workspace_with_model: Workspace, tmp_path: Path) -> None:
    at = ("-w", workspace_with_model.root, "report")
    out = tmp_path / "page.html"
    code, printed, _ = run(*at, "--out", out, "--json")
    result = json.loads(printed)
    assert code == 0
    assert result == {"model_id": result["model_id"], "path": str(out), "bytes": out.stat().st_size}
    page = out.read_text("utf-8")
    assert '<html lang="en">' in page
    assert "Report on first" in page
    assert page.count("<svg ") >= 4  # a curve, predicted against given, two of the errors
    assert page.count("<img ") == 24

    code, printed, _ = run(*at, "first", "--out", out, "--lang", "zh")
    assert code == 0
    assert str(out) in printed
    page = out.read_text("utf-8")
    assert '<html lang="zh">' in page
    assert "first 的报告" in page


def test_without_a_name_the_report_lies_in_the_present_folder(
    run: Run, workspace_with_model: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, printed, _ = run("-w", workspace_with_model.root, "report", "latest", "--json")
    assert code == 0
    assert Path(json.loads(printed)["path"]).name == f"report-{json.loads(printed)['model_id']}.html"
    assert Path(json.loads(printed)["path"]).is_file()


def test_what_cannot_be_reported(run: Run, workspace_with_model: Workspace, tmp_path: Path) -> None:
    at = ("-w", workspace_with_model.root, "report")
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    code, _, error = run(*at, "--out", mine)
    assert code == 2
    assert "--force" in error
    assert mine.read_text() == "mine"
    assert run(*at, "--out", mine, "--force")[0] == 0
    assert run(*at, "nonesuch", "--out", mine)[0] == 3
    assert run(*at, "--out", tmp_path / "none" / "page.html")[0] == 3
    assert run("-w", tmp_path / "no-album", "report", "--out", mine)[0] == 3


@pytest.fixture
def compared(tmp_path: Path) -> Workspace:
    """A workspace with two models, one clearly better, and a third without a record."""
    workspace = Workspace(tmp_path / "album")
    workspace.create()
    random = np.random.default_rng(0)
    names = [f"{number}\x1b.jpg" for number in range(80)]
    given = random.uniform(0, 100, 80)
    for name, strength in (("good", 5), ("poor", 60)):
        made_bundle(workspace, said(names, given, given + random.normal(scale=strength, size=80)), name=name)
    made_bundle(workspace, record=False, name="old")
    return workspace


def test_two_models_are_compared_with_a_verdict(run: Run, compared: Workspace) -> None:
    at = ("-w", compared.root, "models", "diff")
    code, out, _ = run(*at, "good", "poor")
    assert code == 0
    assert "good is better: on 80 photos" in out
    assert "\x1b" not in out
    code, out, _ = run(*at, "poor", "good", "--lang", "zh")
    assert code == 0
    assert "good 更好" in out

    code, out, _ = run(*at, "good", "poor", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["better"] == found["left"]["model_id"]
    assert found["n"] == 80
    assert found["difference"]["srcc"]["low"] > 0
    assert len(found["photos"]) == 12
    assert found["verdict"]["text"].startswith("good is better")


def test_what_cannot_be_compared(run: Run, compared: Workspace) -> None:
    at = ("-w", compared.root, "models", "diff")
    assert run(*at, "good", "good")[0] == 2
    code, out, error = run(*at, "good", "old")
    assert (code, out) == (3, "")
    assert "old kept no predictions" in error
    assert run(*at, "good", "nonesuch")[0] == 3
    assert run(*at, "good")[0] == 2
