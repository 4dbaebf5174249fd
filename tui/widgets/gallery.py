"""A wall of thumbnails with names and scores; those in sight are drawn first, and only what changes is painted."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, cast

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.strip import Strip

from engine.storage import disk_errors
from engine.thumbnails import Thumbnails
from tui.changed_cells import changed_regions
from tui.i18n import t
from tui.keymap import bind
from tui.photo_cells import photo_strips
from tui.photo_drawing import Stamp
from tui.picture_pool import PictureReady, Wish
from tui.picture_strip import JoinedStrip, is_plain
from tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from tui.app import BeholderApp

TILE = Size(20, 9)
"""Columns and rows of a tile, its gap and its caption included."""
_PICTURE = Size(18, 7)
_THUMBNAIL = (256, 256)
_KEPT = 600


class _Look(NamedTuple):
    """Sizes and styles of a gallery: each is wanted often, and asking Textual takes up to a tenth of a millisecond."""

    width: int
    columns: int
    tile_width: int
    plain: Style
    cursor: Style
    caption: Style
    waiting: Style


class Tile(NamedTuple):
    """A drawn thumbnail.

    Args:
        strips: its rows; None if the photo is broken.
        stamp: of the photo's file.
    """

    strips: list[Strip] | None
    stamp: Stamp | None


def draw_tile(
    path: Path, thumbnails: Thumbnails, known: Stamp | None, *, few_colours: bool, palette: bool
) -> Tile | None:
    """Draw a photo's thumbnail; takes a while, so call it in a thread.

    Args:
        path: the photo.
        thumbnails: where they are cached.
        known: of the file that was drawn before.
        few_colours: save bytes on a slow line.
        palette: use the 256-colour palette.

    Returns:
        The tile; None if the file is still the known one.

    Raises:
        BeholderError: the photo can't be read.
    """
    with disk_errors(path):
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp == known:
            return None
        image = thumbnails.read(path, _THUMBNAIL)
    return Tile(photo_strips(image, _PICTURE.width, _PICTURE.height, few_colours=few_colours, palette=palette), stamp)


class Gallery(RowList[Any]):
    """Thumbnails in rows, with a cursor.

    Args:
        key: gives a row its name.
        caption: gives a row's name and what stands right of it (score, flag, mark), as they are shown.
        path: gives a row's photo.
        folder: where thumbnails are cached; None: nowhere.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"gallery--cursor", "gallery--caption", "gallery--waiting"}
    DEFAULT_CSS = """
    Gallery {
        height: 1fr; width: 1fr; background: $surface; color: $foreground;
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .gallery--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
        & > .gallery--caption { color: $text-muted; }
        & > .gallery--waiting { color: $text-disabled; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("up", "row(-1)", "app.key.up", id="gallery.up", show=False),
        bind("down", "row(1)", "app.key.down", id="gallery.down", show=False),
        bind("left", "move(-1)", "app.key.left", id="gallery.left", show=False),
        bind("right", "move(1)", "app.key.right", id="gallery.right", show=False),
    ]

    def __init__(
        self,
        key: Callable[[Any], str],
        caption: Callable[[Any], tuple[str, str]],
        path: Callable[[Any], Path],
        folder: Path | None,
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(key, id=id)
        self._caption, self._path_of = caption, path
        self._thumbnails = Thumbnails(folder)
        self._tiles: OrderedDict[str, Tile] = OrderedDict()
        self._lines: list[Strip] = []
        self._look: _Look | None = None

    @property
    def columns(self) -> int:
        """How many tiles stand side by side."""
        return max(self.scrollable_content_region.width // TILE.width, 1)

    @property
    def _tile_width(self) -> int:
        """Columns of a tile: the room is shared out evenly."""
        return max(self.scrollable_content_region.width // self.columns, TILE.width)

    @property
    def loaded(self) -> frozenset[str]:
        """Names of the photos whose thumbnails are drawn, or known to be broken."""
        return frozenset(self._tiles)

    def set_rows(self, rows: Sequence[Any], *, select: str | None = None, cursor: int | None = None) -> None:
        """Show other rows; see `RowList.set_rows`."""
        super().set_rows(rows, select=select, cursor=cursor)
        self._want(check=True)

    def measure(self) -> None:
        """Set the virtual size from the number of tile rows."""
        lines = -(-len(self.rows) // self.columns) * TILE.height
        self.virtual_size = Size(self.scrollable_content_region.width, lines)

    def page_step(self) -> int:
        """Return how many tiles are seen at once."""
        return max(self.scrollable_content_region.height // TILE.height, 1) * self.columns

    def reveal(self) -> None:
        """Scroll so that the cursor's tile is seen."""
        first = self.cursor // self.columns * TILE.height
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if first < top:
            self.scroll_to(y=first, animate=False, force=True)
        elif first + TILE.height > top + height:
            self.scroll_to(y=first + TILE.height - height, animate=False, force=True)

    def action_row(self, step: int) -> None:
        """Move the cursor to the tile above or below."""
        wanted = self.cursor + step * self.columns
        if 0 <= wanted < len(self.rows):
            self.go_to(wanted)
        elif step > 0 and self.cursor // self.columns < (len(self.rows) - 1) // self.columns:
            self.go_to(len(self.rows) - 1)

    def on_resize(self, event: events.Resize) -> None:
        """Lay the tiles out again."""
        self.measure()
        self.reveal()
        self.refresh()
        self._want()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw what came into sight."""
        super().watch_scroll_y(old_value, new_value)
        self._want()

    async def on_unmount(self) -> None:
        """Want nothing more."""
        self._beholder.pictures.forget(self)
        await asyncio.to_thread(self._thumbnails.close)

    def row_region(self, index: int) -> Region | None:
        """Return the caption of a tile, all that changes with the cursor or a score; None if it is out of sight."""
        row, column = divmod(index, self.columns)
        line = row * TILE.height + _PICTURE.height - self.scroll_offset.y
        if not 0 <= line < self.scrollable_content_region.height:
            return None
        return Region(column * self._tile_width, line, self._tile_width, 1)

    def on_click(self, event: events.Click) -> None:
        """Highlight the clicked tile; a double click chooses it."""
        index = (event.y + self.scroll_offset.y) // TILE.height * self.columns + event.x // self._tile_width
        if event.x // self._tile_width >= self.columns or index >= len(self.rows):
            return
        if index == self.cursor and event.chain > 1:
            self.action_select()
        else:
            self.go_to(index)

    @property
    def _beholder(self) -> BeholderApp:
        return cast("BeholderApp", self.app)

    def _read_look(self) -> _Look:
        names = ("gallery--cursor", "gallery--caption", "gallery--waiting")
        styles = (self.rich_style, *(self.get_component_rich_style(name) for name in names))
        return _Look(self.scrollable_content_region.width, self.columns, self._tile_width, *styles)

    def _want(self, *, check: bool = False) -> None:
        """Ask for the tiles in sight, then for those of the next and the last page; forget what was asked before.

        Args:
            check: whether to look if the photos in sight are still those that were drawn.
        """
        height = self.scrollable_content_region.height
        if not self.is_mounted or not self.display or not height:
            return
        first = self.scroll_offset.y // TILE.height * self.columns
        last = -(-(self.scroll_offset.y + height) // TILE.height) * self.columns
        page = last - first
        seen: list[Any] = []
        known: list[Any] = []
        for row in self.rows[first:last]:
            (known if self._is_drawn(row) else seen).append(row)
        near = [*self.rows[last : last + page], *self.rows[max(first - page, 0) : first]]
        self._beholder.pictures.want(
            self,
            [self._wish(row) for row in (*seen, *(known if check else ()))],
            [self._wish(row) for row in near if not self._is_drawn(row)],
        )

    def _is_drawn(self, row: Any) -> bool:
        return self._key(row) in self._tiles

    def _wish(self, row: Any) -> Wish:
        name, path = self._key(row), self._path_of(row)
        tile = self._tiles.get(name)
        known = None if tile is None else tile.stamp
        few, palette = self._beholder.low_bandwidth, self.app.console.color_system == "256"
        draw = partial(draw_tile, path, self._thumbnails, known, few_colours=few, palette=palette)
        return Wish((name, path, known), draw)

    def on_picture_ready(self, ready: PictureReady) -> None:
        """Keep a tile and paint it, if it is in sight."""
        name, _, _ = cast("tuple[str, Path, Stamp | None]", ready.key)
        if ready.result is None and ready.problem is None:
            return
        tile = Tile(None, None) if ready.problem is not None else cast("Tile", ready.result)
        if self._tiles.get(name) == tile:
            return
        self._tiles[name] = tile
        self._tiles.move_to_end(name)
        while len(self._tiles) > _KEPT:
            self._tiles.popitem(last=False)
        first = self.scroll_offset.y // TILE.height * self.columns
        for place, row in enumerate(self.rows[first : first + self.page_step() + 2 * self.columns], first):
            if self._key(row) == name:
                top = place // self.columns * TILE.height - self.scroll_offset.y
                self.refresh(Region(0, top, self.size.width, _PICTURE.height))

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint what differs from what was painted last; within the regions, if there are any."""
        height = self.scrollable_content_region.height
        if not self.is_mounted or not repaint or layout or recompose:
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        before = self._lines
        if len(before) == height and regions:
            self._lines = list(before)
            for y in {y for region in regions for y in region.line_range if 0 <= y < height}:
                self._lines[y] = self.render_line(y)
        else:
            self._lines = [self.render_line(y) for y in range(height)]
        changed = changed_regions(before, self._lines)
        return super().refresh(*changed) if changed else self

    def notify_style_update(self) -> None:
        """Paint again in the new colours."""
        super().notify_style_update()
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return some lines as they are, past the copies that Textual makes of each cell for borders and filters."""
        if not is_plain(self) or len(self._lines) < crop.bottom:
            return super().render_lines(crop)
        x1, x2 = crop.column_span
        look = self._look or self._read_look()
        if self._lines[crop.y].cell_length != look.width:  # the scroll bar has come or gone: no resize tells it
            self._lines = [self.render_line(y) for y in range(len(self._lines))]
        beside = Strip.blank(max(crop.right - look.width, 0), look.plain)
        return [JoinedStrip([line, beside]).crop(x1, x2) for line in self._lines[crop.y : crop.bottom]]

    def render_line(self, y: int) -> Strip:
        """Return one line across all tiles of a tile row."""
        look = self._look or self._read_look()
        tile_row, line = divmod(y + self.scroll_offset.y, TILE.height)
        first = tile_row * look.columns
        parts: list[Strip] = []
        for index in range(first, min(first + look.columns, len(self.rows))):
            parts += self._tile_line(index, line, look)
        room = look.width - (len(parts) // 3) * look.tile_width
        return JoinedStrip([*parts, Strip.blank(max(room, 0), look.plain)]).crop(0, look.width)

    def _tile_line(self, index: int, line: int, look: _Look) -> list[Strip]:
        row, room = self.rows[index], look.tile_width - _PICTURE.width
        if line < _PICTURE.height:
            middle = self._picture_line(self._key(row), line, look)
        elif line == _PICTURE.height:
            middle = self._caption_line(row, look.cursor if index == self.cursor else look.caption)
        else:
            middle = Strip.blank(_PICTURE.width, look.plain)
        return [Strip.blank(room // 2, look.plain), middle, Strip.blank(room - room // 2, look.plain)]

    def _picture_line(self, name: str, line: int, look: _Look) -> Strip:
        width = _PICTURE.width
        tile = self._tiles.get(name)
        if tile is None or tile.strips is None:
            text = (t("app.gallery.broken") if tile is not None else "·") if line == 3 else ""
            waiting = Text(text)
            waiting.truncate(width)
            waiting.align("center", width)
            return Strip(Segment.apply_style(waiting.render(self.app.console, end=""), look.waiting), width)
        row = line - (_PICTURE.height - len(tile.strips))
        if not 0 <= row < len(tile.strips):
            return Strip.blank(width, look.plain)
        strip = tile.strips[row]
        left = (width - strip.cell_length) // 2
        right = width - left - strip.cell_length
        return JoinedStrip([Strip.blank(left, look.plain), strip, Strip.blank(right, look.plain)])

    def _caption_line(self, row: Any, style: Style) -> Strip:
        name, right = self._caption(row)
        text = Text(name)
        text.truncate(max(_PICTURE.width - cell_len(right) - 1, 0), overflow="ellipsis", pad=True)
        text.append(f" {right}", style="bold")
        text.truncate(_PICTURE.width)
        return Strip(Segment.apply_style(text.render(self.app.console, end=""), style), _PICTURE.width)
