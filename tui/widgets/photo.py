"""Shows one photo as large as the widget is; a broken photo shows the reason."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from rich.segment import Segment
from rich.text import Text
from textual import events, work
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.errors import BeholderError
from engine.images import open_image
from engine.storage import disk_error
from tui.i18n import say, t
from tui.photo_cells import Cells, photo_strips

_KEPT = 16
_SETTLE_SECONDS = 0.03
"""A held arrow key passes many photos; only one that stays this long is loaded."""

_Key = tuple[Path, int, int, int, str]


def render_photo(path: Path, columns: int, rows: int, cells: Cells = "half") -> list[Strip]:
    """Read a photo and draw it into columns × rows cells; takes a while, so call it in a thread.

    Raises:
        BeholderError: the photo can't be read; the message says why.
    """
    try:
        image = open_image(path, target=(4 * columns, 8 * rows))
    except OSError as error:
        raise disk_error(error, path) from error
    return photo_strips(image, columns, rows, cells)


class Photo(Widget):
    """A photo, its aspect kept, in the middle of the widget.

    Loads in a thread; a newer `show` makes an older one void; the last few drawings are kept.
    """

    DEFAULT_CSS = """
    Photo { width: 1fr; height: 1fr; color: $text-muted; }
    """

    cells: reactive[Cells] = reactive[Cells]("half")
    """Half or quadrant cells."""

    @dataclass
    class Loaded(Message):
        """A photo was drawn, or could not be.

        Args:
            photo: the widget.
            path: which photo.
            key: what was asked for; the widget ignores what it no longer wants.
            strips: the drawing; None when it failed.
            problem: why it failed.
        """

        photo: Photo
        path: Path
        key: tuple[Path, int, int, int, str]
        strips: list[Strip] | None
        problem: str = ""

        @property
        def control(self) -> Photo:
            """The widget, for `@on` selectors."""
            return self.photo

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._path: Path | None = None
        self._wanted: _Key | None = None
        self._strips: list[Strip] = []
        self._text = ""
        self._kept: OrderedDict[_Key, list[Strip]] = OrderedDict()

    @property
    def path(self) -> Path | None:
        """The photo that is shown or being loaded."""
        return self._path

    @property
    def problem(self) -> str:
        """Why the photo can't be shown; empty when it can, or while it loads."""
        return self._text

    @property
    def is_loaded(self) -> bool:
        """Whether the wanted photo is on the screen, or the reason why it can't be."""
        return self._wanted is None or self._wanted in self._kept or bool(self._text)

    def show(self, path: Path | None) -> None:
        """Show another photo; None empties the widget."""
        self._path = path
        self._request()

    def on_resize(self, event: events.Resize) -> None:
        """Draw again at the new size."""
        self._request()

    def watch_cells(self) -> None:
        """Draw again with the other kind of cells."""
        self._request()

    def _request(self) -> None:
        columns, rows = self.content_size.width, self.content_size.height
        if self._path is None:
            self._wanted, self._strips, self._text = None, [], ""
            self.refresh()
            return
        if columns < 1 or rows < 1:
            return
        try:
            stamp = self._path.stat().st_mtime_ns
        except OSError as error:
            self._wanted, self._strips, self._text = None, [], say(disk_error(error, self._path).message)
            self.refresh()
            return
        key = (self._path, stamp, columns, rows, self.cells)
        if key == self._wanted:
            return
        self._wanted = key
        if key in self._kept:
            self._put(key, self._kept[key], "")
        else:
            self._load(key, self.cells)

    @work(group="photo", exclusive=True)
    async def _load(self, key: _Key, cells: Cells) -> None:
        await asyncio.sleep(_SETTLE_SECONDS)
        path, _, columns, rows, _ = key
        try:
            strips = await asyncio.to_thread(render_photo, path, columns, rows, cells)
        except BeholderError as error:
            self.post_message(self.Loaded(self, path, key, None, say(error.message)))
        else:
            self.post_message(self.Loaded(self, path, key, strips))

    def on_photo_loaded(self, loaded: Photo.Loaded) -> None:
        """Keep the drawing, and show it if it is still wanted."""
        if loaded.strips is not None:
            self._kept[loaded.key] = loaded.strips
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        if loaded.key == self._wanted:
            self._put(loaded.key, loaded.strips or [], loaded.problem)

    def _put(self, key: _Key, strips: list[Strip], problem: str) -> None:
        if key in self._kept:
            self._kept.move_to_end(key)
        self._strips, self._text = strips, problem
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one row of the widget."""
        width, height = self.content_size.width, self.content_size.height
        style = self.rich_style
        strips = self._strips or self._text_strips(width)
        row = y - max((height - len(strips)) // 2, 0)
        if not 0 <= row < len(strips):
            return Strip.blank(width, style)
        strip = strips[row]
        left = max((width - strip.cell_length) // 2, 0)
        return Strip([Segment(" " * left, style), *strip]).adjust_cell_length(width, style)

    def _text_strips(self, width: int) -> list[Strip]:
        if not self._text or width < 4:
            return []
        lines = Text(f"{t('app.photo.broken')}\n{self._text}").wrap(self.app.console, width - 2)
        style = self.rich_style
        return [Strip(Segment.apply_style(line.render(self.app.console, end=""), style)) for line in lines]
