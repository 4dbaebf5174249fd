"""HEIC photos: upright, in the right colours, refused with a reason; what to install where the reader is missing."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageError
from engine.images import find_images, open_image, read_info, read_rating_tags
from engine.thumbnails import Thumbnails
from tests.engine.made_profiles import ADOBE_GAMMA, DISPLAY_P3, as_srgb, rgb_profile

heif = pytest.importorskip("pillow_heif")
CORNERS = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}


def _save(path: Path, image: Image.Image, **options: object) -> Path:
    heif.register_heif_opener()
    image.save(path, "HEIF", **options)
    return path


def _marked(size: tuple[int, int] = (160, 80)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    image.paste("black", (0, 0, size[0] // 4, size[1] // 4))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_turned_once(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = _save(tmp_path / "a.heic", _marked(), exif=exif.tobytes())
    assert (b"irot" in path.read_bytes() or b"imir" in path.read_bytes()) == (orientation > 1)
    for image in (open_image(path), open_image(path, target=(20, 20))):
        assert image.size == ((80, 160) if orientation >= 5 else (160, 80))
        pixels = np.asarray(image.convert("L"), int)
        corners = [[pixels[3, 3], pixels[3, -4]], [pixels[-4, 3], pixels[-4, -4]]]
        assert np.unravel_index(np.argmin(corners), (2, 2)) == CORNERS[orientation]
    info = read_info(path)
    assert (info.width, info.height) == image.size
    assert info.format == "HEIF"


def test_an_exif_orientation_that_the_container_does_not_know_is_no_turn(tmp_path: Path) -> None:
    # the standard (ISO 23008-12) has readers follow the container alone; phones write both, and mean one turn
    exif = Image.Exif()
    exif[0x0112] = 6
    path = _save(tmp_path / "a.heic", _marked(), exif=exif)
    assert b"irot" not in path.read_bytes()
    assert open_image(path).size == (160, 80)
    assert (read_info(path).width, read_info(path).height) == (160, 80)


def test_a_phones_profile_is_turned_into_srgb(tmp_path: Path) -> None:
    profile = rgb_profile(DISPLAY_P3, ADOBE_GAMMA)
    colour = np.array([200, 90, 60], np.uint8)
    path = _save(tmp_path / "a.heic", Image.new("RGB", (64, 64), tuple(colour)), icc_profile=profile, quality=100)
    got = np.asarray(open_image(path), int)[32, 32]
    assert np.abs(got - as_srgb(colour, DISPLAY_P3, ADOBE_GAMMA)).max() <= 4


def test_alpha_lies_on_white_and_sixteen_bits_become_eight(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.heic", Image.new("RGBA", (32, 32), (0, 0, 0, 0)), quality=100)
    assert min(open_image(path).getpixel((16, 16))) > 250  # type: ignore[type-var, arg-type]
    deep = heif.from_bytes("RGB;16", (32, 32), np.full((32, 32, 3), 32768, np.uint16).tobytes())
    deep.save(tmp_path / "b.heic", quality=100)
    assert abs(open_image(tmp_path / "b.heic").getpixel((16, 16))[0] - 128) <= 2  # type: ignore[index]


def test_an_embedded_thumbnail_serves_where_it_is_large_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    heif.from_pillow(_marked((800, 400))).save(path, thumbnails=[200])
    assert open_image(path, target=(100, 60)).size == (200, 100)
    assert open_image(path, target=(300, 100)).size == (800, 400)
    assert open_image(path).size == (800, 400)


def test_notes_rating_suffixes_and_thumbnails(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x4746] = "Phone 12", 5
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:34:56"
    for name in ("a.heic", "b.HEIF", "c.hif"):
        _save(tmp_path / name, _marked(), exif=exif, xmp=b"<x/>")
    found = list(find_images(tmp_path))
    assert len(found) == 3
    info = read_info(found[0])
    assert (info.camera, info.taken) == ("Phone 12", "2024-05-01T12:34:56")
    assert read_rating_tags(found[0]) == (b"<x/>", 5)
    assert Thumbnails(tmp_path / "cache").read(found[0], (40, 40)).size == (40, 20)


def test_without_the_extra_a_photo_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save(tmp_path / "a.heic", _marked())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for work in (open_image, read_info, read_rating_tags):
        with pytest.raises(ImageError, match=r"a\.heic is a HEIC photo.*pip install 'beholder\[heic\]'"):
            work(path)


def test_an_avif_is_not_taken_for_a_heic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _marked().save(tmp_path / "a.heic", "AVIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert open_image(tmp_path / "a.heic").size == (160, 80)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_small_file_that_claims_three_hundred_million_pixels_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.heic", _marked())
    content = path.read_bytes()
    place = content.index(b"ispe") + 8
    path.write_bytes(content[:place] + struct.pack(">LL", 20000, 15000) + content[place + 8 :])
    for work in (open_image, read_info):
        with pytest.raises(ImageError, match="too large"):
            work(path)


def test_damage_is_a_reason_and_never_anything_else(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype="uint8")
    path = _save(tmp_path / "a.heic", Image.fromarray(noise))
    sound = path.read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for turn in range(60):
        data = bytearray(sound)
        for place in random.integers(12, len(data) if turn % 2 else 600, 5):
            data[place] = random.integers(0, 256)
        if turn % 4 == 3:
            data = data[: int(random.integers(12, len(data)))]
        path.write_bytes(data)
        for work in (open_image, read_info):
            try:
                work(path)
            except ImageError:
                refused += 1
    assert refused
    path.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(ImageError, match="damaged or cut off"):
        open_image(path)
