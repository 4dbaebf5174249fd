"""Finding pictures, and opening whatever a folder may hold."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from engine import images
from engine.errors import ImageError, Message, NotFound, UsageError
from engine.images import find_images, natural_key, open_image, read_info


def _save(path: Path, size: tuple[int, int] = (40, 30), color: object = (200, 100, 50), **options: object) -> Path:
    Image.new("RGB", size, color).save(path, **options)  # type: ignore[arg-type]
    return path


def _names(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder, **options)]


def test_pictures_come_in_natural_order_with_any_suffix(tmp_path: Path) -> None:
    for name in ("b10.JPG", "b2.jpeg", "B1.png", "a.TIFF", "c.avif", "d.jfif", "e.jpe", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "z.gif").write_bytes(b"x")
    (tmp_path / ".beholder").mkdir()
    (tmp_path / ".beholder" / "thumb.jpg").write_bytes(b"x")
    flat = ["a.TIFF", "B1.png", "b2.jpeg", "b10.JPG", "c.avif", "d.jfif", "e.jpe"]
    assert _names(tmp_path) == [*flat, "sub/z.gif"]
    assert _names(tmp_path, recursive=False) == flat


def test_a_loop_of_links_ends_and_yields_each_picture_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").write_bytes(b"x")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again").symlink_to(tmp_path / "sub", target_is_directory=True)
    assert len(_names(tmp_path)) == 1


def test_what_is_no_file_is_passed_over_with_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "folder.jpg").mkdir()
    _save(tmp_path / "a.jpg")
    reasons: dict[str, Message] = {}
    found = list(find_images(tmp_path, on_problem=lambda path, reason: reasons.update({path.name: reason})))
    assert [path.name for path in found] == ["a.jpg"]
    assert set(reasons) == {"pipe.jpg", "nowhere.jpg"}


def test_a_missing_folder_and_a_file_are_refused_before_the_first_picture(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no folder"):
        find_images(tmp_path / "gone")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        find_images(_save(tmp_path / "a.jpg"))


def test_numbers_too_long_for_int_still_sort() -> None:
    assert sorted(["9" * 5000, "a10", "a9", "a09"], key=natural_key) == ["9" * 5000, "a09", "a9", "a10"]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "gif", "avif"])
def test_each_format_opens_as_rgb(tmp_path: Path, suffix: str) -> None:
    image = open_image(_save(tmp_path / f"a.{suffix}"))
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert np.abs(np.asarray(image, dtype=int)[15, 20] - (200, 100, 50)).max() < 12


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    _save(tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert read_info(tmp_path / "a.jpg").format == "PNG"
    assert open_image(tmp_path / "a.jpg").size == (40, 30)


def test_a_phones_double_jpeg_is_a_jpeg(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 30), "red")
    picture.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[picture])
    assert read_info(tmp_path / "a.jpg").format == "JPEG"
    assert open_image(tmp_path / "a.jpg").size == (40, 30)


def test_a_format_off_the_list_is_no_picture(tmp_path: Path) -> None:
    _save(tmp_path / "a.ppm").rename(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="not a picture"):
        open_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("dtype", ["uint16", ">u2"])
def test_sixteen_bit_gray_keeps_its_brightness(tmp_path: Path, dtype: str) -> None:
    ramp = np.linspace(0, 65535, 256).astype("uint16").reshape(16, 16)
    path = tmp_path / "a.tif"
    Image.frombytes("I;16B" if dtype == ">u2" else "I;16", (16, 16), ramp.astype(dtype).tobytes()).save(path)
    got = np.asarray(open_image(path))[..., 0].ravel().astype(int)
    assert np.abs(got - np.arange(256)).max() <= 1


def test_sixteen_bit_png_thirty_two_bit_tiff_and_floats(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 32768, "uint16")).save(tmp_path / "a.png")
    Image.fromarray(np.full((4, 4), 32768, "int32")).save(tmp_path / "b.tif")
    Image.fromarray(np.full((4, 4), 0.5, "float32")).save(tmp_path / "c.tif")
    for name in ("a.png", "b.tif", "c.tif"):
        assert abs(open_image(tmp_path / name).getpixel((0, 0))[0] - 128) <= 1, name  # type: ignore[index]


def test_cmyk_gray_bilevel_and_palette_become_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    Image.new("L", (4, 4), 77).save(tmp_path / "gray.png")
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    Image.new("RGB", (4, 4), (10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    red = np.asarray(open_image(tmp_path / "cmyk.jpg"))[0, 0]
    assert red[0] > 200
    assert red[1] < 60
    assert open_image(tmp_path / "gray.png").getpixel((0, 0)) == (77, 77, 77)
    assert open_image(tmp_path / "bits.png").getpixel((0, 0)) == (255, 255, 255)
    assert open_image(tmp_path / "palette.png").getpixel((0, 0)) == (10, 20, 30)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "rgba.png")
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "la.png")
    Image.new("P", (4, 4), 0).save(tmp_path / "p.png", transparency=0)
    Image.new("P", (4, 4), 0).save(tmp_path / "p.gif", transparency=0)
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "key.png", transparency=(1, 2, 3))
    for path in tmp_path.iterdir():
        assert open_image(path).getpixel((1, 1)) == (255, 255, 255), path.name
    Image.new("RGBA", (4, 4), (0, 0, 0, 128)).save(tmp_path / "half.png")
    assert abs(open_image(tmp_path / "half.png").getpixel((1, 1))[0] - 127) <= 1  # type: ignore[index]


def test_the_first_frame_of_an_animation_is_shown(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    for suffix in ("gif", "webp", "tif", "png", "avif"):
        path = tmp_path / f"a.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        pixel = open_image(path).getpixel((4, 4))
        assert pixel[0] > 200, suffix  # type: ignore[index]
        assert pixel[2] < 60, suffix  # type: ignore[index]


def _turned(path: Path, orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.new("RGB", (400, 200), "white")
    picture.paste("black", (0, 0, 40, 40))
    picture.save(path, exif=exif, quality=95)
    return path


def test_exif_orientation_turns_the_picture_upright(tmp_path: Path) -> None:
    path = _turned(tmp_path / "a.jpg", 6)
    image = open_image(path)
    assert image.size == (200, 400)
    assert image.getpixel((190, 10))[0] < 40  # type: ignore[index]
    assert (read_info(path).width, read_info(path).height) == (200, 400)


# corner in which the black one, upper left before, is seen
CORNERS = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}


@pytest.mark.parametrize("orientation", CORNERS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_each_orientation_turns_once_and_the_info_agrees(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = _turned(tmp_path / f"a.{suffix}", orientation)
    for image in (open_image(path), open_image(path, target=(60, 60))):
        pixels = np.asarray(image.convert("L"), int)
        assert (image.width < image.height) == (orientation >= 5)
        corners = [[pixels[3, 3], pixels[3, -4]], [pixels[-4, 3], pixels[-4, -4]]]
        assert np.unravel_index(np.argmin(corners), (2, 2)) == CORNERS[orientation]
    info = read_info(path)
    assert (info.width, info.height) == open_image(path).size == ((200, 400) if orientation >= 5 else (400, 200))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_compressed_tiffs_turn_once_too(tmp_path: Path, compression: str | None, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.tif", compression=compression, exif=exif)
    size = (20, 40) if orientation == 6 else (40, 20)
    info = read_info(tmp_path / "a.tif")
    assert open_image(tmp_path / "a.tif").size == (info.width, info.height) == size


def test_a_target_decodes_smaller_but_never_below_it(tmp_path: Path) -> None:
    flat = open_image(_save(tmp_path / "a.jpg", (1600, 800)), target=(200, 100))
    assert 200 <= flat.width < 1600
    assert flat.height >= 100
    turned = open_image(_turned(tmp_path / "b.jpg", 6), target=(100, 50))
    assert 100 <= turned.width < 200
    assert turned.height >= 50


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_does_not_hide_a_sound_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    _save(path, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7fgarbage")
    assert open_image(path).size == (40, 30)
    assert read_info(path).taken is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "gif", "avif"])
def test_a_cut_off_picture_is_named_with_a_reason(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype="uint8")
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=rf"a\.{suffix} is (damaged or cut off|not a picture)"):
        open_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "gif", "avif"])
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    _save(path, (32, 32))
    sound = path.read_bytes()
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(60):
        data = bytearray(sound)
        for place in random.integers(0, min(len(data), 200), 4):
            data[place] = random.integers(0, 256)
        path.write_bytes(data)
        try:
            assert open_image(path).mode == "RGB"
        except ImageError:
            refused += 1
        try:
            read_info(path)
        except ImageError:
            refused += 1
    assert refused


def test_text_empty_missing_and_special_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    expected = {
        "text.jpg": "not a picture",
        "empty.jpg": "is empty",
        "pipe.jpg": "is not a file",
        "folder.jpg": "is not a file",
        "gone.jpg": "There is no file",
        "text.jpg/deeper.jpg": "damaged|no file",
    }
    for name, reason in expected.items():
        for work in (open_image, read_info):
            with pytest.raises(ImageError, match=reason):
                work(tmp_path / name)


def _png_header(path: Path, width: int, height: int) -> Path:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    return path


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [15_000, 60_000])
def test_a_picture_beyond_the_pixel_limit_is_refused_before_decoding(tmp_path: Path, side: int) -> None:
    with pytest.raises(ImageError, match="too large: more than 200 million"):
        open_image(_png_header(tmp_path / "bomb.png", side, side))


def test_a_name_with_escape_codes_is_shown_safely(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m[b].jpg"
    path.write_text("no picture")
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert "\x1b" not in str(caught.value)
    assert r"a\x1b[31m[b].jpg" in str(caught.value)


def test_info_tells_time_and_camera_without_decoding(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon\0", "Canon EOS R6"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:34:56"
    path = _save(tmp_path / "a.jpg", exif=exif)
    os.utime(path, (1000, 1000))
    info = read_info(path)
    assert (info.taken, info.camera, info.format) == ("2024-05-01T12:34:56", "Canon EOS R6", "JPEG")
    assert (info.bytes, info.modified) == (path.stat().st_size, 1000.0)
    assert read_info(_save(tmp_path / "b.png")).camera is None


def _with_exif(path: Path, tags: dict[int, object], folder: dict[int, object]) -> Path:
    exif = Image.Exif()
    exif.update(tags)
    exif.get_ifd(0x8769).update(folder)
    return _save(path, exif=exif)


def test_info_tells_lens_and_exposure(tmp_path: Path) -> None:
    folder = {0x829A: IFDRational(1, 250), 0x829D: IFDRational(28, 10), 0x8827: 400, 0x920A: IFDRational(50, 1)}
    info = read_info(_with_exif(tmp_path / "a.jpg", {}, {**folder, 0xA434: "RF50mm F1.8 STM\0"}))
    assert (info.lens, info.exposure) == ("RF50mm F1.8 STM", "1/250 s · f/2.8 · ISO 400 · 50 mm")
    assert read_info(_with_exif(tmp_path / "b.jpg", {}, {0x829A: IFDRational(13, 10)})).exposure == "1.3 s"
    assert read_info(_with_exif(tmp_path / "c.jpg", {}, {0x8827: 65535, 0x8832: 102400})).exposure == "ISO 102400"
    plain = read_info(_save(tmp_path / "d.png"))
    assert (plain.lens, plain.exposure) == (None, None)


@pytest.mark.parametrize(
    "value",
    [IFDRational(1, 0), IFDRational(0, 1), IFDRational(0, 0), IFDRational(4294967295, 1), IFDRational(1, 4294967295)],
)
def test_senseless_fractions_are_left_out(tmp_path: Path, value: object) -> None:
    info = read_info(_with_exif(tmp_path / "a.jpg", {}, dict.fromkeys((0x829A, 0x829D, 0x920A), value) | {0x8827: 0}))
    assert info.exposure is None


def test_exif_texts_are_safe_to_show_and_not_endless(tmp_path: Path) -> None:
    hostile = "A\x1b[31m\u202eB" + "x" * 5000
    path = _with_exif(tmp_path / "a.jpg", {0x0110: hostile}, {0xA434: hostile})
    info = read_info(path)
    for text in (info.camera, info.lens):
        assert text is not None
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert len(text) < 200


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_flipped_exif_bytes_never_hide_a_sound_picture(tmp_path: Path) -> None:
    folder = {0x829A: IFDRational(1, 250), 0x829D: IFDRational(28, 10), 0x8827: 400, 0xA434: "Lens", 0x9003: "2024"}
    path = _with_exif(tmp_path / "a.jpg", {0x010F: "Maker"}, folder)
    sound = path.read_bytes()
    end = sound.index(b"\xff\xdb")  # the tables of the picture itself begin here
    random = np.random.default_rng(2)
    seen = set()
    for _ in range(300):
        data = bytearray(sound)
        for place in random.integers(30, end, 3):
            data[place] = random.integers(0, 256)
        path.write_bytes(data)
        info = read_info(path)
        assert (info.width, info.height) in {(40, 30), (30, 40)}
        seen.add(info.exposure)
    assert len(seen) > 3


def test_the_decoder_list_is_what_the_messages_promise() -> None:
    assert set(images.FORMATS) == {"JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"}
    assert set(images.READABLE.upper().split(", ")) == {*images.FORMATS, "HEIC", "RAW"}
