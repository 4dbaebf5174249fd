"""One right colour: profiles, inks, depths, transparency, in every mode that a file can have."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engine.colours import to_rgb
from engine.images import open_image
from tests.engine.made_profiles import (
    ADOBE_GAMMA,
    ADOBE_RGB,
    DISPLAY_P3,
    INKS,
    SRGB,
    as_srgb,
    cmyk_profile,
    encoded,
    gray_profile,
    lab_as_srgb,
    rgb_profile,
)
from tests.engine.made_raw import folder

Pixels = NDArray[np.uint8]
ADOBE = rgb_profile(ADOBE_RGB, ADOBE_GAMMA)
PATCHES = np.array(
    [[[200, 100, 50], [50, 200, 100], [90, 90, 200], [128, 128, 128]], [[255, 255, 255], [0, 0, 0], [60, 30, 20]] * 1
     + [[250, 240, 10]]],
    np.uint8,
)  # fmt: skip


def _off(image: Image.Image, wanted: NDArray[np.int64]) -> int:
    return int(np.abs(np.asarray(image, np.int64) - wanted).max())


def _big(pixels: Pixels, times: int = 16) -> Image.Image:
    return Image.fromarray(np.kron(pixels, np.ones((times, times, 1), np.uint8)))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg", "avif"])
@pytest.mark.parametrize("columns", [ADOBE_RGB, DISPLAY_P3], ids=["adobe", "p3"])
def test_a_profile_is_turned_into_srgb(tmp_path: Path, suffix: str, columns: NDArray[np.float64]) -> None:
    path = tmp_path / f"a.{suffix}"
    how = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}, "avif": {"quality": 100}}
    _big(PATCHES).save(path, icc_profile=rgb_profile(columns, ADOBE_GAMMA), **how.get(suffix, {}))  # type: ignore[arg-type]
    got = np.asarray(open_image(path))[8::16, 8::16]
    lossless = suffix in {"png", "tif", "webp"}
    assert np.abs(got.astype(int) - as_srgb(PATCHES, columns, ADOBE_GAMMA)).max() <= (2 if lossless else 12)


def _noted(index: str) -> bytes:
    """Return EXIF as a camera writes it that can save in two colour spaces."""
    below = folder([(1, 2, index.encode() + b"\0"), (2, 7, b"0100")], 200)
    exif = folder([(0xA001, 3, [65535]), (0xA005, 4, [200])], 100)
    main = folder([(0x010F, 2, b"Maker\0"), (0x8769, 4, [100])], 8)
    return b"Exif\0\0" + ((b"II*\0\x08\0\0\0" + main).ljust(100, b"\0") + exif).ljust(200, b"\0") + below


@pytest.mark.parametrize("target", [None, (8, 8)])
def test_a_camera_may_say_adobe_rgb_in_exif_alone(tmp_path: Path, target: tuple[int, int] | None) -> None:
    path, how = tmp_path / "a.jpg", {"quality": 100, "subsampling": 0}
    for index, wanted in (("R03", as_srgb(PATCHES, ADOBE_RGB, ADOBE_GAMMA)), ("R98", PATCHES.astype(np.int64))):
        _big(PATCHES).save(path, exif=_noted(index), **how)  # type: ignore[arg-type]
        image = open_image(path, target=target)
        step = image.width // 4
        got = np.asarray(image, int)[step // 2 :: step, step // 2 :: step]
        assert np.abs(got - wanted).max() <= 4, index
    # where a profile lies beside it, that one holds
    _big(PATCHES).save(path, exif=_noted("R03"), icc_profile=rgb_profile(DISPLAY_P3, 1.8), **how)  # type: ignore[arg-type]
    got = np.asarray(open_image(path), int)[8::16, 8::16]
    assert np.abs(got - as_srgb(PATCHES, DISPLAY_P3, 461 / 256)).max() <= 4


def test_an_srgb_profile_leaves_each_pixel_untouched() -> None:
    random = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image = Image.fromarray(random)
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert _off(to_rgb(image), random.astype(np.int64)) == 0


def test_a_drafted_jpeg_has_the_profiles_colours_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    _big(PATCHES, 400).save(path, icc_profile=ADOBE, quality=95)
    small = open_image(path, target=(100, 50))
    assert small.width < 1600
    step = small.width // 4
    got = np.asarray(small)[step // 2 :: step, step // 2 :: step].astype(int)
    assert np.abs(got - as_srgb(PATCHES, ADOBE_RGB, ADOBE_GAMMA)).max() <= 6


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_what_can_not_be_drafted_is_reduced_before_its_colours_are_worked_out(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    _big(PATCHES, 400).save(path, icc_profile=ADOBE)
    small = open_image(path, target=(100, 50))
    assert 200 <= small.width < 1600
    step = small.width // 4
    got = np.asarray(small)[step // 2 :: step, step // 2 :: step].astype(int)
    assert np.abs(got - as_srgb(PATCHES, ADOBE_RGB, ADOBE_GAMMA)).max() <= 3


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"garbage",
        b"\xff" * 4000,
        ADOBE[:200],
        ADOBE[:128] + b"\xff" * 400,
        ADOBE[:16] + b"CMYK" + ADOBE[20:],
        ADOBE[:12] + b"link" + ADOBE[16:],
        ADOBE[:128] + struct.pack(">L", 2**32 - 1) + ADOBE[132:],
        gray_profile(1.0),
        cmyk_profile(),
    ],
)
def test_a_profile_that_is_damaged_or_for_other_pictures_is_ignored(tmp_path: Path, profile: bytes) -> None:
    _big(PATCHES).save(tmp_path / "a.png", icc_profile=profile)
    assert _off(open_image(tmp_path / "a.png"), np.asarray(_big(PATCHES), np.int64)) == 0
    _big(PATCHES).save(tmp_path / "a.jpg", icc_profile=profile)
    plain = tmp_path / "b.jpg"
    _big(PATCHES).save(plain)
    assert _off(open_image(tmp_path / "a.jpg"), np.asarray(open_image(plain), np.int64)) == 0


def test_a_large_profile_is_applied(tmp_path: Path) -> None:
    table = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
    for suffix in ("png", "jpg", "webp"):
        path = tmp_path / f"a.{suffix}"
        _big(PATCHES).save(path, icc_profile=ADOBE + table, quality=100)
        plain = tmp_path / f"b.{suffix}"
        _big(PATCHES).save(plain, icc_profile=ADOBE, quality=100)
        assert _off(open_image(path), np.asarray(open_image(plain), np.int64)) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(ADOBE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_flipped_bytes_in_a_profile_never_hide_the_picture(flips: list[tuple[int, int]]) -> None:
    profile = bytearray(ADOBE)
    for place, value in flips:
        profile[place] = value
    image = _big(PATCHES)
    image.info["icc_profile"] = bytes(profile)
    assert to_rgb(image).mode == "RGB"


def test_gray_profiles_are_for_gray(tmp_path: Path) -> None:
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    wanted = encoded((np.arange(256) / 255) ** 1.0)
    for suffix in ("png", "tif"):
        ramp.save(tmp_path / f"a.{suffix}", icc_profile=gray_profile(1.0))
        got = np.asarray(open_image(tmp_path / f"a.{suffix}"))[0].astype(int)
        assert np.abs(got - wanted[:, None]).max() <= 2
    ramp.save(tmp_path / "b.png", icc_profile=ADOBE)
    assert np.array_equal(np.asarray(open_image(tmp_path / "b.png"))[0, :, 1], np.arange(256))


def _ink(cyan: int, magenta: int, yellow: int, black: int) -> Image.Image:
    return Image.new("CMYK", (32, 32), (cyan, magenta, yellow, black))


def _ycck(image: Image.Image) -> bytes:
    """Return a JPEG as Photoshop writes it: inverted inks, the first three as luminance and colour differences."""
    cyan, magenta, yellow, black = image.split()
    parts = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr").split()
    stored = [part.point(lambda value: 255 - value) for part in parts]  # Pillow inverts what it writes
    out = io.BytesIO()
    Image.merge("CMYK", (*stored, black)).save(out, "JPEG", quality=100, subsampling=0)
    content = out.getvalue()
    place = content.index(b"Adobe\0") + 11
    assert content[place] == 0
    return content[:place] + b"\2" + content[place + 1 :]


@pytest.mark.parametrize("kind", ["cmyk", "ycck", "tiff"])
@pytest.mark.parametrize("ink", range(3))
def test_inks_look_as_the_press_says_or_as_browsers_show_them(tmp_path: Path, kind: str, ink: int) -> None:
    amounts = [0, 0, 0, 0]
    amounts[ink] = 255
    image = _ink(*amounts)
    bare, managed = tmp_path / "bare", tmp_path / "managed"
    if kind == "tiff":
        image.save(bare, "TIFF")
        image.save(managed, "TIFF", icc_profile=cmyk_profile())
    else:
        content = _ycck(image) if kind == "ycck" else None
        for path, profile in ((bare, None), (managed, cmyk_profile())):
            if content is None:
                image.save(path, "JPEG", quality=100, icc_profile=profile)
            else:
                marker = b"ICC_PROFILE\0\1\1" + (profile or b"")
                segment = b"\xff\xe2" + struct.pack(">H", len(marker) + 2) + marker if profile else b""
                path.write_bytes(content[:2] + segment + content[2:])
    naive = [255, 255, 255]
    naive[ink] = 0
    assert _off(open_image(bare), np.array(naive)) <= 4
    laid = tuple(int(place == ink) for place in range(3))
    assert _off(open_image(managed), lab_as_srgb(INKS[laid])) <= 6
    assert _off(open_image(managed, target=(4, 4)), lab_as_srgb(INKS[laid])) <= 6


def test_paper_is_white_and_black_ink_is_black(tmp_path: Path) -> None:
    for profile in (None, cmyk_profile()):
        for amounts, level in (((0, 0, 0, 0), 255), ((0, 0, 0, 255), 0)):
            _ink(*amounts).save(tmp_path / "a.jpg", quality=100, icc_profile=profile)
            assert _off(open_image(tmp_path / "a.jpg"), np.array([level] * 3)) <= 3


def _png(path: Path, width: int, depth: int, kind: int, row: bytes, key: bytes) -> Path:
    """Write a PNG of one row with a transparent colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))

    head = struct.pack(">LLBBBBB", width, 1, depth, kind, 0, 0, 0)
    parts = (
        chunk(b"IHDR", head) + chunk(b"tRNS", key) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


def test_a_transparent_colour_of_sixteen_bits_is_paper(tmp_path: Path) -> None:
    gray = _png(tmp_path / "gray.png", 2, 16, 0, struct.pack(">2H", 1000, 40000), struct.pack(">H", 1000))
    assert np.asarray(open_image(gray))[0, :, 0].tolist() == [255, 156]
    row = struct.pack(">6H", 65535, 0, 0, 0, 65535, 0)
    colour = _png(tmp_path / "colour.png", 2, 16, 2, row, struct.pack(">3H", 65535, 0, 0))
    assert np.asarray(open_image(colour))[0].tolist() == [[255, 255, 255], [0, 255, 0]]


def test_premultiplied_and_straight_alpha_look_the_same(tmp_path: Path) -> None:
    straight = Image.new("RGBA", (8, 8), (200, 100, 50, 128))
    straight.save(tmp_path / "straight.tif")
    content = bytearray((tmp_path / "straight.tif").read_bytes())
    place = content.index(struct.pack("<HHL", 338, 3, 1)) + 8
    assert content[place] == 2
    content[place] = 1  # now the same numbers are light that has been through the alpha already
    (tmp_path / "premultiplied.tif").write_bytes(content)
    assert _off(open_image(tmp_path / "straight.tif"), np.array([227, 177, 152])) <= 1
    # 200 is more than 128 can hold: as bright as that allows, 255 at this alpha
    assert _off(open_image(tmp_path / "premultiplied.tif"), np.array([255, 227, 177])) <= 2


def test_alpha_and_profile_together(tmp_path: Path) -> None:
    layer = _big(PATCHES).convert("RGBA")
    layer.putalpha(128)
    layer.save(tmp_path / "a.png", icc_profile=ADOBE)
    got = np.asarray(open_image(tmp_path / "a.png"))[8::16, 8::16].astype(float)
    wanted = as_srgb(PATCHES, ADOBE_RGB, ADOBE_GAMMA) * 128 / 255 + 127
    assert np.abs(got - wanted).max() <= 2
    gray = Image.new("LA", (4, 4), (100, 0))
    gray.save(tmp_path / "b.png", icc_profile=gray_profile(1.0))
    assert open_image(tmp_path / "b.png").getpixel((0, 0)) == (255, 255, 255)


def test_what_is_transparent_does_not_shine_through_when_reduced(tmp_path: Path) -> None:
    layer = np.zeros((800, 800, 4), np.uint8)
    layer[:, ::2] = (255, 0, 0, 255)
    layer[:, 1::2] = (0, 255, 0, 0)
    Image.fromarray(layer).save(tmp_path / "a.png", icc_profile=rgb_profile(SRGB, 1.8))
    got = np.asarray(open_image(tmp_path / "a.png", target=(100, 100)), int)
    assert np.abs(got - (255, 127, 127)).max() <= 2  # half red, half paper; no green


def test_palettes_with_transparency_and_profile(tmp_path: Path) -> None:
    image = Image.new("P", (4, 1))
    image.putpalette([200, 100, 50, 0, 0, 255])
    image.putdata([0, 1, 0, 1])
    image.save(tmp_path / "a.png", transparency=b"\xff\x00", icc_profile=ADOBE)
    got = np.asarray(open_image(tmp_path / "a.png"))[0].astype(int)
    assert np.abs(got[0] - as_srgb(PATCHES, ADOBE_RGB, ADOBE_GAMMA)[0, 0]).max() <= 2
    assert got[1].tolist() == [255, 255, 255]


def test_lab_becomes_rgb(tmp_path: Path) -> None:
    for lab in ((55.0, -37.0, -50.0), (100.0, 0.0, 0.0), (0.0, 0.0, 0.0), (50.0, 40.0, 20.0)):
        bands = (round(lab[0] * 2.55), round(lab[1]) % 256, round(lab[2]) % 256)
        Image.frombytes("LAB", (4, 4), bytes(bands) * 16).save(tmp_path / "a.tif")
        assert _off(open_image(tmp_path / "a.tif"), lab_as_srgb(lab)) <= 4, lab


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_rgb_tiff(tmp_path: Path, order: str) -> None:
    values = np.array([[0, 32768, 65535], [65535, 257, 40000]], np.uint16)
    content = values.astype(f"{order}u2").tobytes()
    tags = [(256, 4, 2), (257, 4, 1), (258, 3, 0), (259, 3, 1), (262, 3, 2), (273, 4, 0), (277, 3, 3), (279, 4, 12)]
    place = 8 + 2 + 12 * len(tags) + 4
    data = b""
    for tag, kind, value in tags:
        count, field = 1, value
        if tag == 258:
            count, field = 3, place
        elif tag == 273:
            field = place + 6
        packed = struct.pack(
            order + ("HH" if kind == 3 and count == 1 else "L"), *((field, 0) if kind == 3 and count == 1 else (field,))
        )
        data += struct.pack(order + "HHL", tag, kind, count) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "LH", 8, len(tags))
    path = tmp_path / "a.tif"
    path.write_bytes(head + data + b"\0" * 4 + struct.pack(order + "3H", 16, 16, 16) + content)
    got = np.asarray(open_image(path))[0].astype(int)
    assert np.abs(got - np.round(values / 257)).max() <= 1


