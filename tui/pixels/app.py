"""What an app needs for real pixels: the layer that draws them, the choice of a way, keys typed before the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.console import RenderableType
from textual import events
from textual._compositor import CompositorUpdate
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.screen import Screen

from tui.i18n import say, t
from tui.terminal_probe import CELL_MODES, Graphics, never_asked

if TYPE_CHECKING:
    from tui.pixels.layer import PixelLayer

PhotoCells = Literal["half", "quadrant", "exact", "pixels"]


class PixelApp(App[None]):
    """An app that can draw photos with real pixels."""

    pictures_mode: str = "half"
    """How photos are drawn: half, quadrant, exact, kitty or sixel."""
    low_bandwidth: bool = False
    """Whether as little as possible is to be sent."""
    graphics: Graphics | None = None
    """What the terminal answered, if it was asked."""
    pixel_layer: PixelLayer | None = None
    """What draws real pixels; None where the terminal has none or was not asked."""

    def prepare_pictures(self, mode: str, low_bandwidth: bool, graphics: Graphics | None) -> None:
        """Decide how photos are drawn; before the app runs.

        Args:
            mode: ``half``, ``quadrant``, ``exact``, ``kitty`` or ``sixel``.
            low_bandwidth: send as little as possible.
            graphics: what the terminal answered; without it no pixels are drawn.
        """
        self.low_bandwidth, self.graphics = low_bandwidth, graphics
        if low_bandwidth:
            self.animation_level = "none"
        if graphics is not None and graphics.mode:
            from tui.pixels.layer import PixelLayer

            self.pixel_layer = PixelLayer(self, graphics)
        self.pictures_mode = mode if mode in CELL_MODES or self.pixel_layer is not None else "half"

    @property
    def photo_cells(self) -> tuple[PhotoCells, ...]:
        """The ways in which a photo can be drawn here, the chosen one first."""
        half: PhotoCells = "exact" if self.pictures_mode == "exact" else "half"
        ways: list[PhotoCells] = [half, "quadrant"]
        if self.pixel_layer is not None:
            ways.append("pixels")
        chosen: PhotoCells = "quadrant" if self.pictures_mode == "quadrant" else half
        if self.pixel_layer is not None and self.pictures_mode not in CELL_MODES:
            chosen = "pixels"
        return (chosen, *(way for way in ways if way != chosen))

    async def on_mount(self) -> None:
        """Say why there are no pixels, if they were asked for; go on with what was typed before the start."""
        if self.graphics is None:
            return
        if self.graphics.notice and not self.graphics.mode:
            self.notify(say(self.graphics.reason), markup=False)
        if self.graphics.typed:
            self.call_after_refresh(self._press, self.graphics.typed.decode("utf-8", "ignore"))

    def _press(self, typed: str) -> None:
        for event in XTermParser().feed(typed):
            if isinstance(event, events.Key | events.Paste):
                self.post_message(event)

    def use_pictures(self, mode: str) -> bool:
        """Draw photos in another way from now on, if the terminal need not be asked first.

        Args:
            mode: ``half``, ``quadrant``, ``exact``, ``auto``, ``kitty`` or ``sixel``.

        Returns:
            Whether the choice is worth remembering: not where it could never work.
        """
        from tui.widgets.photo import Photo

        if mode not in CELL_MODES and self.pixel_layer is None:
            if (reason := never_asked()) is not None:
                self.notify(say(reason), severity="warning", markup=False)
                return False
            self.notify(t("pixels.notice.next_start"), markup=False)
            return True
        self.pictures_mode = mode if mode in CELL_MODES or self.pixel_layer is None else self.pixel_layer.mode
        for screen in [*self.screen_stack, *self._installed_screens.values()]:
            if isinstance(screen, Screen):
                for photo in screen.query(Photo):
                    photo.cells = self.photo_cells[0]
        return True

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if self.pixel_layer is not None and isinstance(renderable, CompositorUpdate):
            renderable = self.pixel_layer.over(renderable)
        super()._display(screen, renderable)
