"""Whatever a folder holds: a reason for each, never a wait, never a full memory, never a word on the terminal."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import subprocess
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import BeholderError, ImageError
from engine.features.extract import Embedded, embed
from engine.images import find_images, open_image, read_info, read_rating_tags
from engine.storage import NotAFile, content_hash, copy_file
from tests.engine.made_raw import folder

WORKS: tuple[Callable[[Path], Any], ...] = (open_image, read_info, read_rating_tags)
NOBODY = 65534
MEGABYTE = 1 << 20


def _refused(path: Path, reason: str) -> None:
    for work in WORKS:
        with pytest.raises(ImageError, match=reason):
            work(path)


def _in_time(work: Callable[[], None]) -> None:
    """Do something that must not wait for anybody; a test that would hang fails instead."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")

    def look() -> None:
        for name in ("pipe.jpg", "endless.jpg"):
            _refused(tmp_path / name, "is not a file")
            with pytest.raises(NotAFile):
                content_hash(tmp_path / name)
            with pytest.raises(NotAFile):
                copy_file(tmp_path / name, tmp_path / "copy.jpg")

    _in_time(look)
    assert not (tmp_path / "copy.jpg").exists()


def test_a_pipe_that_takes_a_files_place_between_two_looks_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    sound = (tmp_path / "a.png").stat()
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.setattr(Path, "stat", lambda path, **how: sound)  # as it was a moment ago
    _in_time(lambda: _refused(tmp_path / "pipe.png", "is not a file"))


def test_a_pipe_among_photos_that_are_scored_is_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    found: list[Embedded] = []

    def look() -> None:
        events = embed([tmp_path / "pipe.jpg"], "efficientnet_lite0", cache=None)
        found.extend(event for event in events if isinstance(event, Embedded))

    _in_time(look)
    assert ["not a file" in str(photo.error) for photo in found] == [True]


def test_circles_of_links_vanished_files_and_names_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "again").symlink_to(tmp_path)
    _refused(tmp_path / "a.jpg", r"a\.jpg is a link that leads in a circle")
    problems: list[str] = []
    assert list(find_images(tmp_path, on_problem=lambda path, reason: problems.append(path.name))) == []
    assert sorted(problems) == ["a.jpg", "b.jpg"]
    Image.new("RGB", (4, 4)).save(tmp_path / "c.png")
    for path in find_images(tmp_path):
        path.unlink()
        _refused(path, "There is no file")
    _refused(tmp_path / ("x" * 3000 + ".jpg"), "damaged|too long")


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9\xff.png")
    Image.new("RGB", (4, 4), "red").save(path)
    (found,) = find_images(tmp_path)
    assert open_image(found).getpixel((1, 1)) == (255, 0, 0)
    assert read_info(found).format == "PNG"
    path.write_bytes(b"no picture")
    with pytest.raises(ImageError) as caught:
        open_image(found)
    str(caught.value).encode()  # can be printed
    assert r"caf\udce9\udcff.png" in str(caught.value)


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_no_permission_for_a_file_and_for_a_folder(tmp_path: Path) -> None:
    parents = [place for place in tmp_path.parents if place.stat().st_uid == os.getuid() and place != Path("/")]
    modes = {place: stat.S_IMODE(place.stat().st_mode) for place in [tmp_path, *parents]}
    shut, photo = tmp_path / "shut", tmp_path / "a.png"
    shut.mkdir()
    Image.new("RGB", (4, 4)).save(photo)
    Image.new("RGB", (4, 4)).save(shut / "b.png")
    problems: dict[str, str] = {}
    try:
        for place in modes:
            place.chmod(modes[place] | 0o011)
        tmp_path.chmod(0o755)
        shut.chmod(0)
        photo.chmod(0)
        with _as_nobody():
            if os.access(photo, os.R_OK, effective_ids=True):
                pytest.skip("this user may read everything")
            _refused(photo, r"No permission to read a\.png")
            _refused(shut / "b.png", r"No permission to read b\.png")
            found = list(
                find_images(tmp_path, on_problem=lambda path, reason: problems.update({path.name: str(reason)}))
            )
            with pytest.raises(BeholderError, match="No permission"):
                find_images(shut)
    finally:
        shut.chmod(0o755)
        for place, mode in modes.items():
            place.chmod(mode)
    assert found == [photo]
    assert list(problems) == ["shut"]
    assert "No permission" in problems["shut"]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    head = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + b"".join(chunks) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")


def _huge_tiff(compression: int) -> bytes:
    entries = [(256, 4, [20000]), (257, 4, [15000]), (258, 3, [8]), (259, 3, [compression]), (262, 3, [1])]
    return b"II*\0\x08\0\0\0" + folder([*entries, (273, 4, [8]), (278, 4, [15000]), (279, 4, [100])], 8)


def _huge_webp() -> bytes:
    canvas = b"\0\0\0\0" + (16383 - 1).to_bytes(3, "little") * 2
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "WEBP", lossless=True)
    body = b"WEBPVP8X" + struct.pack("<L", 10) + canvas + out.getvalue()[12:]
    return b"RIFF" + struct.pack("<L", len(body)) + body


def _huge_gif() -> bytes:
    out = io.BytesIO()
    Image.new("P", (4, 4)).save(out, "GIF")
    content = out.getvalue()
    return content[:6] + struct.pack("<HH", 60000, 60000) + content[10:]


