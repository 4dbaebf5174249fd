"""Small pictures come from the cache by what is in the photo; damage and full disks only cost time."""

from __future__ import annotations

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import ImageError
from engine.thumbnails import Thumbnails
from tests.conftest import draw_photo

SIZE = (100, 100)


def _save(path: Path, color: str = "red", size: tuple[int, int] = (400, 200)) -> Path:
    Image.new("RGB", size, color).save(path)
    return path


def _pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("??/*.jpg"))


def _mark(folder: Path) -> None:
    """Replace the only kept picture by one that no photo gives, so that its use is seen."""
    (kept,) = _pictures(folder)
    Image.new("RGB", (7, 7)).save(kept)


def test_the_aspect_is_kept_and_nothing_is_enlarged(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "cache")
    assert thumbnails.read(_save(tmp_path / "a.jpg"), SIZE).size == (100, 50)
    assert thumbnails.read(_save(tmp_path / "b.jpg", size=(30, 40)), SIZE).size == (30, 40)
    assert thumbnails.read(tmp_path / "a.jpg", (50, 50)).size == (50, 25)


@pytest.mark.parametrize("size", [(1, 1), (1, 10000), (10000, 1)])
def test_odd_shapes(tmp_path: Path, size: tuple[int, int]) -> None:
    image = Thumbnails(tmp_path / "cache").read(_save(tmp_path / "a.png", size=size), SIZE)
    assert image.width <= 100
    assert image.height <= 100


def test_a_second_look_and_a_later_start_use_what_is_kept(tmp_path: Path) -> None:
    photo, folder = _save(tmp_path / "a.jpg"), tmp_path / "cache"
    thumbnails = Thumbnails(folder)
    thumbnails.read(photo, SIZE)
    thumbnails.close()
    _mark(folder)
    assert thumbnails.read(photo, SIZE).size == (7, 7)
    assert Thumbnails(folder).read(photo, SIZE).size == (7, 7)


def test_a_photo_that_was_moved_renamed_or_copied_is_not_made_small_again(tmp_path: Path) -> None:
    photo, folder = _save(tmp_path / "a.jpg"), tmp_path / "cache"
    thumbnails = Thumbnails(folder)
    thumbnails.read(photo, SIZE)
    _mark(folder)
    copy = Path(shutil.copy(photo, tmp_path / "copy.jpg"))
    (tmp_path / "sub").mkdir()
    moved = photo.rename(tmp_path / "sub" / "b.jpg")
    assert thumbnails.read(copy, SIZE).size == thumbnails.read(moved, SIZE).size == (7, 7)


def test_a_picture_that_an_earlier_version_kept_is_not_shown(tmp_path: Path) -> None:
    photo, folder = _save(tmp_path / "a.jpg"), tmp_path / "cache"
    Thumbnails(folder).read(photo, SIZE)
    _mark(folder)
    (kept,) = _pictures(folder)
    kept.rename(kept.with_name(kept.name.rpartition("-")[0] + ".jpg"))
    assert Thumbnails(folder).read(photo, SIZE).size == (100, 50)


def test_a_photo_is_read_as_a_whole_only_once_for_its_hash(tmp_path: Path) -> None:
    photo, folder = _save(tmp_path / "a.jpg"), tmp_path / "cache"
    Thumbnails(folder).read(photo, SIZE)
    times = photo.stat()
    photo.write_bytes(b"x" * times.st_size)  # same size and, below, same time: only the index can know it
    os.utime(photo, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert Thumbnails(folder).read(photo, SIZE).size == (100, 50)


def test_a_changed_photo_gets_a_new_one(tmp_path: Path) -> None:
    photo, thumbnails = _save(tmp_path / "a.png", "red"), Thumbnails(tmp_path / "cache")
    thumbnails.read(photo, SIZE)
    _save(photo, "blue")
    os.utime(photo, ns=(1, 1))
    red, _, blue = thumbnails.read(photo, SIZE).getpixel((1, 1))
    assert red < 5
    assert blue > 250  # kept as JPEG


def test_a_photo_looks_the_same_from_the_first(tmp_path: Path) -> None:
    photo, thumbnails = draw_photo(tmp_path / "a.png", 3, 0.5), Thumbnails(tmp_path / "cache")
    assert thumbnails.read(photo, SIZE).tobytes() == thumbnails.read(photo, SIZE).tobytes()


def test_a_damaged_picture_is_made_anew(tmp_path: Path) -> None:
    photo, thumbnails = _save(tmp_path / "a.jpg"), Thumbnails(tmp_path / "cache")
    thumbnails.read(photo, SIZE)
    (kept,) = _pictures(tmp_path / "cache")
    kept.write_bytes(b"broken")
    assert thumbnails.read(photo, SIZE).size == (100, 50)
    with Image.open(kept) as image:
        assert image.size == (100, 50)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"", None])
