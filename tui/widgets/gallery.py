"""A wall of thumbnails with names and scores; only those in sight are loaded, in threads."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import events, work
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from engine.errors import BeholderError
from engine.images import thumbnail
from tui.i18n import t
from tui.keymap import bind
from tui.photo_cells import photo_strips
from tui.widgets.row_list import RowList

TILE = Size(20, 9)
"""Columns and rows of a tile, its gap and its caption included."""
_PICTURE = Size(18, 7)
_THUMBNAIL = (256, 256)
_KEPT = 600


def render_tile(path: Path, folder: Path) -> list[Strip]:
    """Draw a photo's thumbnail; takes a while, so call it in a thread.

    Args:
        path: the photo.
        folder: where thumbnails are cached.
    """
    return photo_strips(thumbnail(path, _THUMBNAIL, folder), _PICTURE.width, _PICTURE.height)


class Gallery(RowList[Any]):
    """Thumbnails in rows, with a cursor.

    Args:
        key: gives a row its name.
        caption: gives a row's name and score, as they are shown.
        path: gives a row's photo.
        folder: where thumbnails are cached.
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

    @dataclass
    class TileLoaded(Message):
        """A thumbnail was drawn; `strips` is None when the photo is broken."""

        name: str
        strips: list[Strip] | None

    def __init__(
        self,
        key: Callable[[Any], str],
        caption: Callable[[Any], tuple[str, str]],
        path: Callable[[Any], Path],
        folder: Path,
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(key, id=id)
        self._caption, self._path_of, self._folder = caption, path, folder
        self._tiles: OrderedDict[str, list[Strip] | None] = OrderedDict()

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
        self._load_visible()

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
        self._load_visible()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Load what came into sight."""
        super().watch_scroll_y(old_value, new_value)
        self._load_visible()

    def on_click(self, event: events.Click) -> None:
        """Highlight the clicked tile; a double click chooses it."""
        index = (event.y + self.scroll_offset.y) // TILE.height * self.columns + event.x // self._tile_width
        if event.x // self._tile_width >= self.columns or index >= len(self.rows):
            return
        if index == self.cursor and event.chain > 1:
            self.action_select()
        else:
            self.go_to(index)

    def _load_visible(self) -> None:
        if not self.is_mounted or not self.display or not self.scrollable_content_region.height:
            return
        first = self.scroll_offset.y // TILE.height * self.columns
        last = first + (self.scrollable_content_region.height // TILE.height + 2) * self.columns
        wanted = [(self._key(row), self._path_of(row)) for row in self.rows[first:last]]
        missing = [(name, path) for name, path in wanted if name not in self._tiles]
        if missing:
            self._load(missing)

    @work(group="gallery", exclusive=True)
    async def _load(self, missing: Sequence[tuple[str, Path]]) -> None:
        for name, path in missing:
            try:
                strips = await asyncio.to_thread(render_tile, path, self._folder)
            except (BeholderError, OSError):
                self.post_message(self.TileLoaded(name, None))
            else:
                self.post_message(self.TileLoaded(name, strips))

    def on_gallery_tile_loaded(self, loaded: Gallery.TileLoaded) -> None:
        """Keep the thumbnail and draw it."""
        self._tiles[loaded.name] = loaded.strips
        while len(self._tiles) > _KEPT:
            self._tiles.popitem(last=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one line across all tiles of a tile row."""
        width = self.scrollable_content_region.width
        tile_row, line = divmod(y + self.scroll_offset.y, TILE.height)
        first = tile_row * self.columns
        segments: list[Segment] = []
        for index in range(first, min(first + self.columns, len(self.rows))):
            segments += self._tile_line(index, line)
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _tile_line(self, index: int, line: int) -> list[Segment]:
        row, room = self.rows[index], self._tile_width - _PICTURE.width
        left, right = (Segment(" " * gap, self.rich_style) for gap in (room // 2, room - room // 2))
        if line < _PICTURE.height:
            middle = self._picture_line(self._key(row), line)
        elif line == _PICTURE.height:
            middle = self._caption_line(row, index == self.cursor)
        else:
            middle = [Segment(" " * _PICTURE.width, self.rich_style)]
        return [left, *middle, right]

    def _picture_line(self, name: str, line: int) -> list[Segment]:
        style, width = self.rich_style, _PICTURE.width
        strips = self._tiles.get(name)
        if strips is None:
            text = (t("app.gallery.broken") if name in self._tiles else "·") if line == 3 else ""
            waiting = Text(text)
            waiting.truncate(width)
            waiting.align("center", width)
            faint = self.get_component_rich_style("gallery--waiting")
            return list(Segment.apply_style(waiting.render(self.app.console, end=""), faint))
        row = line - (_PICTURE.height - len(strips))
        if not 0 <= row < len(strips):
            return [Segment(" " * width, style)]
        left = (width - strips[row].cell_length) // 2
        right = width - left - strips[row].cell_length
        return [Segment(" " * left, style), *strips[row], Segment(" " * right, style)]

    def _caption_line(self, row: Any, is_cursor: bool) -> list[Segment]:
        name, score = self._caption(row)
        style = self.get_component_rich_style("gallery--cursor" if is_cursor else "gallery--caption")
        text = Text(name)
        text.truncate(_PICTURE.width - len(score) - 1, overflow="ellipsis", pad=True)
        text.append(f" {score}", style="bold")
        return list(Segment.apply_style(text.render(self.app.console, end=""), style))
