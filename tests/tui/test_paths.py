"""Paths as terminals paste them are understood, and odd but real names are not mangled."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UsageError
from tui.paths import parse_typed_path, shown_path


@pytest.mark.parametrize(
    "text",
    [
        "{folder}/My Photos/a b.jpg",
        "'{folder}/My Photos/a b.jpg' ",
        '"{folder}/My Photos/a b.jpg"\n',
        "{folder}/My\\ Photos/a\\ b.jpg",
        "file://{folder}/My%20Photos/a%20b.jpg",
        "file://localhost{folder}/My%20Photos/a%20b.jpg\r\n",
    ],
)
@pytest.mark.parametrize("present", [True, False])
def test_every_way_of_pasting_means_the_same_file(text: str, present: bool, tmp_path: Path) -> None:
    photo = tmp_path / "My Photos" / "a b.jpg"
    if present:
        photo.parent.mkdir()
        photo.touch()
    assert parse_typed_path(text.format(folder=tmp_path)) == photo


@pytest.mark.parametrize("name", ["it's.jpg", "a\\b.jpg", "'quoted'.jpg", 'say "hi".jpg', "100%20.jpg", "猫 🐈.jpg"])
def test_a_file_that_is_really_called_so_wins(name: str, tmp_path: Path) -> None:
    photo = tmp_path / name
    photo.touch()
    assert parse_typed_path(str(photo)) == photo


def test_home_and_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert parse_typed_path("~/x.jpg") == parse_typed_path("'~/x.jpg'") == tmp_path / "x.jpg"
    assert parse_typed_path("x.jpg") == tmp_path / "x.jpg"


def test_an_address_keeps_chinese_and_signs(tmp_path: Path) -> None:
    assert parse_typed_path("file:///a/%E7%8C%AB%23%3F.jpg") == Path("/a/猫#?.jpg")


@pytest.mark.parametrize("text", ["", "  \n", "file://nas.local/photos/a.jpg"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_typed_path(text)


def test_the_home_folder_is_shown_shortly(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert shown_path(Path("/home/me/taste")) == "~/taste"
    assert shown_path(Path("/home/me")) == "~"
    assert shown_path(Path("/home/melon")) == "/home/melon"
    assert shown_path(Path("/home/me/\x1b[31mred")) == "~/\\x1b[31mred"
