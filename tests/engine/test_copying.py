"""Copying many files: each is flushed, their folder seldom, names come last, and no failure takes another's copy."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

import pytest
from PIL import Image

from engine.copying import MOST_FILES, CopyBatch
from engine.errors import BeholderError
from engine.labels.importing import ImportOptions, plan_import, run_import
from engine.labels.scorebook import ScoreBook
from engine.storage import AlreadyThere
from engine.workspace import Workspace
from tests.engine.test_importing import drain, import_all


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[os.stat_result]:
    """What was flushed to the disk, one after the other."""
    seen: list[os.stat_result] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        seen.append(os.fstat(handle))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    return seen


@pytest.fixture
def photo_bytes() -> bytes:
    """A small picture; what follows its end makes it another file."""
    out = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 90, 30)).save(out, "JPEG")
    return out.getvalue()


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_copies_have_their_names_once_they_are_flushed(
    tmp_path: Path, target: Path, flushed: list[os.stat_result]
) -> None:
    batch = CopyBatch()
    for number in range(5):
        source = written(tmp_path, f"{number}.jpg", f"photo {number}")
        os.utime(source, ns=(10**18, 10**18 + number))
        batch.add(source, target / f"{number}.jpg")
    assert [path.name[0] for path in target.iterdir()] == ["."] * 5
    assert len(batch) == 5
    assert set(batch.finish().values()) == {None}
    assert {path.name: path.read_text() for path in target.iterdir()} == {f"{n}.jpg": f"photo {n}" for n in range(5)}
    assert {path.stat().st_mtime_ns for path in target.iterdir()} == {10**18 + n for n in range(5)}
    files = {seen.st_ino for seen in flushed if stat.S_ISREG(seen.st_mode)}
    assert files == {path.stat().st_ino for path in target.iterdir()}
    assert sum(stat.S_ISDIR(seen.st_mode) for seen in flushed) == 1
    assert batch.finish() == {}


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path, target: Path) -> None:
    written(target, "a.jpg", "theirs")
    batch = CopyBatch()
    for name in ("a.jpg", "b.jpg"):
        batch.add(written(tmp_path, name, "ours"), target / name)
    outcome = batch.finish()
    assert isinstance(outcome[target / "a.jpg"], AlreadyThere)
    assert outcome[target / "b.jpg"] is None
    assert {path.name: path.read_text() for path in target.iterdir()} == {"a.jpg": "theirs", "b.jpg": "ours"}


def test_a_copy_that_cannot_be_flushed_costs_no_other(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = CopyBatch()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        batch.add(written(tmp_path, name, name), target / name)
    fsync, bad = os.fsync, next(path for path in target.iterdir() if path.name.startswith(".b")).stat().st_ino

    def failing(handle: int) -> None:
        if os.fstat(handle).st_ino == bad:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    outcome = batch.finish()
    assert "disk is full" in str(outcome[target / "b.jpg"])
    assert {path.name for path in target.iterdir()} == {"a.jpg", "c.jpg"}


def test_a_batch_is_full_after_so_many_files_or_bytes(tmp_path: Path, target: Path) -> None:
    batch = CopyBatch()
    small = written(tmp_path, "small.jpg", "x")
    for number in range(MOST_FILES):
        assert not batch.is_full
        batch.add(small, target / f"{number}.jpg")
    assert batch.is_full
    batch.finish()
    assert not batch.is_full
    large = tmp_path / "large.jpg"
    with large.open("wb") as out:
        out.truncate(65 << 20)
    batch.add(large, target / "large.jpg")
    assert batch.is_full
    batch.finish()
    with pytest.raises(BeholderError, match=r"no .*gone"):
        batch.add(tmp_path / "gone.jpg", target / "gone.jpg")
    assert not [path for path in target.iterdir() if path.name.startswith(".")]


def test_an_import_flushes_each_photo_but_the_folder_once_a_hundred(
    tmp_path: Path, flushed: list[os.stat_result], photo_bytes: bytes
) -> None:
    workspace, source = Workspace(tmp_path / "album"), tmp_path / "source"
    workspace.create()
    source.mkdir()
    for number in range(300):
        (source / f"50_{number}.jpg").write_bytes(photo_bytes + b"%d" % number)
    plan = drain(plan_import(workspace, ImportOptions(source)))[0]
    flushed.clear()
    assert drain(run_import(workspace, plan))[0].imported == 300
    inodes = {path.stat().st_ino for path in workspace.data.glob("*.jpg")}
    assert inodes <= {seen.st_ino for seen in flushed if stat.S_ISREG(seen.st_mode)}
    folder = workspace.data.stat().st_ino
    assert sum(seen.st_ino == folder for seen in flushed) <= 300 // MOST_FILES + 1 + 3  # batches, and scores.txt


def test_copies_of_one_photo_that_are_imported_together_become_one(tmp_path: Path, photo_bytes: bytes) -> None:
    workspace, source = Workspace(tmp_path / "album"), tmp_path / "source"
    for number in range(2 * MOST_FILES + 10):
        written_to = source / f"{number}" / f"{number % 50}.jpg"
        written_to.parent.mkdir(parents=True)
        written_to.write_bytes(photo_bytes + b"%d" % (number % 3))
    report = import_all(workspace, source)
    assert (report.found, report.imported, report.skipped) == (2 * MOST_FILES + 10, 3, ())
    assert len(list(workspace.data.glob("*.jpg"))) == 3
    assert len(ScoreBook(workspace).scores()) == 3