def test_a_damaged_index_is_made_anew(tmp_path: Path, content: bytes | None) -> None:
    photo, folder = _save(tmp_path / "a.jpg"), tmp_path / "cache"
    folder.mkdir()
    index = folder / "index.sqlite"
    if content is None:
        base = sqlite3.connect(index)
        base.execute("CREATE TABLE files (something TEXT)")
        base.close()
    else:
        index.write_bytes(content)
    Thumbnails(folder).read(photo, SIZE)
    _mark(folder)
    assert Thumbnails(folder).read(photo, SIZE).size == (7, 7)
    base = sqlite3.connect(index)
    remembered = [row[0] for row in base.execute("SELECT path FROM files")]
    base.close()
    assert remembered == [os.fsencode(photo)]


def test_where_nothing_can_be_written_it_only_costs_time(tmp_path: Path) -> None:
    photo = _save(tmp_path / "a.jpg")
    (tmp_path / "file").touch()
    (tmp_path / "cache" / "index.sqlite").mkdir(parents=True)
    for folder in (None, tmp_path / "file", tmp_path / "cache"):
        thumbnails = Thumbnails(folder)
        for _ in range(2):
            assert thumbnails.read(photo, SIZE).size == (100, 50)
        thumbnails.close()


def test_a_missing_or_broken_photo_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    os.mkfifo(tmp_path / "pipe.jpg")
    thumbnails = Thumbnails(tmp_path / "cache")
    for name, reason in {"gone.jpg": "no file", "broken.jpg": "not a picture", "pipe.jpg": "not a file"}.items():
        with pytest.raises(ImageError, match=reason):
            thumbnails.read(tmp_path / name, SIZE)
    assert not _pictures(tmp_path / "cache")


def test_too_many_bytes_let_the_longest_unseen_go(tmp_path: Path) -> None:
    folder, kept = tmp_path / "cache", {}
    first = Thumbnails(folder)
    for age, colour in enumerate(["red", "green", "blue", "gold"]):
        first.read(_save(tmp_path / f"{colour}.jpg", colour), SIZE)
        (kept[colour],) = set(_pictures(folder)) - set(kept.values())
        os.utime(kept[colour], (1000 + age, 1000 + age))
    first.read(tmp_path / "red.jpg", SIZE)  # seen again: green is the one unseen for longest now
    room = sum(picture.stat().st_size for picture in kept.values())
    second = Thumbnails(folder, limit_bytes=room)
    second.read(_save(tmp_path / "white.jpg", "white"), SIZE)
    left = set(_pictures(folder))
    assert sum(picture.stat().st_size for picture in left) <= room
    assert kept["red"] in left
    assert kept["green"] not in left
    assert second.read(tmp_path / "green.jpg", SIZE).size == (100, 50)
    assert kept["green"].is_file()


def test_many_threads_at_once(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "cache")
    photos = [_save(tmp_path / f"{number}.png", size=(10 + number, 20)) for number in range(12)]
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda photo: thumbnails.read(photo, SIZE).size, photos * 4))
    assert sizes == [(10 + number, 20) for number in range(12)] * 4
    assert len(_pictures(tmp_path / "cache")) == 12
    thumbnails.close()
