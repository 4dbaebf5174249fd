"""A made photo as the terminal shows it: with exact colours, by default, and over a slow line, side by side."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rich.color import Color
from rich.console import Console
from textual.strip import Strip

from tui.photo_cells import cell_strips, fitted
from tui.quadrant_cells import SHAPES

_ROOM, _LOW_ROOM = (80, 30), (60, 22)
_DOT = 8
_MARGIN, _CAPTION = 12, 28


def colours_of(strips: Sequence[Strip]) -> NDArray[np.uint8]:
    """Return what rows of half cells show: (2 × rows, columns, 3) uint8."""
    rows = []
    for strip in strips:
        upper: list[tuple[int, int, int]] = []
        lower: list[tuple[int, int, int]] = []
        for text, style, _ in strip:
            ink, paper = (_triplet(style and colour) for colour in (style and style.color, style and style.bgcolor))
            for character in text:
                lit = SHAPES.index(character)
                upper.append(ink if lit & 1 else paper)
                lower.append(ink if lit & 4 else paper)
        rows += [upper, lower]
    return np.array(rows, np.uint8)


def _triplet(colour: object) -> tuple[int, int, int]:
    return tuple(colour.get_truecolor()) if isinstance(colour, Color) else (0, 0, 0)  # type: ignore[return-value]


def draw_flip_picture(file: Path) -> None:
    """Draw the made photo in three ways and write them as one PNG."""
    photo = _landscape()
    console = Console(color_system="truecolor")
    panels = []
    for name, cells, few in (("exact", "exact", False), ("by default", "half", False), ("low bandwidth", "half", True)):
        size = fitted(photo.size, *(_LOW_ROOM if few else _ROOM))
        strips = cell_strips(photo, size, cells, few_colours=few)  # type: ignore[arg-type]
        sent = sum(len(strip.render(console).encode()) for strip in strips)
        panels.append((f"{name}: {sent:,} bytes", Image.fromarray(colours_of(strips))))
    wide, high = (_DOT * length // 2 for length in fitted(photo.size, *_ROOM))
    sheet = Image.new("RGB", (3 * wide + 4 * _MARGIN, high + _CAPTION + 2 * _MARGIN), "#16171a")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for number, (name, panel) in enumerate(panels):
        left = _MARGIN + number * (wide + _MARGIN)
        sheet.paste(panel.resize((wide, high), Image.Resampling.NEAREST), (left, _MARGIN + _CAPTION))
        pen.text((left, _MARGIN), name, "#dcd7cf", font)
    sheet.save(file, optimize=True)


def _landscape() -> Image.Image:
    """Return a made evening by a lake, with soft light, fine grass and grain: what is hard and what is easy."""
    wide, high = 1200, 900
    across, down = np.meshgrid(np.linspace(0, 1, wide), np.linspace(0, 1, high))
    sun = np.exp(-((across - 0.7) ** 2 + (down - 0.38) ** 2) / 0.02)
    sky = np.stack([70 + 150 * down + 90 * sun, 90 + 70 * down + 60 * sun, 150 - 40 * down + 10 * sun], -1)
    image = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    pen, chance = ImageDraw.Draw(image), random.Random(3)
    for layer, (base, tint) in enumerate(((0.52, (86, 92, 120)), (0.58, (58, 70, 88)), (0.64, (34, 48, 52)))):
        ridge = [
            (x, high * (base - 0.07 * abs(math.sin(x / (210 - 40 * layer) + layer)) - 0.01 * chance.random()))
            for x in range(0, wide + 8, 8)
        ]
        pen.polygon([(0, high), *ridge, (wide, high)], tint)
    top = int(0.66 * high)
    mirrored = image.crop((0, 2 * top - high, wide, top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    image.paste(Image.blend(mirrored, Image.new("RGB", mirrored.size, (30, 44, 60)), 0.35), (0, top))
    for _ in range(900):
        x, y = chance.randrange(wide), chance.randrange(int(0.84 * high), high)
        tall = chance.randrange(30, 130)
        pen.line([(x, y), (x + chance.randrange(-25, 25), y - tall)], (chance.randrange(30, 120), 90, 40), 3)
    image = image.filter(ImageFilter.GaussianBlur(1))
    grain = np.random.default_rng(1).normal(0, 4, (high, wide, 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
