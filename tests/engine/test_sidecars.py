"""Star sidecars: what is written, whose rating stands, what is left alone; exiftool reads it back."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.errors import BeholderError, DamagedFile, UsageError
from engine.labels.stars import read_stars
from engine.outputs.sidecars import (
    NAMINGS,
    Outcome,
    SidecarWriter,
    default_thresholds,
    parse_thresholds,
    stars_of,
)
from engine.workspace import Scale, Workspace
from tests.engine.test_stars import photo
from tests.engine.written_sidecars import DARKTABLE, DIGIKAM, LIGHTROOM

FIFTHS = default_thresholds(Scale())
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def write(path: Path, score: float = 73.21, naming: str = "darktable", **more: Any) -> Outcome:
    assert naming in ("lightroom", "darktable")
    writer = SidecarWriter(naming, FIFTHS, scale=Scale(), now=lambda: NOON, **more)
    return writer.write(path, score, "taste-1")


def rating(path: Path) -> float | None:
    stars = read_stars(path)
    return None if stars is None else stars.count


@pytest.mark.parametrize(
    ("text", "scale", "found"),
    [
        ("20,40,60,80", Scale(), (20, 40, 60, 80)),
        ("", Scale(1, 6), (2, 3, 4, 5)),
        ("1.5 2；3，4", Scale(1, 5), (1.5, 2, 3, 4)),
        ("[20, 40, 60, 80]", Scale(), (20, 40, 60, 80)),
        ("-5,-1,0,3", Scale(-10, 10), (-5, -1, 0, 3)),
    ],
)
def test_thresholds_are_read(text: str, scale: Scale, found: tuple[float, ...]) -> None:
    assert parse_thresholds(text, scale) == found


@pytest.mark.parametrize(
    "text", ["20,40,60", "20,40,60,80,90", "20,40,40,80", "80,60,40,20", "a,b,c,d", "20,40,60,101"]
)
def test_other_thresholds_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="ascending"):
        parse_thresholds(text, Scale())


def test_a_workspace_keeps_thresholds(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create(Scale(0, 10))
    assert workspace.settings().star_thresholds == ""
    workspace.change_settings(star_thresholds="3,5,7,9")
    settings = workspace.settings()
    assert parse_thresholds(settings.star_thresholds, settings.scale) == (3, 5, 7, 9)
    workspace.settings_file.write_text("star_thresholds = [1, 2, 3, 4]")  # as a person may write it
    assert parse_thresholds(workspace.settings().star_thresholds, Scale()) == (1, 2, 3, 4)


def test_a_score_as_shown_decides_on_the_stars() -> None:
    assert [stars_of(score, FIFTHS) for score in (-3, 19.99, 20, 59.99996, 80, 130)] == [1, 1, 2, 4, 5, 5]


@pytest.mark.parametrize(("naming", "name"), [("lightroom", "IMG_1.xmp"), ("darktable", "IMG_1.jpg.xmp")])
def test_a_new_sidecar_is_read_as_stars_and_not_written_twice(tmp_path: Path, naming: str, name: str) -> None:
    path = photo(tmp_path / "IMG_1.jpg")
    first = write(path, naming=naming)
    assert (first.sidecar, first.state, first.reason) == (tmp_path / name, "written", None)
    assert rating(path) == 4
    before = first.sidecar.stat().st_ino, first.sidecar.stat().st_mtime_ns
    assert write(path, naming=naming).state == "unchanged"
    assert (first.sidecar.stat().st_ino, first.sidecar.stat().st_mtime_ns) == before
    assert write(path, 12, naming=naming).state == "written"
    assert rating(path) == 1


def test_the_naming_is_one_of_two() -> None:
    assert NAMINGS == ("lightroom", "darktable")


@pytest.mark.parametrize("suffix", [".xmp", ".XMP", ".Xmp"])
def test_a_sidecar_with_a_large_suffix_is_found(tmp_path: Path, suffix: str) -> None:
    path = photo(tmp_path / "a.jpg")
    (tmp_path / f"a{suffix}").write_text(LIGHTROOM)
    assert write(path, naming="lightroom").sidecar.name == f"a{suffix}"
    assert [file.name for file in tmp_path.iterdir() if file.suffix.lower() == ".xmp"] == [f"a{suffix}"]


@pytest.mark.parametrize("given", ["4", "-1", "5", "1", "many"])
def test_a_persons_rating_stays_and_the_score_is_written(tmp_path: Path, given: str) -> None:
    path = photo(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.xmp").write_text(DARKTABLE.replace("{rating}", given))
    outcome = write(path)
    text = outcome.sidecar.read_text()
    assert (outcome.state, str(outcome.reason)) == ("kept", f"a person's rating stands in a.jpg.xmp: {given}")
    assert f'xmp:Rating="{given}"' in text
    assert 'beholder:Score="73.21"' in text
    assert "beholder:Rating" not in text
    assert write(path).state == "kept"
    assert outcome.sidecar.read_text() == text


def test_zero_stars_are_no_rating(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", stars=0)
    (tmp_path / "a.jpg.xmp").write_text(DARKTABLE.replace("{rating}", "0"))
    assert write(path).state == "written"
    assert rating(path) == 4


def test_our_own_rating_follows_the_score_until_a_person_changes_it(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    sidecar = write(path, 73).sidecar
    sidecar.write_text(sidecar.read_text().replace('xmp:Rating="4"', 'xmp:Rating="2"'))
    assert write(path, 95).state == "kept"
    assert rating(path) == 2
    # the person now chooses what was ours before: theirs all the same
    sidecar.write_text(sidecar.read_text().replace('xmp:Rating="2"', 'xmp:Rating="4"'))
    assert write(path, 95).state == "kept"
    assert rating(path) == 4


def test_another_programs_way_of_writing_our_rating_is_still_ours(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    sidecar = write(path, 73).sidecar
    sidecar.write_text(sidecar.read_text().replace('xmp:Rating="4"', 'xmp:Rating="4.0"'))
    assert write(path, 95).state == "written"
    assert rating(path) == 5


def test_overwriting_keeps_the_old_rating_and_later_scores_need_no_leave(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.xmp").write_text(DIGIKAM.replace("{rating}", "2"))
    outcome = write(path, overwrite_ratings=True)
    assert (outcome.state, outcome.reason, rating(path)) == ("written", None, 4)
    assert 'beholder:PreviousRating="2"' in outcome.sidecar.read_text()
    assert write(path, overwrite_ratings=True).state == "unchanged"
    assert write(path, 95).state == "written"
    assert rating(path) == 5
    assert 'beholder:PreviousRating="2"' in outcome.sidecar.read_text()


@pytest.mark.parametrize("naming", ["lightroom", "darktable"])
def test_a_rating_inside_the_photo_counts_as_a_persons(tmp_path: Path, naming: str) -> None:
    path = photo(tmp_path / "a.jpg", stars=2)
    outcome = write(path, naming=naming)
    assert (outcome.state, str(outcome.reason)) == ("kept", "a person's rating stands in a.jpg: 2")
    assert "xmp:Rating" not in outcome.sidecar.read_text()
    assert rating(path) == 2
    assert write(path, naming=naming, overwrite_ratings=True).state == "written"
    assert rating(path) == 4
    assert write(path, 95, naming=naming).state == "written"  # it gave way once


def test_a_rating_of_ours_that_a_program_put_into_the_photo_is_ours(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    write(path)
    photo(path, stars=4)
    assert write(path, 95).state == "written"


def test_a_rating_in_the_other_sidecar_counts_too(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    (tmp_path / "a.xmp").write_text(DIGIKAM.replace("{rating}", "3"))
    outcome = write(path, naming="darktable")
    assert (outcome.state, str(outcome.reason)) == ("kept", "a person's rating stands in a.xmp: 3")
    write(photo(tmp_path / "b.jpg"), naming="lightroom")
    assert write(tmp_path / "b.jpg", naming="darktable").state == "written"


def test_a_shared_sidecar_belongs_to_the_raw_file(tmp_path: Path) -> None:
    path = photo(tmp_path / "IMG.jpg")
    (tmp_path / "IMG.CR2").write_bytes(b"raw")
    outcome = write(path, naming="lightroom")
    assert (outcome.state, str(outcome.reason)) == ("kept", "IMG.xmp belongs to IMG.CR2")
    assert not outcome.sidecar.exists()
    assert write(tmp_path / "IMG.CR2", naming="lightroom").state == "written"
    # what the RAW's sidecar says doesn't count for the JPEG
    sidecar = tmp_path / "IMG.xmp"
    sidecar.write_text(sidecar.read_text().replace('xmp:Rating="4"', 'xmp:Rating="2"'))
    assert write(path, naming="darktable").state == "written"
    assert write(photo(tmp_path / "IMG.png"), naming="darktable").state == "written"


def test_of_two_pictures_the_first_by_name_owns_the_sidecar(tmp_path: Path) -> None:
    one, two = photo(tmp_path / "a.jpg"), photo(tmp_path / "a.png")
    assert [write(path, naming="lightroom").state for path in (two, one)] == ["kept", "written"]


def test_permissions_links_and_times_stay(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    real = tmp_path / "elsewhere" / "notes.xmp"
    real.parent.mkdir()
    real.write_text(LIGHTROOM)
    real.chmod(0o640)
    (tmp_path / "a.jpg.xmp").symlink_to(real)
    assert write(path).state == "written"
    assert (tmp_path / "a.jpg.xmp").is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "beholder:Score" in real.read_text()
    os.utime(real, ns=(1, 1))
    assert write(path).state == "unchanged"
    assert real.stat().st_mtime_ns == 1
    assert [file.name for file in real.parent.iterdir()] == ["notes.xmp"]


@pytest.mark.parametrize(
    "content",
    [
        b"no XML",
        DARKTABLE.encode()[:-40],
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + LIGHTROOM.encode(),
        LIGHTROOM.encode() + b" " * (16 << 20),
        LIGHTROOM.encode("utf-16")[:-1],
    ],
)
def test_a_sidecar_that_is_no_sound_xmp_is_an_error_and_left(tmp_path: Path, content: bytes) -> None:
    path = photo(tmp_path / "a.jpg")
    sidecar = tmp_path / "a.jpg.xmp"
    sidecar.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"a\.jpg\.xmp"):
        write(path, overwrite_ratings=True)
    assert sidecar.read_bytes() == content
    with pytest.raises(DamagedFile, match=r"a\.jpg\.xmp"):  # nobody knows what it would say
        write(path, naming="lightroom")


def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg.xmp")
    (tmp_path / "b.jpg.xmp").mkdir()
    (tmp_path / "c.jpg.xmp").symlink_to("c.jpg.xmp")
    for name in "abc":
        with pytest.raises(BeholderError):
            write(photo(tmp_path / f"{name}.jpg"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_error_for_that_photo(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    path = photo(tmp_path / "x" / "a.jpg")
    path.parent.chmod(0o500)
    try:
        with pytest.raises(BeholderError, match="permission"):
            write(path)
    finally:
        path.parent.chmod(0o700)


def test_a_full_disk_leaves_the_old_sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = photo(tmp_path / "a.jpg")
    sidecar = tmp_path / "a.jpg.xmp"
    sidecar.write_text(LIGHTROOM)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BeholderError, match="full"):
        write(path)
    assert sidecar.read_text() == LIGHTROOM
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.jpg", "a.jpg.xmp"]


exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def tags(*files: Path) -> list[dict[str, Any]]:
    """Return what exiftool reads from sidecars, groups before the names."""
    command = ["exiftool", "-j", "-G1", "-a", "-XMP:all", "-n", "--", *map(str, files)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [{key: value for key, value in entry.items() if key != "SourceFile"} for entry in found]


NAMES = [
    b"plain.jpg",
    b"two words 'and' \"quotes\".jpg",
    "照片 – été.jpg".encode(),
    b"\xff\xfe odd.jpg",
    b"-n.jpg",
    b"a.b.c.jpg",
]


@exiftool
@pytest.mark.parametrize("naming", ["lightroom", "darktable"])
def test_exiftool_reads_new_sidecars_whatever_their_names(tmp_path: Path, naming: str) -> None:
    sidecars = [write(photo(tmp_path / os.fsdecode(name)), 73.2148, naming).sidecar for name in NAMES]
    for found in tags(*sidecars):
        assert found["XMP-xmp:Rating"] == found["XMP-beholder:Rating"] == 4
        assert found["XMP-beholder:Score"] == 73.2148
        assert (found["XMP-beholder:Model"], found["XMP-beholder:Scale"]) == ("taste-1", "0-100")


@exiftool
@pytest.mark.parametrize(
    "text", [DARKTABLE.replace("{rating}", "0"), LIGHTROOM, DIGIKAM.replace("{rating}", "0")], ids=["dt", "lr", "dk"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_exiftool_reads_merged_sidecars_and_all_that_was_there(tmp_path: Path, text: str, encoding: str) -> None:
    path = photo(tmp_path / "a.jpg")
    sidecar = tmp_path / "a.jpg.xmp"
    sidecar.write_bytes(text.encode(encoding))
    before = tags(sidecar)[0]
    assert write(path).state == "written"
    after = tags(sidecar)[0]
    own = {key: value for key, value in after.items() if key.startswith("XMP-beholder:")}
    assert own["XMP-beholder:Score"] == 73.21
    assert after["XMP-xmp:Rating"] == 4
    rest = {key: value for key, value in after.items() if key not in own and key != "XMP-xmp:Rating"}
    assert len(rest) >= 5
    assert rest == {key: value for key, value in before.items() if key != "XMP-xmp:Rating"}


@exiftool
def test_the_way_back_with_exiftool(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.xmp").write_text(DARKTABLE.replace("{rating}", "2"))
    sidecar = write(path, overwrite_ratings=True).sidecar
    command = ["exiftool", "-q", "-overwrite_original", "-XMP-xmp:Rating<XMP-beholder:PreviousRating", str(sidecar)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert rating(path) == 2
    # exiftool wrote the file anew in its own manner: our properties are found there too
    assert write(path, 95).state == "kept"
    assert tags(sidecar)[0]["XMP-beholder:Score"] == 95


def test_the_photo_itself_is_never_touched(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", stars=3)
    before = path.read_bytes(), path.stat().st_mtime_ns
    write(path, overwrite_ratings=True)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert Image.open(path).size == (8, 6)
