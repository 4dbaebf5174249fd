"""Workspace, scale and settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BeholderError, DamagedFile, NotFound, UsageError
from engine.workspace import Scale, Settings, Workspace, format_score


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("0-100", Scale(0, 100)),
        ("1-5", Scale(1, 5)),
        (" 1 - 7 ", Scale(1, 7)),
        ("-10-10", Scale(-10, 10)),
        ("-10--5", Scale(-10, -5)),
        ("0..1", Scale(0, 1)),
        ("0.5:9.5", Scale(0.5, 9.5)),
        ("0-12345678", Scale(0, 12345678)),
    ],
)
def test_scales_as_people_write_them(text: str, scale: Scale) -> None:
    assert Scale.parse(text) == scale
    assert Scale.parse(str(scale)) == scale


@pytest.mark.parametrize(
    "text", ["", "5", "5-1", "1-1", "a-b", "1-2-3", "nan-5", "0-inf", f"0-{'9' * 400}", "0-0.0000001"]
)
def test_what_is_no_scale(text: str) -> None:
    with pytest.raises(UsageError, match="is not a scale"):
        Scale.parse(text)


def test_a_scale_holds_its_ends_and_nothing_odd() -> None:
    scale = Scale(1, 7)
    assert 1 in scale
    assert 7.0 in scale
    for outside in (0.99, 7.01, float("nan"), float("inf"), "3", None):
        assert outside not in scale
    assert (scale.clip(9), scale.clip(-1), scale.clip(3), scale.span) == (7, 1, 3, 6)


@given(st.integers(-(10**9), 10**9).map(lambda n: n / 10**6))
def test_a_written_score_reads_back(score: float) -> None:
    assert float(format_score(score)) == score


def test_the_workspace_that_is_meant(tmp_path: Path) -> None:
    here, named = tmp_path / "here", tmp_path / "named"
    here.mkdir()
    environ = {"BEHOLDER_WORKSPACE": str(named)}
    assert Workspace.find(cwd=here, environ={}).root == here
    assert Workspace.find(cwd=here, environ=environ).root == named
    (here / "data").mkdir()
    assert Workspace.find(cwd=here, environ=environ).root == here
    assert Workspace.find(Path("other"), cwd=here, environ=environ).root == here / "other"


def test_a_workspace_is_made_once_and_keeps_its_scale(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new" / "album")
    assert not workspace.exists()
    assert workspace.scale == Scale()
    workspace.create(Scale(1, 5))
    assert workspace.exists()
    assert all(folder.is_dir() for folder in (workspace.data, workspace.models, workspace.internal))
    workspace.create()
    workspace.create(Scale(1, 5))
    assert workspace.scale == Scale(1, 5)
    with pytest.raises(UsageError, match=r"already is a workspace with the scale 1-5"):
        workspace.create(Scale(0, 10))


def test_settings_survive(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    settings = Settings(Scale(-1, 1), "zh", 'odd "theme"', "quadrant")
    workspace.save_settings(settings)
    assert workspace.settings() == settings


@pytest.mark.parametrize("content", [b"scale = ", b'scale = "five"', b"\xff\xfe", b"scale = 5"])
def test_damaged_settings_are_named_and_kept(tmp_path: Path, content: bytes) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    workspace.settings_file.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"settings\.toml is damaged: .*[^.]\. Mend the file"):
        workspace.settings()
    assert workspace.settings_file.read_bytes() == content


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "album").touch()
    with pytest.raises(BeholderError, match="album") as caught:
        Workspace(tmp_path / "album").create()
    assert caught.value.remedy.template


def test_a_large_scale_is_the_same_when_the_workspace_is_opened_again(tmp_path: Path) -> None:
    Workspace(tmp_path).create(Scale(0, 1_000_000))
    assert Workspace(tmp_path).scale == Scale(0, 1_000_000)


def test_a_home_folder_of_nobody_is_a_plain_name(tmp_path: Path) -> None:
    assert Workspace.find(Path("~no-such-user/x"), cwd=tmp_path).root == tmp_path / "~no-such-user/x"


def test_a_current_folder_that_was_deleted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(NotFound, match="current folder is gone"):
        Workspace.find()
    assert Workspace.find(tmp_path).root == tmp_path
