"""Keeps the pixels of photos where they belong among the cells that Textual paints.

Kitty's pictures lie in cells of their own and need only be sent before these are painted. Sixel has no memory: what
is written into a cell wipes the pixels there. So a Sixel picture lies over a photo drawn with cells; it is drawn at the
end of each frame that touched its place, unless something covers it: then the cells are what is seen.
"""

from __future__ import annotations

import itertools
import secrets
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.pixels.kitty import NUMBERS, deletion, diacritics, placeholder_strips, transmission
from tui.pixels.picture import Picture, Size, Way
from tui.terminal_probe import window_cell

if TYPE_CHECKING:
    from textual.app import App

    from tui.terminal_probe import Graphics

_USUAL_CELL = (10, 20)  # pixels; Kitty scales pictures, so the size of its cells need not be known


@dataclass(eq=False)
class _Shown:
    """What an owner shows.

    Args:
        picture: the pixels.
        strips: Kitty's cells.
        intact: whether a Sixel picture is on the screen as it was drawn.
    """

    picture: Picture
    strips: list[Strip] = field(default_factory=list)
    intact: bool = False


class PixelLayer:
    """The pixels of all photos of an app.

    Args:
        app: the app; its screen says what covers a photo.
        graphics: what the terminal can; `mode` must not be empty.
    """

    def __init__(self, app: App[None], graphics: Graphics) -> None:
        assert graphics.mode
        self.mode: Literal["kitty", "sixel"] = graphics.mode
        self._app = app
        self._cell: Size = graphics.cell if all(graphics.cell) else _USUAL_CELL
        self._window_cell = _window_cell()
        self._shown: dict[Widget, _Shown] = {}
        # a group of our own keeps the numbers apart from those of other programs in the same window
        group = secrets.randbelow(255) + 1
        self._numbers = itertools.cycle([group << 24 | number for number in NUMBERS])
        self._sent: dict[Widget, list[int]] = {}
        self._unsent: dict[int, str] = {}
        self._dropped: list[int] = []

    def way(self, paper: tuple[int, int, int], few_colours: bool = False) -> Way:
        """Return how a picture must be made for this terminal, as it is now.

        Args:
            paper: red, green and blue of what is behind the picture.
            few_colours: save bytes on a slow line.
        """
        cell, now = self._cell, _window_cell()
        if now is not None and now != self._window_cell:
            cell = now  # the person chose another size of letters
        return Way(self.mode, cell, paper if self.mode == "sixel" else (0, 0, 0), few_colours)

    def must_wipe(self, owner: Widget, picture: Picture | None) -> bool:
        """Say whether a widget must be painted as a whole to show a picture instead of the one that is there."""
        shown = self._shown.get(owner)
        return self.mode == "sixel" and picture != (shown.picture if shown is not None else None)

    def put(self, owner: Widget, picture: Picture | None) -> list[Strip] | None:
        """Show a picture in the middle of a widget instead of the one that is there.

        Args:
            owner: the widget.
            picture: the pixels; None: none any more.

        Returns:
            The cells that the widget must show in their place; None: those of its own.
        """
        shown = self._shown.get(owner)
        if picture is None or picture.mode != self.mode:
            if shown is not None:
                del self._shown[owner]
                self._drop(self._sent.pop(owner, []))
            return None
        if shown is None or shown.picture != picture:
            self._shown[owner] = shown = _Shown(picture)
            if self.mode == "kitty":
                shown.strips = self._send(owner, picture)
        return shown.strips or None

    def _send(self, owner: Widget, picture: Picture) -> list[Strip]:
        columns, rows = (min(length, len(diacritics())) for length in (picture.columns, picture.rows))
        in_use = set(itertools.chain.from_iterable(self._sent.values()))
        number = next(number for number in self._numbers if number not in in_use)
        sent = self._sent.setdefault(owner, [])
        sent.append(number)
        self._unsent[number] = transmission(number, picture.data, columns, rows)
        # The one before may be on the screen until the next frame is painted; those before it are not.
        self._drop(sent[:-2])
        del sent[:-2]
        return placeholder_strips(number, columns, rows)

    def _drop(self, numbers: list[int]) -> None:
        self._dropped += [number for number in numbers if self._unsent.pop(number, None) is None]

    def over(self, update: CompositorUpdate) -> CompositorUpdate:
        """Return a frame of Textual's with the pixels that belong to it."""
        return _Frame(self, update) if self._shown or self._unsent or self._dropped else update

    def before(self) -> str:
        """Return what must be sent before a frame."""
        text = "".join([*self._unsent.values(), *map(deletion, self._dropped)])
        self._dropped.clear()
        self._unsent.clear()
        return text

    def after(self, update: CompositorUpdate) -> str:
        """Return what must be sent after a frame: the Sixel pictures that it wiped, if nothing covers them."""
        if self.mode != "sixel":
            return ""
        parts = []
        for owner, shown in self._shown.items():
            place = self._place(owner, shown.picture)
            if place is None or _touches(update, place):
                shown.intact = False
            if place is not None and not shown.intact and not self._is_covered(owner, place):
                shown.intact = True
                parts.append(f"\x1b7\x1b[{place.y + 1};{place.x + 1}H{shown.picture.data}\x1b8")
        return "".join(parts)

    def farewell(self) -> str:
        """Return what makes the terminal forget all pictures; send it when the app has left the screen."""
        return "".join(map(deletion, itertools.chain(self._dropped, *self._sent.values())))

    def _place(self, owner: Widget, picture: Picture) -> Region | None:
        """Return where on the screen a picture lies; None if it can't be seen there as a whole."""
        screen = self._app.screen
        if not owner.is_attached or owner.screen is not screen or not owner.is_on_screen:
            return None
        room = owner.content_region
        left, above = (room.width - picture.columns) // 2, (room.height - picture.rows) // 2
        place = Region(room.x + left, room.y + above, picture.columns, picture.rows)
        # a picture that ends in the last line would make the terminal scroll
        usable = Region(0, 0, screen.size.width, screen.size.height - 1)
        seen = screen.find_widget(owner).visible_region.intersection(usable)
        return place if left >= 0 and above >= 0 and seen.contains_region(place) else None

    def _is_covered(self, owner: Widget, place: Region) -> bool:
        """Say whether another widget, such as a notice, is in front of a picture."""
        screen = owner.screen
        depth = screen.find_widget(owner).order
        for widget in screen.walk_children(Widget):
            if widget is owner or not (widget.is_on_screen and widget.visible):
                continue
            geometry = screen.find_widget(widget)
            if geometry.order > depth and geometry.visible_region.overlaps(place):
                return True
        return False


class _Frame(CompositorUpdate):
    """A frame of Textual's, and the pixels before and after it."""

    def __init__(self, layer: PixelLayer, update: CompositorUpdate) -> None:
        self._layer = layer
        self._update = update

    def render_segments(self, console: Console) -> str:
        before = self._layer.before()
        cells = self._update.render_segments(console)
        return before + cells + self._layer.after(self._update)


def _touches(update: CompositorUpdate, place: Region) -> bool:
    if not isinstance(update, ChopsUpdate):
        return True
    return any(place.y <= y < place.bottom and x1 < place.right and x2 > place.x for y, x1, x2 in update.spans)


def _window_cell() -> Size | None:
    try:
        return window_cell(sys.__stdout__.fileno()) if sys.__stdout__ is not None else None
    except (OSError, ValueError):  # it is closed, or no file
        return None
