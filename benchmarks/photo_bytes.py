"""What a photo costs on the line: ``python -m benchmarks.photo_bytes [--quick] [--picture FILE.png]``.

The plain way is rich-pixels, the same photos at the same size. ``--picture`` draws a made photo exactly, as it is sent
by default and over a slow line, side by side.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich_pixels import Pixels

from benchmarks.comparison import Comparison, machine, print_comparisons
from benchmarks.flip_picture import colours_of, draw_flip_picture
from benchmarks.labelling_album import draw_photo
from benchmarks.labelling_app import flip_bytes
from engine.images import find_images
from engine.workspace import Workspace
from tui.photo_cells import Cells, cell_strips, fitted

NAME = "Bytes for a photo"
_ROOM = (80, 40)
_STAGE = (80, 37)  # what the scoring mode leaves for the photo in a terminal of 80×40
_LOW = 0.75
_DEFAULT_MOST, _LOW_MOST = 0.6, 0.25
_COLOURS = Console(color_system="truecolor")


def compare(quick: bool) -> Iterator[Comparison]:
    """Draw photos into 80×40 cells, and flip through them in the real app on a pseudo-terminal."""
    with tempfile.TemporaryDirectory() as scratch:
        photos = _photos(Path(scratch), 8 if quick else 24)
        images = [_opened(photo) for photo in photos]
        plain = [_plain_bytes(image, _ROOM) for image in images]
        for name, few, most in (("by default", False, _DEFAULT_MOST), ("low bandwidth", True, _LOW_MOST)):
            ours = [_drawn(image, few) for image in images]
            ratio = statistics.median(sent / whole for (sent, _), whole in zip(ours, plain, strict=True))
            away = statistics.mean(distance for _, distance in ours)
            yield _line(
                f"a photo in 80×40 cells, {name}",
                statistics.median(plain),
                statistics.median(sent for sent, _ in ours),
                most,
                f"median ratio of {len(photos)} photos {ratio:.2f}; mean colour difference to the exact cells "
                f"{away:.2f} (CIE 1976){', three quarters as wide and high' if few else ''}",
            )
        yield from _flips(Path(scratch) / "album", photos, images)


def _flips(place: Path, photos: Sequence[Path], images: Sequence[Image.Image]) -> Iterator[Comparison]:
    workspace = Workspace(place)
    workspace.create()
    for number, photo in enumerate(photos):
        (workspace.data / f"IMG_{number:06d}.jpg").write_bytes(photo.read_bytes())
    plain = statistics.median(_plain_bytes(image, _STAGE) for image in images[1:])
    order = range(1, len(photos))
    for name, options, most in (
        ("by default", (), _DEFAULT_MOST),
        ("low bandwidth", ("--low-bandwidth",), _LOW_MOST),
    ):
        sent = flip_bytes(workspace, order, *options)
        yield _line(
            f"a flip in the scoring mode, 80×40, {name}",
            plain,
            sent,
            most,
            f"median of {len(order)} flips, all that the app wrote; plain: the photo alone, in the same room",
        )


def _line(what: str, plain: float, ours: float, most: float, remark: str) -> Comparison:
    return Comparison(what, "bytes", plain, ours, None, f"≤ {most:g} × plain", ours <= most * plain, remark)


def _photos(place: Path, count: int) -> list[Path]:
    """Return some photos, of all that there are, or made ones."""
    base = Path(os.environ.get("BEHOLDER_EVAL_DATA", "../shared/data")) / "photos"
    if base.is_dir() and (found := list(find_images(base))):
        return found[:: max(len(found) // count, 1)][:count]
    made = [place / f"made{number}.jpg" for number in range(count)]
    for number, photo in enumerate(made):
        draw_photo(photo, number, (1200, 900))
    return made


def _opened(photo: Path) -> Image.Image:
    with Image.open(photo) as image:
        return image.convert("RGB")


def _plain_bytes(image: Image.Image, room: tuple[int, int]) -> int:
    out = io.StringIO()
    small = image.resize(fitted(image.size, *room), Image.Resampling.LANCZOS)
    Console(file=out, color_system="truecolor", force_terminal=True, width=200).print(Pixels.from_image(small), end="")
    return len(out.getvalue().encode())


def _drawn(image: Image.Image, few: bool) -> tuple[int, float]:
    """Return the bytes of a photo, and how far its colours lie from the exact ones of the same cells."""
    room = (round(_LOW * _ROOM[0]), round(_LOW * _ROOM[1])) if few else _ROOM
    size = fitted(image.size, *room)
    strips = cell_strips(image, size, few_colours=few)
    exact: Cells = "exact"
    distance = colour_distance(colours_of(strips), colours_of(cell_strips(image, size, exact)))
    return sum(len(strip.render(_COLOURS).encode()) for strip in strips), float(distance.mean())


def colour_distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the CIE 1976 difference of two pictures: about 2 is what people begin to see.

    Args:
        one: (height, width, 3) uint8, sRGB.
        other: the same shape.

    Returns:
        (height, width) float64, at least 0.
    """
    found: NDArray[np.float64] = np.sqrt(((_lab(one) - _lab(other)) ** 2).sum(-1))
    return found


def _lab(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return L*, a*, b* of sRGB under D65 (CIE 15, IEC 61966-2-1)."""
    part = picture / 255.0
    linear = np.where(part > 0.04045, ((part + 0.055) / 1.055) ** 2.4, part / 12.92)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table, or draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photo_bytes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer photos")
    parser.add_argument("--picture", type=Path, help="draw this PNG instead")
    wanted = parser.parse_args(arguments)
    if wanted.picture is not None:
        draw_flip_picture(wanted.picture)
        return
    print_comparisons(f"{NAME}, {machine()}", list(compare(wanted.quick)))


if __name__ == "__main__":
    main(sys.argv[1:])
