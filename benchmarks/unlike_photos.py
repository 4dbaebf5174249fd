"""Pictures unlike any photo of the evaluation set, drawn on the spot: text, screens, charts, noise, drawings, scans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = (500, 400)
_TEXT = "light over a lens and its shadow falls between every frame that we keep or throw away in time"
_WORDS = _TEXT.split()
Picture = Image.Image
Random = np.random.Generator


def page_of_text(random: Random) -> Picture:
    """Return a page of black words on white."""
    image = Image.new("RGB", SIZE, "white")
    draw, size = ImageDraw.Draw(image), int(random.integers(10, 20))
    for y in range(20, SIZE[1] - 20, int(size * 1.35)):
        words = " ".join(random.choice(_WORDS, 12 if random.random() < 0.9 else 4))
        draw.text((25, y), words, fill=(20, 20, 20), font=ImageFont.load_default(size))
    return image


def screen(random: Random) -> Picture:
    """Return what looks like a window with a menu and cards."""
    dark = random.random() < 0.5
    back, card, ink = ((30, 32, 38), (50, 54, 62), (220,) * 3) if dark else ((240, 241, 244), (255,) * 3, (30,) * 3)
    image = Image.new("RGB", SIZE, back)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    draw.rectangle((0, 0, SIZE[0], 28), fill=tuple(random.integers(40, 120, 3).tolist()))
    for row in range(9):
        draw.text((10, 40 + row * 24), str(random.choice(_WORDS)).title(), fill=ink, font=font)
    for _ in range(int(random.integers(2, 5))):
        x, y = int(random.integers(120, 350)), int(random.integers(40, 300))
        width, height = int(random.integers(80, 200)), int(random.integers(40, 110))
        draw.rounded_rectangle((x, y, x + width, y + height), 6, fill=card, outline=(128, 128, 128))
        for line in range(height // 16):
            draw.text((x + 6, y + 4 + line * 15), " ".join(random.choice(_WORDS, 3)), fill=ink, font=font)
    draw.rounded_rectangle((400, 350, 480, 378), 5, fill=(40, 110, 220))
    return image


def noise(random: Random) -> Picture:
    """Return coloured or grey noise."""
    wide, high = SIZE
    if random.random() < 0.5:
        pixels = random.integers(0, 256, (high, wide, 3))
    else:
        grey = np.clip(random.normal(random.uniform(60, 190), random.uniform(20, 70), (high, wide, 1)), 0, 255)
        pixels = np.repeat(grey, 3, axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def line_drawing(random: Random) -> Picture:
    """Return thin black strokes, circles and boxes on white."""
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(5, 14))):
        points = [(float(x), float(y)) for x, y in random.random((int(random.integers(2, 6)), 2)) * SIZE]
        kind, width, (x, y) = int(random.integers(0, 3)), int(random.integers(1, 4)), points[0]
        reach = float(random.uniform(20, 120))
        if kind == 0:
            draw.line(points, fill="black", width=width)
        elif kind == 1:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline="black", width=width)
        else:
            draw.rectangle((x, y, x + reach, y + reach * 0.8), outline="black", width=width)
    return image


def scan(random: Random) -> Picture:
    """Return a grey slice on black, as a scanner of bodies would show it."""
    wide, high = SIZE
    y, x = np.mgrid[:high, :wide]
    middle = random.normal((wide / 2, high / 2), 10)
    reach = random.uniform((120, 140), (160, 180))
    away = ((x - middle[0]) / reach[0]) ** 2 + ((y - middle[1]) / reach[1]) ** 2
    pixels = np.where(away < 1, 0.35, 0.0)
    pixels[(away < 1) & (away > 0.88)] = 0.95
    for _ in range(int(random.integers(3, 8))):
        place, size = middle + random.uniform(-75, 75, 2), random.uniform(10, 45, 2)
        spot = np.exp(-(((x - place[0]) / size[0]) ** 2) - ((y - place[1]) / size[1]) ** 2)
        pixels += (away < 0.85) * spot * random.uniform(-0.3, 0.45)
    pixels += random.normal(0, 0.03, pixels.shape)
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(1.2)).convert("RGB")


def chart(random: Random) -> Picture:
    """Return axes with some lines or bars."""
    image = Image.new("RGB", SIZE, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    draw.line((50, 20, 50, 360, 480, 360), fill="black")
    for tick in range(7):
        draw.text((20, 355 - tick * 52), str(tick * 10), fill="black", font=font)
        draw.line((50, 360 - tick * 52, 480, 360 - tick * 52), fill=(220, 220, 220))
    for series in range(int(random.integers(1, 4))):
        colour = tuple(random.integers(0, 220, 3).tolist())
        heights = np.clip(300 - np.abs(np.cumsum(random.normal(0, 25, 12))), 20, 355).tolist()
        if random.random() < 0.5:
            draw.line([(55 + 38 * step, top) for step, top in enumerate(heights)], fill=colour, width=2)
        else:
            for step, top in enumerate(heights):
                draw.rectangle((60 + 34 * step + 9 * series, top, 68 + 34 * step + 9 * series, 360), fill=colour)
    return image


def pattern(random: Random) -> Picture:
    """Return one colour, a gradient, or a chequerboard."""
    wide, high = SIZE
    first, second = random.integers(0, 256, (2, 3))
    kind = int(random.integers(0, 3))
    y, x = np.mgrid[:high, :wide]
    if kind == 0:
        share = np.zeros((high, wide))
    elif kind == 1:
        share = x / wide
    else:
        cell = int(random.integers(6, 50))
        share = (y // cell + x // cell) % 2
    return Image.fromarray((first * (1 - share[..., None]) + second * share[..., None]).astype(np.uint8))


KINDS: Mapping[str, Callable[[Random], Picture]] = {
    "page of text": page_of_text,
    "screen": screen,
    "chart": chart,
    "scan": scan,
    "noise": noise,
    "pattern": pattern,
    "line drawing": line_drawing,
}


def draw_all(folder: Path, each: int) -> dict[str, list[Path]]:
    """Write some pictures of each kind into a folder and return their places by kind."""
    places: dict[str, list[Path]] = {}
    for kind, make in KINDS.items():
        for number in range(each):
            place = folder / f"{kind.replace(' ', '-')}-{number}.png"
            make(np.random.default_rng(number)).save(place)
            places.setdefault(kind, []).append(place)
    return places
