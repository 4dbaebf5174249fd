"""Reads a photo and draws the part of it that is asked for; all of this is done in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from textual.strip import Strip

from engine.images import ImageInfo, open_image, read_info
from engine.storage import disk_errors
from tui.photo_cells import Cells, cell_strips, fitted
from tui.photo_view import WHOLE, Size, View, box, fitting
from tui.pixels.picture import Picture, Way, encoded

Stamp = tuple[int, int]
"""Time of the last change (ns) and bytes of a file: another one means another picture."""

Paint = Callable[[Image.Image], Image.Image]
"""Draws something over a photo, as a picture of the same size; hashable, and equal ones paint the same."""


@dataclass(frozen=True)
class Request:
    """What is to be drawn.

    Args:
        path: the photo.
        columns: room in columns, at least 1.
        rows: room in rows, at least 1.
        cells: kind of cells.
        view: which part of the photo.
        few_colours: save bytes on a slow line.
        palette: use the 256-colour palette, for terminals that know no other colours.
        pixels: how to draw real pixels over the cells; None: cells alone.
        paint: drawn over the photo; not where only a part of it is seen.
    """

    path: Path
    columns: int
    rows: int
    cells: Cells = "half"
    view: View = WHOLE
    few_colours: bool = False
    palette: bool = False
    pixels: Way | None = None
    paint: Paint | None = None

    @property
    def dots(self) -> Size:
        """Width and height of the room in dots: the half cells, or real pixels, that one pixel fills at 100 %."""
        wide, high = self.pixels.cell if self.pixels is not None else (1, 2)
        return wide * self.columns, high * self.rows


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawn photo.

    Args:
        strips: one a row; at most as many and as wide as the room.
        info: size, date, camera and so on of the photo.
        stamp: of the file when it was read.
        picture: the same in real pixels, if they were asked for.
    """

    strips: list[Strip]
    info: ImageInfo
    stamp: Stamp
    picture: Picture | None = None

    @property
    def size(self) -> Size:
        """Width and height of the photo, in pixels."""
        return self.info.width, self.info.height


class FullSize:
    """Keeps one photo decoded at its full size, so that moving about in it is quick."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Path, Stamp, Image.Image] | None = None
        self._cleared = 0

    def read(self, path: Path, stamp: Stamp) -> Image.Image:
        """Return the photo; it is decoded only if it is not the one that is kept."""
        with self._lock:
            if (kept := self._kept) is not None and kept[:2] == (path, stamp):
                return kept[2]
            self._kept = kept = None  # give its memory back before the next one takes as much
            cleared = self._cleared
            image = open_image(path)
            if cleared == self._cleared:
                self._kept = (path, stamp, image)
            return image

    def clear(self) -> None:
        """Give the memory back; what is being decoded is then not kept. Never waits."""
        self._cleared += 1
        self._kept = None


def draw(request: Request, full: FullSize, known: Stamp | None = None) -> Drawing | None:
    """Read a photo and draw what is asked for.

    Args:
        request: what is asked for.
        full: keeps the whole photo while it is zoomed.
        known: of a drawing of this request that is kept already.

    Returns:
        The drawing; None if the file is still the known one.

    Raises:
        BeholderError: the photo can't be read; the message says why.
    """
    with disk_errors(request.path):
        status = request.path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == known:
            return None
        info = read_info(request.path)
        if request.pixels is not None:
            picture, strips = _pixels(request, request.pixels, full, stamp)
            return Drawing(strips, info, stamp, picture)
        strips = _zoomed(request, full.read(request.path, stamp)) if request.view.scale else _whole(request)
    return Drawing(strips, info, stamp)


def _whole(request: Request) -> list[Strip]:
    image = _painted(request, open_image(request.path, target=(4 * request.columns, 8 * request.rows)))
    half_cells = fitted(image.size, request.columns, request.rows)
    return cell_strips(image, half_cells, request.cells, few_colours=request.few_colours, palette=request.palette)


def _painted(request: Request, image: Image.Image) -> Image.Image:
    return image if request.paint is None else request.paint(image)


def _zoomed(request: Request, image: Image.Image) -> list[Strip]:
    scale = request.view.scale
    part = image.crop(box(request.view, image.size, request.dots))
    wide, high = (
        max(min(round(length * scale), room), 1) for length, room in zip(part.size, request.dots, strict=True)
    )
    # From 100 % on each pixel is one half cell: quadrants could show no more, and who looks so near means its colour.
    cells: Cells = "exact" if scale >= 1 else request.cells
    return cell_strips(part, (wide, high), cells, few_colours=request.few_colours, palette=request.palette)


def _pixels(request: Request, way: Way, full: FullSize, stamp: Stamp) -> tuple[Picture, list[Strip]]:
    """Draw real pixels, and below them cells for whatever hides the pixels."""
    scale = request.view.scale
    if scale:
        image = full.read(request.path, stamp)
        part = image.crop(box(request.view, image.size, request.dots))
    else:
        part = _painted(request, open_image(request.path, target=request.dots))
        scale = fitting(part.size, request.dots)
    wide, high = (
        max(min(round(length * scale), room), 1) for length, room in zip(part.size, request.dots, strict=True)
    )
    picture = encoded(part.resize((wide, high), Image.Resampling.LANCZOS, reducing_gap=3.0), way)
    room = (picture.columns, 2 * picture.rows)
    strips = cell_strips(part, room, "half", few_colours=request.few_colours, palette=request.palette)
    return picture, strips
