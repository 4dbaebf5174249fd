"""Atomic writes, safe names and file-system errors."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BeholderError, NeedMissing, NotFound, display_name
from engine.storage import (
    content_hash,
    copy_file,
    disk_error,
    require_space,
    safe_name,
    write_bytes,
    write_json,
    write_text,
)


def test_a_write_replaces_the_whole_file_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "über")
    path.chmod(0o640)
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    write_json(path, {"名": 1})
    assert "名" in path.read_text("utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for work in (lambda: write_text(path, "new"), lambda: copy_file(path, tmp_path / "b.txt")):
        with pytest.raises(NeedMissing, match=r"disk is full: .*Free some space"):
            work()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_in_place_of_a_folder_is_one_of_our_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BeholderError, match="file"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(NotFound):
        write_text(tmp_path / "gone" / "a.txt", "x")


@pytest.mark.parametrize(
    ("number", "kind", "exit_code"),
    [
        (errno.ENOSPC, NeedMissing, 5),
        (errno.EDQUOT, NeedMissing, 5),
        (errno.EACCES, NeedMissing, 5),
        (errno.EROFS, NeedMissing, 5),
        (errno.ENOENT, NotFound, 3),
        (errno.EIO, BeholderError, 1),
    ],
)
def test_each_file_system_error_names_the_file_and_a_remedy(
    number: int, kind: type[BeholderError], exit_code: int
) -> None:
    error = disk_error(OSError(number, os.strerror(number)), "/x/a\x1b.txt")
    assert type(error) is kind
    assert error.exit_code == exit_code
    assert r"/x/a\x1b.txt" in str(error)
    assert error.remedy.template


def test_a_copy_keeps_content_and_time(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"x" * 3_000_000)
    os.utime(source, (1000, 1000))
    source.chmod(0o400)
    copy_file(source, target)
    assert content_hash(source) == content_hash(target)
    assert target.stat().st_mtime == 1000
    assert os.access(target, os.W_OK)
    assert target.stat().st_mode & 0o200


def test_the_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert content_hash(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(NotFound):
        content_hash(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("照片 😀.jpg", "照片 😀.jpg"),
        ("x[b]y.jpg", "x[b]y.jpg"),
        ("a\tb\nc\x1b.jpg", "a_b_c_.jpg"),
        ("con.jpg", "_con.jpg"),
        ("..jpg", "_.jpg"),
        ("a\u202egpj.jpg", "a_gpj.jpg"),
        (os.fsdecode(b"a\xff.jpg"), "a_.jpg"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(min_size=1), st.sampled_from(["", ".jpg", ".JPEG"]))
def test_a_safe_name_is_always_a_plain_visible_name(stem: str, suffix: str) -> None:
    name = safe_name(stem + suffix)
    assert name
    assert not name.startswith(".")
    assert not set(name) & set('/\\:*?"<>|\0\t\n\x1b')
    assert display_name(name) == name
    assert len(name.encode()) <= 255
    assert safe_name(name) == name


def test_work_that_could_not_be_saved_is_refused_early(tmp_path):
    require_space(tmp_path, 1)
    with pytest.raises(NeedMissing, match="disk is full"):
        require_space(tmp_path, 1 << 62)
