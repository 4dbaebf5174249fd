"""Workspaces to measure with: a few large photos, or very many small ones, all made here."""

from __future__ import annotations

import colorsys
import os
from pathlib import Path

import numpy as np
from PIL import Image

from engine.labels.scorebook import ScoreBook
from engine.workspace import Workspace

SIZE_12MP = (4000, 3000)
_LINKS = 20_000  # file systems allow some ten thousand names for one file


def named(number: int) -> str:
    """Return the file name of a made photo."""
    return f"IMG_{number:06d}.jpg"


def marker(number: int) -> tuple[int, int, int]:
    """Return the colour of the stripe at a photo's lower edge, another one for each of the first hundred."""
    red, green, blue = colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.9 if number % 2 else 0.55, 0.8)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_photo(path: Path, number: int, size: tuple[int, int]) -> None:
    """Save a JPEG with shapes, fine grain and, over its lowest sixth, its stripe."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 255, (9, 12, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(coarse, np.int16)
    grain = random.integers(-12, 13, (500, 500, 1), np.int16)
    pixels = pixels + np.tile(grain, (-(-size[1] // 500), -(-size[0] // 500), 1))[: size[1], : size[0]]
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    pixels[size[1] * 5 // 6 :] = marker(number)
    Image.fromarray(pixels).save(path, quality=90, subsampling=0)


def large_photos(place: Path, count: int) -> Workspace:
    """Return a workspace with so many 12-MP photos, none scored."""
    workspace = Workspace(place)
    workspace.create()
    for number in range(count):
        draw_photo(workspace.data / named(number), number, SIZE_12MP)
    return workspace


def many_photos(place: Path, count: int, *, scored: bool = True) -> Workspace:
    """Return a workspace with very many small photos; the scores, if any, are all different."""
    workspace = Workspace(place)
    workspace.create()
    for number in range(count):
        path = workspace.data / named(number)
        if number % _LINKS == 0:
            original = path
            draw_photo(original, number, (640, 480))
        else:
            os.link(original, path)
    if scored:
        with ScoreBook(workspace) as book:
            book.set_many({named(number): score_of(number) for number in range(count)}, kind="import")
    return workspace


def score_of(number: int) -> float:
    """Return the made score of a photo, 0…100; they differ for the first 100,003 and follow no order."""
    return round((number * 7919 + 50_000) % 100_003 / 1001, 3)