def _huge_bmp() -> bytes:
    return (
        b"BM"
        + struct.pack("<LLL", 1000, 0, 54)
        + struct.pack("<LiiHHLLiiLL", 40, 20000, 15000, 1, 24, 0, 0, 1, 1, 0, 0)
    )


def _huge_avif() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "AVIF")
    content = out.getvalue()
    place = content.index(b"ispe") + 8
    return content[:place] + struct.pack(">LL", 20000, 15000) + content[place + 8 :]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "content",
    [_png(20000, 15000), _huge_tiff(1), _huge_tiff(5), _huge_webp(), _huge_gif(), _huge_bmp(), _huge_avif()],
    ids=["png", "tiff", "lzw", "webp", "gif", "bmp", "avif"],
)
def test_a_few_bytes_that_claim_three_hundred_million_pixels_take_no_memory(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(content)
    code = f"""
import resource, sys
from pathlib import Path
from engine.errors import ImageError
from engine.images import open_image, read_info
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for work in (open_image, read_info):
    try:
        work(Path({str(path)!r}))
    except ImageError as error:
        print(error.message)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    *reasons, grown = answer.stdout.splitlines()
    assert len(reasons) == 2
    assert all("too large" in reason or "not a picture" in reason or "damaged" in reason for reason in reasons)
    assert int(grown) < 60
    assert answer.stderr == ""


def _peak(work: Callable[[Path], Any], path: Path) -> int:
    tracemalloc.start()
    try:
        with contextlib.suppress(ImageError):
            work(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_tags_that_all_claim_the_whole_file_are_not_read(tmp_path: Path) -> None:
    size = 4 * MEGABYTE
    entries: list[tuple[int, int, object]] = [(256, 4, [8]), (257, 4, [8]), (258, 3, [8]), (262, 3, [1])]
    head = bytearray(folder([*entries, *((30000 + tag, 4, [0]) for tag in range(2000))], 8))
    for row in range(2000):
        place = 2 + 12 * (4 + row)
        head[place + 4 : place + 12] = struct.pack("<LL", size // 4 - 100, 8)
    path = tmp_path / "a.tif"
    path.write_bytes((b"II*\0\x08\0\0\0" + bytes(head)).ljust(size, b"\0"))
    for work in WORKS:
        assert _peak(work, path) < 3 * size


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("count", [65535, 2**31, 2**32 - 1])
def test_absurd_counts_are_a_reason(tmp_path: Path, count: int) -> None:
    path = tmp_path / "a.tif"
    Image.new("RGB", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    for tag in (273, 279, 258):
        place = content.index(struct.pack("<HH", tag, 4 if tag != 258 else 3)) + 4
        content[place : place + 4] = struct.pack("<L", count)
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"damaged|not a picture"):
        open_image(path)
    for work in WORKS:
        assert _peak(work, path) < 2 * MEGABYTE
    # a folder with more entries than the file has bytes, and folders in a circle
    path.write_bytes(b"II*\0\x08\0\0\0" + b"\xff\xff" + b"\0" * 40)
    _refused(path, "damaged|not a picture")
    path.write_bytes(b"II*\0\x08\0\0\0" + folder([(256, 4, [8]), (257, 4, [8]), (330, 4, [8])], 8, following=8))
    with pytest.raises(ImageError):
        open_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_endless_exif_beside_a_sound_picture(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    sound = out.getvalue()
    head = bytearray(folder([(272, 2, b"Phone\0"), *((30000 + tag, 7, b"12345678") for tag in range(3000))], 8))
    for row in range(3000):
        place = 2 + 12 * (1 + row)
        head[place + 4 : place + 12] = struct.pack("<LL", 8 * MEGABYTE, 8)
    exif = (b"II*\0\x08\0\0\0" + bytes(head)).ljust(9 * MEGABYTE, b"\0")
    path = tmp_path / "a.png"
    path.write_bytes(sound[:33] + _chunk(b"eXIf", exif) + sound[33:])
    assert open_image(path).size == (40, 30)
    assert read_info(path).format == "PNG"
    for work in WORKS:
        assert _peak(work, path) < 80 * MEGABYTE


def test_a_profile_that_unpacks_without_end_takes_no_memory(tmp_path: Path) -> None:
    bomb = zlib.compress(b"\0" * (200 * MEGABYTE), 1)
    path = tmp_path / "a.png"
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    sound = out.getvalue()
    path.write_bytes(sound[:33] + _chunk(b"iCCP", b"x\0\0" + bomb) + sound[33:])
    for work in WORKS:
        assert _peak(work, path) < 40 * MEGABYTE


def test_damaged_tiffs_say_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype="uint8"))
    refused = 0
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "group4", "jpeg", "packbits"):
        path = tmp_path / f"{compression}.tif"
        (noise.convert("1") if compression == "group4" else noise).save(path, compression=compression)
        content = bytearray(path.read_bytes())
        for place in range(200, len(content) - 400, 37):
            content[place] ^= 0xFF
        path.write_bytes(content)
        try:
            open_image(path)
        except ImageError:
            refused += 1
    assert refused >= 2
    assert capfd.readouterr() == ("", "")


def test_opening_pictures_loads_nothing_that_only_rare_ones_need(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg")
    code = f"""
import sys
from pathlib import Path
import engine.images
print([name for name in ("numpy", "rawpy", "pillow_heif", "ctypes", "PIL.TiffImagePlugin") if name in sys.modules])
engine.images.open_image(Path({str(tmp_path / "a.jpg")!r}))
print([name for name in ("numpy", "rawpy", "pillow_heif") if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split("\n")[:2] == ["[]", "[]"]
