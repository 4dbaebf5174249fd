"""Shows one photo as large as the widget is, or zoomed; a broken photo shows the reason."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.images import ImageInfo
from tui.changed_cells import changed_regions
from tui.i18n import say, t
from tui.photo_cells import Cells
from tui.photo_drawing import Drawing, FullSize, Paint, Request, draw
from tui.photo_view import WHOLE, View, moved, zoomed
from tui.picture_pool import PictureReady, Wish
from tui.picture_strip import JoinedStrip, is_plain

if TYPE_CHECKING:
    from tui.app import BeholderApp

_KEPT = 16
_KEPT_PIXELS = 6
"""Real pixels take about a megabyte each."""
_FAR = 99
"""More steps of the zoom than there are."""
_SMALLER = 0.75
"""Part of the width and height that a photo gets on a slow line: little more than half the cells."""


class Photo(Widget):
    """A photo, its aspect kept, in the middle of the widget.

    It is drawn in the app's threads; a newer `show` makes an older one void; the last few drawings are kept.
    """

    DEFAULT_CSS = """
    Photo { width: 1fr; height: 1fr; color: $text-muted; }
    """

    cells: reactive[Cells | Literal["pixels"]] = reactive[Cells | Literal["pixels"]]("half", repaint=False)
    """Half or quadrant cells, or the terminal's real pixels."""

    @dataclass
    class Loaded(Message):
        """A photo, or another part of it, is on the screen; or the reason why it can't be.

        Args:
            photo: the widget.
            path: which photo.
            problem: why it can't be shown; empty if it is.
        """

        photo: Photo
        path: Path
        problem: str = ""

        @property
        def control(self) -> Photo:
            """The widget, for `@on` selectors."""
            return self.photo

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._path: Path | None = None
        self._neighbours: tuple[Path, ...] = ()
        self._view = WHOLE
        self._paint: Paint | None = None
        self._wanted: Request | None = None
        self._shown: Request | None = None
        self._drawing: Drawing | None = None
        self._problem = ""
        self._lines: list[Strip] = []
        self._style = Style.null()
        self._kept: OrderedDict[Request, Drawing] = OrderedDict()
        self._full = FullSize()

    @property
    def path(self) -> Path | None:
        """The photo that is shown or being loaded."""
        return self._path

    @property
    def problem(self) -> str:
        """Why the photo can't be shown; empty when it can, or while it loads."""
        return self._problem

    @property
    def is_loaded(self) -> bool:
        """Whether what is wanted is on the screen, or the reason why it can't be."""
        return self._path is None or (self._wanted is not None and self._wanted == self._shown)

    @property
    def info(self) -> ImageInfo | None:
        """Size, date, camera and so on of the photo that is on the screen; None while it loads, and if it is broken."""
        return self._drawing.info if self._drawing is not None and self.is_loaded else None

    @property
    def zoomed(self) -> bool:
        """Whether only a part of the photo is wanted, larger than the whole would be."""
        return bool(self._view.scale)

    @property
    def view_text(self) -> str:
        """The scale and what is in the middle, such as ``100 % · 50 % across, 40 % down``; empty when not zoomed."""
        if not self.zoomed:
            return ""
        scale, x, y = self._view
        percent = f"{100 * scale:.3g}"
        return t("pictures.view", percent=percent, across=round(100 * x), down=round(100 * y))

    def show(self, path: Path | None, neighbours: Sequence[Path] = ()) -> None:
        """Show another photo, the whole of it.

        Args:
            path: the photo; None empties the widget. The same photo again keeps its zoom.
            neighbours: what may be shown next, the likeliest first; drawn when there is nothing else to do.
        """
        if path != self._path:
            self._view = WHOLE
            self._full.clear()
        self._path, self._neighbours = path, tuple(neighbours)
        self._ask()

    def paint(self, paint: Paint | None) -> None:
        """Draw something over the photo from now on, or nothing; not while only a part of it is seen."""
        if paint != self._paint:
            self._paint = paint
            self._ask()

    def zoom(self, step: int) -> None:
        """Go some steps nearer, up to 100 % (one pixel of the photo on each half cell); or farther, if negative."""
        if self._shown is not None and self._drawing is not None and self._shown.path == self._path:
            self._look(zoomed(self._view, self._drawing.size, self._shown.dots, step))

    def toggle_zoom(self) -> None:
        """Switch between the whole photo and 100 %."""
        self.zoom(-_FAR if self.zoomed else _FAR)

    def pan(self, dx: int, dy: int) -> None:
        """Move about in a zoomed photo, by quarters of the widget; it stops at the photo's edges."""
        if self._shown is not None and self._drawing is not None and self._shown.path == self._path:
            self._look(moved(self._view, self._drawing.size, self._shown.dots, dx, dy))

    def on_resize(self, event: events.Resize) -> None:
        """Move what is there into the middle, and draw it at the new size."""
        if self._lines:
            self._lay_out()
        self._ask()

    def on_unmount(self) -> None:
        """Want nothing more."""
        self._beholder.pictures.forget(self)
        if (layer := self._beholder.pixel_layer) is not None:
            layer.put(self, None)

    def on_mount(self) -> None:
        """Begin in the way that the person chose."""
        self.cells = self._beholder.photo_cells[0]

    def next_cells(self) -> None:
        """Go on to the next way of drawing: half cells, quadrant cells, real pixels where the terminal has them."""
        ways = sorted(self._beholder.photo_cells, key=["half", "exact", "quadrant", "pixels"].index)
        self.cells = ways[(ways.index(self.cells) + 1) % len(ways)]

    def watch_cells(self) -> None:
        """Draw again with the other kind of cells."""
        self._ask()

    def notify_style_update(self) -> None:
        """Draw the empty places in the new colours."""
        super().notify_style_update()
        if self._lines and self.rich_style != self._style:
            self._lay_out()
        if self.cells == "pixels":
            self._ask()  # some of the background is part of the picture

    @property
    def _beholder(self) -> BeholderApp:
        return cast("BeholderApp", self.app)

    def _look(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self._ask()

    def _request(self, path: Path, view: View = WHOLE) -> Request:
        width, height = self.content_size
        if few := self._beholder.low_bandwidth:
            width, height = max(round(_SMALLER * width), 1), max(round(_SMALLER * height), 1)
        pixels = None
        if self.cells == "pixels" and (layer := self._beholder.pixel_layer) is not None:
            pixels = layer.way(self.background_colors[1].rgb, few)
        return Request(
            path,
            width,
            height,
            "half" if self.cells == "pixels" else self.cells,
            view,
            few,
            palette=self.app.console.color_system == "256",
            pixels=pixels,
        )

    def _ask(self) -> None:
        """Show what is wanted if it is drawn already; let the rest be drawn."""
        if not self.is_mounted or not all(self.content_size):
            return
        if self._path is None:
            self._beholder.pictures.forget(self)
            self._wanted = None
            self._put(None, None)
            return
        self._wanted = self._request(self._path, self._view)
        if self._paint is not None and self._view == WHOLE:
            self._wanted = replace(self._wanted, paint=self._paint)
        if self._wanted in self._kept:
            self._put(self._wanted, self._kept[self._wanted])
        near = [self._request(path) for path in self._neighbours]
        self._beholder.pictures.want(
            self, [self._wish(self._wanted)], [self._wish(request) for request in near if request not in self._kept]
        )

    def _wish(self, request: Request) -> Wish:
        kept = self._drawing if request == self._shown else self._kept.get(request)
        known = None if kept is None else kept.stamp
        return Wish((request, known), partial(draw, request, self._full, known))

    def on_picture_ready(self, ready: PictureReady) -> None:
        """Keep a drawing, and show it if it is the one that is wanted."""
        request, _ = cast("tuple[Request, object]", ready.key)
        if ready.result is not None and request.view == WHOLE:
            self._kept[request] = ready.result
            while len(self._kept) > (_KEPT if request.pixels is None else _KEPT_PIXELS):
                self._kept.popitem(last=False)
        if request == self._wanted:
            if ready.problem is not None:
                self._kept.pop(request, None)
                self._put(request, None, say(ready.problem.message))
            elif ready.result is not None:
                self._put(request, ready.result)

    def _put(self, request: Request | None, drawing: Drawing | None, problem: str = "") -> None:
        if request is not None and request in self._kept:
            self._kept.move_to_end(request)
        is_new = (self._shown, self._drawing, self._problem) != (request, drawing, problem)
        self._shown, self._drawing, self._problem = request, drawing, problem
        if is_new:
            self._lay_out()
            if request is not None:
                self.post_message(self.Loaded(self, request.path, problem))

    def _lay_out(self) -> None:
        """Put the drawing, or the reason why there is none, into the middle; paint the cells that change."""
        width, height = self.content_size
        self._style = style = self.rich_style
        strips = self._drawing.strips if self._drawing is not None else self._problem_strips(width)
        is_wiped = False
        if (layer := self._beholder.pixel_layer) is not None:
            picture = self._drawing.picture if self._drawing is not None else None
            is_wiped = layer.must_wipe(self, picture)
            strips = layer.put(self, picture) or strips
        above = max((height - len(strips)) // 2, 0)
        blank = Strip.blank(width, style)
        before = self._lines
        self._lines = [blank] * above + [_centred(strip, width, style) for strip in strips[:height]]
        self._lines += [blank] * (height - len(self._lines))
        if is_wiped:
            self.refresh()
        elif regions := changed_regions(before, self._lines):
            self.refresh(*regions)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return some rows as they are, past the copies that Textual makes of each cell for borders and filters."""
        x1, x2 = crop.column_span
        is_whole = len(self._lines) >= crop.bottom and self._lines[0].cell_length >= x2
        if not is_whole or not is_plain(self):
            return super().render_lines(crop)
        return [line.crop(x1, x2) for line in self._lines[crop.y : crop.bottom]]

    def render_line(self, y: int) -> Strip:
        """Return one row of the widget."""
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.content_size.width, self.rich_style)

    def _problem_strips(self, width: int) -> list[Strip]:
        if not self._problem or width < 4:
            return []
        lines = Text(f"{t('app.photo.broken')}\n{self._problem}").wrap(self.app.console, width - 2)
        style = self.rich_style
        return [Strip(Segment.apply_style(line.render(self.app.console, end=""), style)) for line in lines]


def _centred(strip: Strip, width: int, style: Style) -> Strip:
    left = max((width - strip.cell_length) // 2, 0)
    right = max(width - strip.cell_length - left, 0)
    return JoinedStrip([Strip.blank(left, style), strip, Strip.blank(right, style)]).crop(0, width)
