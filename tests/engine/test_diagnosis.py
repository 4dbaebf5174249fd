"""The diagnosis: sound machines are ok, and each trouble is named with a remedy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.diagnosis import Finding, diagnose
from engine.workspace import Workspace


def _topic(findings: list[Finding], topic: str) -> Finding:
    return next(finding for finding in findings if finding.topic == topic)


def test_a_sound_workspace_has_nothing_missing(workspace: Workspace) -> None:
    findings = diagnose(workspace)
    assert [finding for finding in findings if finding.state == "missing"] == []
    assert "30" in str(_topic(findings, "scores").message)
    assert "efficientnet_lite0" in str(_topic(findings, "weights").message)


def test_every_trouble_has_a_remedy_and_no_ok_has_one(workspace: Workspace) -> None:
    workspace.scores_file.write_text("no tab here\n")
    findings = diagnose(workspace)
    assert all(bool(finding.remedy.template) == (finding.state != "ok") for finding in findings)


def test_a_damaged_scores_file_is_found_with_its_line(workspace: Workspace) -> None:
    workspace.scores_file.write_text("a.jpg\t50\nb.jpg\tmany\n")
    finding = _topic(diagnose(workspace), "scores")
    assert finding.state == "missing"
    assert "scores.txt" in str(finding.message)
    assert "2" in str(finding.message)
    assert workspace.scores_file.read_text() == "a.jpg\t50\nb.jpg\tmany\n"


def test_looking_at_a_folder_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    findings = diagnose(Workspace(tmp_path / "deep" / "new"))
    assert _topic(findings, "permission").state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_missing_permission(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("I am a file")
    assert _topic(diagnose(Workspace(tmp_path)), "permission").state == "missing"


@pytest.mark.parametrize(("flags", "words"), [("fpu amx_bf16 sse2", "with bfloat16"), ("fpu sse2", "without bfloat16")])
def test_the_processor_is_read_from_the_system(workspace: Workspace, tmp_path: Path, flags: str, words: str) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(f"model name\t: X\nflags\t\t: {flags}\n")
    assert words in str(_topic(diagnose(workspace, processor_file=file), "processor").message)


def _without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    import importlib.metadata

    real: Callable[[str], str] = importlib.metadata.version

    def version(name: str) -> str:
        if name in names:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_a_library_that_is_not_installed_is_missing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "timm")
    gone = [finding for finding in diagnose(workspace) if finding.state == "missing"]
    assert [str(finding.message) for finding in gone] == ["timm is not installed."]


def test_an_extra_that_is_not_installed_is_named_with_its_command(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [finding.state for finding in diagnose(workspace) if finding.topic == "formats"] == ["ok", "ok"]
    _without(monkeypatch, "pillow-heif", "rawpy")
    found = [finding for finding in diagnose(workspace) if finding.topic == "formats"]
    assert [finding.state for finding in found] == ["warn", "warn"]
    assert ["beholder[heic]" in str(found[0].remedy), "beholder[raw]" in str(found[1].remedy)] == [True, True]


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from engine.diagnosis import diagnose
from engine.workspace import Workspace
diagnose(Workspace(Path({str(tmp_path)!r})))
print([name for name in ("torch", "openvino", "sklearn", "rawpy", "pillow_heif") if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
