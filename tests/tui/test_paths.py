"""Paths as terminals paste them are understood, and odd but real names are not mangled."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import UsageError
from tui.paths import Pasted, parse_pasted_paths, parse_typed_path, shown_path, typed_form


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


parts = st.binary(min_size=1, max_size=20).filter(lambda part: not set(part) & {0, 0x2F} and part not in (b".", b".."))
paths = st.lists(parts, min_size=1, max_size=4).map(lambda names: Path(os.fsdecode(b"/" + b"/".join(names))))


@given(paths)
@example(Path("/tmp/a b/x["))
@example(Path("/tmp/'quoted'"))
@example(Path("/tmp/ends with a blank "))
def test_every_path_has_a_form_that_can_be_shown_and_typed(path: Path) -> None:
    text = typed_form(path)
    assert parse_typed_path(text) == path
    assert text.isprintable() or not any(char < " " for char in text)
    text.encode("utf-8")  # a terminal takes it


@given(st.lists(paths.filter(lambda path: "\n" not in str(path) and "\r" not in str(path)), min_size=1, max_size=3))
def test_dropped_files_are_understood_in_every_form(dropped: list[Path]) -> None:
    expected = Pasted(dropped[0], len(dropped) - 1, is_submitted=False)
    assert parse_pasted_paths(" ".join(shlex.quote(str(path)) for path in dropped)) == expected
    assert parse_pasted_paths("\r\n".join(path.as_uri() for path in dropped)) == expected


@given(st.text())
def test_any_text_is_a_path_or_none(text: str) -> None:
    try:
        pasted = parse_pasted_paths(text)
    except UsageError:
        return
    assert pasted is None or pasted.path.is_absolute()


@pytest.mark.parametrize("text", ["", "\n", "good morning", "_s(?P<score>[0-9]+)", "85", "-", "# /tmp/a"])
def test_other_texts_are_no_paths(text: str) -> None:
    assert parse_pasted_paths(text) is None
