"""What is measured in a photo: figures that follow what is done to it, and no horizon where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from engine.images import open_image
from engine.prediction.measuring import measure_photo

EVAL = os.environ.get("BEHOLDER_EVAL_DATA")
real_photos = pytest.mark.skipif(EVAL is None, reason="BEHOLDER_EVAL_DATA does not say where the photos are")


def _texture(width: int = 900, height: int = 600, seed: int = 0) -> Image.Image:
    """Return a picture with structure of every size, as nature has."""
    random = np.random.default_rng(seed)
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    frequencies[0, 0] = 1
    layers = []
    for _ in range(3):
        waves = np.fft.fft2(random.normal(size=(height, width))) / frequencies
        layers.append(np.real(np.fft.ifft2(waves)))
    pixels = np.stack(layers, axis=2)
    return Image.fromarray(np.clip(128 + 45 * pixels / pixels.std(), 0, 255).astype(np.uint8))


def _sea(tilt: float, width: int = 1200, height: int = 800, seed: int = 0) -> Image.Image:
    """Return sky over water with noise, the whole turned."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    below = (rows - 0.4 * height) - (columns - width / 2) * np.tan(np.radians(tilt)) > 0
    pixels = np.where(below[..., None], (60, 90, 110), (150, 180, 220)) + random.normal(0, 8, (height, width, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))


def test_each_step_out_of_focus_measures_less_sharp() -> None:
    photo = _texture()
    figures = [measure_photo(photo.filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 1, 2, 4, 8)]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] - figures[3] > 30
    assert all(0 <= figure <= 100 for figure in figures)


def test_a_sharp_part_is_enough() -> None:
    photo = _texture()
    blurred = photo.filter(ImageFilter.GaussianBlur(8))
    portrait = blurred.copy()
    portrait.paste(photo.crop((250, 100, 650, 500)), (250, 100))
    assert abs(measure_photo(portrait).sharpness - measure_photo(photo).sharpness) < 6
    assert measure_photo(portrait).sharpness - measure_photo(blurred).sharpness > 30


def test_two_sizes_of_a_photo_measure_the_same() -> None:
    photo = _texture(1500, 1000)
    small = photo.resize((600, 400), Image.Resampling.LANCZOS)
    large, little = measure_photo(photo), measure_photo(small)
    assert abs(large.sharpness - little.sharpness) < 6
    for figure in ("exposure", "contrast", "colourfulness"):
        assert abs(getattr(large, figure) - getattr(little, figure)) < 1.5, figure


def test_exposure_contrast_and_clipping_are_what_they_are_of_known_pictures() -> None:
    for level, lightness in ((0, 0.0), (119, 50.0), (255, 100.0)):
        flat = measure_photo(Image.new("RGB", (80, 60), (level, level, level)))
        assert abs(flat.exposure - lightness) < 0.3
        assert flat.contrast < 0.01
        assert (flat.colourfulness, flat.sharpness, flat.tilt) == (0, 0, None)
    halves = Image.new("RGB", (400, 200), "black")
    halves.paste("white", (0, 0, 100, 200))
    measured = measure_photo(halves)
    assert (measured.clipped_dark, measured.clipped_bright) == (75, 25)
    assert abs(measured.exposure - 25) < 1
    assert abs(measured.contrast - 43.3) < 1


def test_colourfulness_is_that_of_the_paper() -> None:
    # half red, half blue: rg = 255, 0 and yb = 127.5, -255; the paper's formula by hand
    picture = Image.new("RGB", (100, 100), "red")
    picture.paste("blue", (0, 0, 50, 100))
    spread, mean = np.hypot(127.5, 191.25), np.hypot(127.5, -63.75)
    assert abs(measure_photo(picture).colourfulness - (spread + 0.3 * mean)) < 0.01
    assert measure_photo(_texture().convert("L").convert("RGB")).colourfulness < 0.01


@pytest.mark.parametrize("tilt", [-18, -11, -5, -2, -0.5, 0, 0.5, 1, 3, 7, 12, 18])
def test_the_horizon_is_found_where_it_lies(tilt: float) -> None:
    measured = measure_photo(_sea(tilt)).tilt
    assert measured is not None
    assert abs(measured - tilt) < 0.3


@settings(max_examples=15, deadline=None)
@given(st.floats(-17, 17), st.integers(300, 1500), st.integers(300, 1000), st.integers(0, 99))
def test_the_horizon_is_found_in_any_size(tilt: float, width: int, height: int, seed: int) -> None:
    measured = measure_photo(_sea(tilt, width, height, seed)).tilt
    assert measured is None or abs(measured - tilt) < 1
    if abs(np.tan(np.radians(tilt))) * width < 0.6 * height:  # it doesn't leave the picture at the top
        assert measured is not None


def test_no_horizon_where_nothing_is_level() -> None:
    for seed in range(5):
        assert measure_photo(_texture(seed=seed)).tilt is None
    random = np.random.default_rng(0)
    assert measure_photo(Image.fromarray(random.integers(0, 256, (400, 600, 3), dtype=np.uint8))).tilt is None
    assert measure_photo(_sea(35)).tilt is None
    assert measure_photo(_sea(0).rotate(90, expand=True)).tilt is None


def test_lines_that_run_apart_are_no_horizon() -> None:
    columns, rows = np.meshgrid(np.arange(600), np.arange(400))
    wedge = np.abs(rows - 200) < 20 + columns / 6
    assert measure_photo(Image.fromarray(np.where(wedge, 200, 60).astype(np.uint8)).convert("RGB")).tilt is None


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 500), (500, 1), (7, 7), (4000, 2), (31, 64)])
def test_every_shape_is_measured(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    measured = measure_photo(Image.fromarray(pixels))
    assert 0 <= measured.exposure <= 100
    assert 0 <= measured.sharpness <= 100


def test_the_same_photo_gives_the_same_figures() -> None:
    assert measure_photo(_texture()) == measure_photo(_texture())


@pytest.mark.slow
@real_photos
def test_real_horizons_follow_a_turn_of_the_camera() -> None:
    folder = Path(str(EVAL)) / "oasis" / "images"
    found = 0
    for name in ("Beach_1", "Beach_2", "Beach_4", "Cliff_diver_2", "Lake_5", "Lake_9", "Sunset_5", "Sunset_6"):
        photo = open_image(folder / f"{name}.jpg")
        straight = measure_photo(photo).tilt
        assert straight is not None, name
        for turn in (-10, -6, -3, 3, 6, 10):
            turned = photo.rotate(-turn, Image.Resampling.BICUBIC)
            width, height = photo.size
            inner = turned.crop((round(0.14 * width), round(0.14 * height), round(0.86 * width), round(0.86 * height)))
            measured = measure_photo(inner).tilt
            if measured is not None:
                found += 1
                assert abs(measured - straight - turn) < 1, (name, turn)
    assert found >= 40


@pytest.mark.slow
@real_photos
def test_real_photos_measure_less_sharp_out_of_focus() -> None:
    for path in sorted((Path(str(EVAL)) / "photos").glob("*.jpg"))[:20]:
        photo = open_image(path)
        blurred = photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 256))
        assert measure_photo(blurred).sharpness < measure_photo(photo).sharpness - 10, path.name
