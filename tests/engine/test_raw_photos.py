"""RAW photos: told by their content, the camera's preview first, upright once; a reason where they can't be read."""

from __future__ import annotations

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageError
from engine.file_kinds import kind_of
from engine.images import find_images, open_image, read_info, read_rating_tags
from engine.labels.stars import read_stars
from engine.thumbnails import Thumbnails
from tests.engine.made_raw import COLOUR, canon_shell, dng, folder, fuji_shell

pytest.importorskip("rawpy")
# where the white corner is seen once the photo is upright
CORNERS = {1: "upper left", 3: "lower right", 6: "upper right", 8: "lower left"}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'  # noqa: E501


def _preview(size: tuple[int, int], orientation: int | None = None) -> Image.Image:
    image = Image.new("RGB", size, "blue")
    image.paste("white", (0, 0, size[0] // 3, size[1] // 3))
    if orientation is not None:
        image.getexif()[0x0112] = orientation
    return image


def _corner(image: Image.Image) -> str:
    pixels = np.asarray(image).min(axis=2)
    places = {"upper left": (3, 3), "upper right": (3, -4), "lower left": (-4, 3), "lower right": (-4, -4)}
    (white,) = [name for name, place in places.items() if pixels[place] > 200]
    return white


def _middle(image: Image.Image) -> np.ndarray:
    return np.asarray(image, int)[image.height // 2, image.width // 2]


def _size(orientation: int) -> tuple[int, int]:
    return (64, 96) if orientation >= 5 else (96, 64)


@pytest.mark.parametrize("orientation", CORNERS)
def test_the_sensors_data_is_developed_upright_in_its_colours(tmp_path: Path, orientation: int) -> None:
    path = dng(tmp_path / "a.dng", orientation=orientation)
    image = open_image(path)
    assert (image.size, image.mode) == (_size(orientation), "RGB")
    assert _corner(image) == CORNERS[orientation]
    assert np.abs(_middle(image) - COLOUR).max() <= 4
    half = open_image(path, target=(20, 20))
    assert half.size == tuple(side // 2 for side in _size(orientation))
    assert _corner(half) == CORNERS[orientation]
    assert open_image(path, target=(40, 40)).size == _size(orientation)  # half would be below it
    info = read_info(path)
    assert ((info.width, info.height), info.format) == (_size(orientation), "RAW")


@pytest.mark.parametrize("orientation", CORNERS)
@pytest.mark.parametrize("noted", [False, True])
def test_a_preview_is_taken_where_it_is_large_enough_and_turned_once(
    tmp_path: Path, orientation: int, noted: bool
) -> None:
    lying = _preview((96, 64), orientation if noted else None)
    image = open_image(dng(tmp_path / "a.dng", orientation=orientation, preview=lying))
    assert image.size == _size(orientation)
    assert _corner(image) == CORNERS[orientation]
    assert _middle(image)[2] > 240  # the preview is blue, what the sensor saw is not
    little = dng(tmp_path / "b.dng", orientation=orientation, preview=lying.resize((48, 32)))
    assert _middle(open_image(little, target=(30, 30)))[2] > 240
    assert np.abs(_middle(open_image(little)) - COLOUR).max() <= 4
    assert np.abs(_middle(open_image(little, target=(40, 40))) - COLOUR).max() <= 4
    assert _corner(open_image(little, target=(30, 30))) == CORNERS[orientation]


@pytest.mark.parametrize("noted", [None, 1, 6])
def test_a_preview_that_is_upright_already_is_not_turned_again(tmp_path: Path, noted: int | None) -> None:
    upright = _preview((96, 64)).transpose(Image.Transpose.ROTATE_270)
    if noted is not None:
        upright.getexif()[0x0112] = noted
    image = open_image(dng(tmp_path / "a.dng", orientation=6, preview=upright))
    assert (image.size, _corner(image)) == ((64, 96), "upper right")


def test_a_damaged_preview_does_not_hide_the_sensors_data(tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng", preview=_preview((96, 64)))
    content = bytearray(path.read_bytes())
    start = content.index(b"\xff\xda") + 20
    content[start : start + 40] = b"\xff\xd9" * 20
    path.write_bytes(content)
    assert open_image(path).size == (96, 64)


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    raw = dng(tmp_path / "a.jpg")
    assert read_info(raw).format == "RAW"
    assert open_image(raw).size == (96, 64)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "b.nef", "TIFF")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "c.cr2", "JPEG")
    assert [read_info(tmp_path / name).format for name in ("b.nef", "c.cr2")] == ["TIFF", "JPEG"]
    assert open_image(tmp_path / "b.nef").getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize(
    "head",
    [
        b"IIRO\x08\0\0\0",
        b"MMOR\0\0\0\x08",
        b"IIU\0\x18\0\0\0",
        b"II*\0\x10\0\0\0CR\x02\0",
        b"FUJIFILMCCD-RAW 0201",
        b"\0MRM\0\0\0\0",
        b"II\x1a\0\0\0HEAPCCDR",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    ],
)
def test_each_cameras_begin_is_known(head: bytes) -> None:
    assert kind_of(io.BytesIO(head.ljust(600, b"\0"))) == "raw"


def test_a_sensor_deep_in_a_folder_below_makes_it_raw() -> None:
    # as Nikon and Sony do: the first folder is that of a finished little picture
    below = folder([(256, 4, [96]), (262, 3, [32803])], 60)
    first = folder([(256, 4, [16]), (262, 3, [2]), (330, 4, [60])], 8)
    assert kind_of(io.BytesIO((b"II*\0\x08\0\0\0" + first).ljust(60, b"\0") + below)) == "raw"
    plain = folder([(256, 4, [96]), (262, 3, [2])], 60)
    assert kind_of(io.BytesIO((b"II*\0\x08\0\0\0" + first).ljust(60, b"\0") + plain)) == "tiff"


def test_notes_rating_and_stars_of_a_dng(tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng", extra=((700, 1, list(XMP)), (0x4746, 3, [4])))
    info = read_info(path)
    assert (info.taken, info.camera) == ("2024-05-01T12:34:56", "Maker Model X")
    assert info.bytes == path.stat().st_size
    assert read_rating_tags(path) == (XMP, 4)
    stars = read_stars(path)
    assert stars is not None
    assert stars.count == 4


def test_notes_of_canons_and_fujifilms_files(tmp_path: Path) -> None:
    main = [(271, 2, b"Canon\0"), (272, 2, b"Canon EOS R6\0")]
    exif = [(0x9003, 2, b"2024:05:01 12:34:56\0"), (0x829A, 5, [(1, 250)]), (0x8827, 3, [400]), (0xA434, 2, b"RF50\0")]
    canon = canon_shell(tmp_path / "a.cr3", main, exif, XMP)
    assert read_rating_tags(canon)[0] == XMP
    notes = Image.Exif()
    notes[0x0110], notes[0x4746] = "X-T5", 3
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=notes, xmp=XMP)
    assert read_rating_tags(fuji_shell(tmp_path / "a.raf", out.getvalue())) == (XMP, 3)
    for path in (canon, tmp_path / "a.raf"):
        with pytest.raises(ImageError, match=r"damaged|can't read"):
            open_image(path)
    from engine.camera_notes import notes_from
    from engine.raw_notes import read_raw_notes

    with canon.open("rb") as data:
        found = read_raw_notes(data)
    said = notes_from(found.tags, found.exposure)
    assert said == ("2024-05-01T12:34:56", "Canon EOS R6", "RF50", "1/250 s · ISO 400")


def test_without_the_extra_a_photo_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dng(tmp_path / "a.dng", extra=((0x4746, 3, [4]),))
    monkeypatch.setitem(sys.modules, "rawpy", None)
    for work in (open_image, read_info):
        with pytest.raises(ImageError, match=r"a\.dng is a camera's RAW photo.*pip install 'beholder\[raw\]'"):
            work(path)
    assert read_rating_tags(path)[1] == 4  # the tags need no LibRaw


def test_folders_thumbnails_and_odd_names(tmp_path: Path) -> None:
    names = ["a.DNG", "b.cr3", os.fsdecode(b"c\xff.dng")]
    for name in names:
        dng(tmp_path / name)
    found = list(find_images(tmp_path))
    assert sorted(path.name for path in found) == sorted(names)
    thumbnails = Thumbnails(tmp_path / "cache")
    with ThreadPoolExecutor(3) as pool:
        sizes = list(pool.map(lambda path: thumbnails.read(path, (24, 24)).size, found * 3))
    assert set(sizes) == {(24, 16)}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damage_is_a_reason_and_never_anything_else(tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng", preview=_preview((48, 32)))
    sound = path.read_bytes()
    random = np.random.default_rng(3)
    refused = 0
    for turn in range(80):
        data = bytearray(sound)
        for place in random.integers(0, 1200 if turn % 2 else 400, 5):
            data[place] = random.integers(0, 256)
        if turn % 4 == 3:
            data = data[: int(random.integers(1, len(data)))]
        path.write_bytes(data)
        for target in (None, (20, 20)):
            try:
                assert open_image(path, target=target).mode == "RGB"
            except ImageError:
                refused += 1
        try:
            read_info(path)
        except ImageError:
            refused += 1
    assert refused


def test_a_sensor_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng")
    content = path.read_bytes()
    for tag, side in ((256, 20000), (257, 15000)):
        place = content.index(bytes((tag % 256, tag // 256, 4, 0, 1, 0, 0, 0)))
        content = content[: place + 8] + side.to_bytes(4, "little") + content[place + 12 :]
    path.write_bytes(content)
    for work in (open_image, read_info):
        with pytest.raises(ImageError, match=r"too large|damaged"):
            work(path)
