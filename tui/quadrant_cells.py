"""Splits each cell of a picture into two colours and a shape of four corners, with Pillow's own arithmetic."""

from __future__ import annotations

from typing import Any, cast

from PIL import Image, ImageChops, ImageMath

SHAPES = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""The character for each sum of lit corners: 1 upper left, 2 upper right, 4 lower left, 8 lower right."""
_LETTERS = "abcd"


def split_cells(picture: Image.Image) -> tuple[bytes, Image.Image, Image.Image]:
    """Split the four corners of each cell at the middle of the colour channel in which they differ most.

    Args:
        picture: RGB, two pixels a cell in each direction; its sides are even.

    Returns:
        A place in `SHAPES` for each cell, row by row; the colours of the lit corners; those of the others (both RGB,
        one pixel a cell). Where all four are alike nothing is lit and both colours are the same.
    """
    corners = _corners(picture)
    lit = dict(zip(_LETTERS, _lit(corners), strict=True))
    shapes = _calculated(lambda of: of["a"] + 2 * of["b"] + 4 * of["c"] + 8 * of["d"], lit)
    count = _calculated(lambda of: of["a"] + of["b"] + of["c"] + of["d"], lit)
    inks, papers = [], []
    for channel in zip(*(corner.split() for corner in corners), strict=True):
        values = dict(zip("pqrs", channel, strict=True))
        total = _calculated(lambda of: of["p"] + of["q"] + of["r"] + of["s"], values, "I")
        over = _calculated(
            lambda of: of["a"] * of["p"] + of["b"] * of["q"] + of["c"] * of["r"] + of["d"] * of["s"], lit | values, "I"
        )
        named = {"total": total, "over": over, "count": count}
        paper = _calculated(lambda of: (of["total"] - of["over"]) / (4 - of["count"]), named)
        ink = _calculated(
            lambda of: of["over"] / of["max"](of["count"], 1) + (of["count"] == 0) * of["paper"],
            named | {"paper": paper},
        )
        inks.append(ink)
        papers.append(paper)
    return shapes.tobytes(), Image.merge("RGB", inks), Image.merge("RGB", papers)


def _corners(picture: Image.Image) -> list[Image.Image]:
    """Return the upper left, upper right, lower left and lower right pixel of each cell, as four pictures."""
    size = picture.width // 2, picture.height // 2
    # The middle of a new pixel lies between four old ones; the offsets choose which of them is taken.
    return [
        picture.transform(size, Image.Transform.AFFINE, (2, 0, x, 0, 2, y)) for y in (-0.5, 0.5) for x in (-0.5, 0.5)
    ]


def _lit(corners: list[Image.Image]) -> list[Image.Image]:
    """Return for each corner 1 where it lies above the middle of the widest channel, else 0."""
    most = least = corners[0]
    for corner in corners[1:]:
        most, least = ImageChops.lighter(most, corner), ImageChops.darker(least, corner)
    spreads = ImageChops.subtract(most, least).split()
    widest = ImageChops.lighter(ImageChops.lighter(spreads[0], spreads[1]), spreads[2])
    chosen = [ImageChops.subtract(widest, spread).point(lambda short: 0 if short else 255) for spread in spreads]

    def in_widest(picture: Image.Image) -> Image.Image:
        red, green, blue = picture.split()
        return Image.composite(red, Image.composite(green, blue, chosen[1]), chosen[0])

    middle = in_widest(ImageChops.add(most, least, 2))
    return [ImageChops.subtract(in_widest(corner), middle).point(lambda more: 1 if more else 0) for corner in corners]


def _calculated(formula: Any, images: dict[str, Image.Image], mode: str = "L") -> Image.Image:
    return cast(Image.Image, ImageMath.lambda_eval(lambda of: of["convert"](formula(of), mode), **images))