def test_floats_beyond_white_and_no_numbers_at_all(tmp_path: Path) -> None:
    values = np.array([[0.0, 0.5, 1.0, 3.7, np.nan, np.inf, -np.inf, -1.0]], np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert np.asarray(open_image(tmp_path / "a.tif"))[0, :, 0].tolist() == [0, 128, 255, 255, 0, 255, 0, 0]
    Image.fromarray(np.full((3, 3), np.nan, np.float32)).save(tmp_path / "b.tif")
    assert open_image(tmp_path / "b.tif").getpixel((1, 1)) == (0, 0, 0)
    Image.fromarray(np.array([[-5, 0, 40000, 65535]], np.int32)).save(tmp_path / "c.tif")
    assert np.asarray(open_image(tmp_path / "c.tif"))[0, :, 0].tolist() == [0, 0, 156, 255]


def test_deep_pictures_are_converted_in_parts_without_a_seam() -> None:
    tall = np.linspace(0, 65535, 2500 * 2000).astype(np.uint16).reshape(2500, 2000)
    got = np.asarray(to_rgb(Image.fromarray(tall)))[..., 0].astype(int)
    assert np.abs(got - np.round(tall / 257.0)).max() <= 1


MODES = {"1": 1, "L": 1, "P": 1, "LA": 2, "La": 2, "PA": 2, "RGB": 3, "RGBA": 4, "RGBa": 4, "RGBX": 4, "CMYK": 4,
         "YCbCr": 3, "LAB": 3, "HSV": 3, "I": 1, "I;16": 1, "I;16B": 1, "F": 1}  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(MODES)),
    arrays(np.uint8, (5, 6, 4)),
    st.sampled_from([None, b"junk" * 50, ADOBE, gray_profile(2.2), cmyk_profile()]),
    st.sampled_from([None, (1, 1), (40, 40)]),
)
def test_every_mode_becomes_plain_rgb(
    mode: str, pixels: Pixels, profile: bytes | None, target: tuple[int, int] | None
) -> None:
    source = Image.fromarray(pixels[..., 0] if MODES[mode] == 1 else pixels, None)
    image = Image.new(mode, (6, 5))
    bands = [Image.fromarray(np.ascontiguousarray(pixels[..., place])) for place in range(MODES[mode])]
    if mode in ("I", "F", "I;16", "I;16B", "1"):
        image = source.convert("L").convert("I" if mode.startswith("I") else mode)
        image = image.convert(mode) if image.mode != mode else image
    elif mode == "P":
        image = bands[0].convert("P")
    elif mode == "PA":
        image = Image.merge("LA", bands).convert("PA")
    elif MODES[mode] == 1:
        image = bands[0]
    else:
        image = Image.merge(mode, bands)
    if profile is not None:
        image.info["icc_profile"] = profile
    before = image.tobytes()
    rgb = to_rgb(image, target)
    assert rgb.mode == "RGB"
    assert type(rgb) is Image.Image
    assert rgb.info == {}
    assert rgb is not image
    assert image.tobytes() == before


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, (4, 5, 4)))
def test_alpha_is_laid_on_white(pixels: Pixels) -> None:
    alpha = pixels[..., 3:] / 255
    wanted = np.round(pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.int64)
    assert _off(to_rgb(Image.fromarray(pixels)), wanted) <= 1
