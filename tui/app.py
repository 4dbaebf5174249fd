"""The app: opens the rooms lazily, and keeps theme and language; what runs behind them is in `background`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import ClassVar

from rich.console import RenderableType
from textual import events
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from engine.errors import BeholderError
from engine.workspace import Workspace
from tui.background import BackgroundApp
from tui.commands_palette import BeholderCommands
from tui.i18n import language_of_terminal, set_language, t
from tui.keymap import APP_BINDINGS
from tui.lean_update import lean
from tui.pixels.app import PixelApp
from tui.screens.base import BaseScreen
from tui.terminal_probe import CELL_MODES, Graphics
from tui.theme import DARK, LIGHT

_ROOMS = {
    "home": ("tui.screens.home", "HomeScreen"),
    "import": ("tui.screens.importing", "ImportScreen"),
    "data": ("tui.screens.data", "DataScreen"),
    "train": ("tui.screens.train", "TrainScreen"),
    "predict": ("tui.screens.predict", "PredictScreen"),
    "models": ("tui.screens.models", "ModelsScreen"),
    "jobs": ("tui.screens.jobs", "JobsScreen"),
}
_STYLES = ("home", "importing", "data", "scoring_mode", "train", "predict", "models", "jobs")


class BeholderApp(PixelApp, BackgroundApp):
    """The full-screen app on one workspace.

    Args:
        workspace: where the photos, scores and models are.
        language: ``en`` or ``zh``; None means: as saved in the workspace, else as the terminal says.
        pictures: how photos are drawn: ``half``, ``quadrant``, ``kitty`` or ``sixel``; None means: as saved in the
            workspace, but never with pixels.
        low_bandwidth: send as little as possible: no animations, fewer colours, smaller photos.
        graphics: what the terminal answered; ``kitty`` and ``sixel`` need it.
    """

    TITLE = "beholder"
    # all at once: a screen that brought its own would have everything styled anew when it is opened
    CSS_PATH = ["app.tcss", *(f"screens/{name}.tcss" for name in _STYLES)]  # noqa: RUF012  (Textual's own signature)
    BINDINGS: ClassVar[list[BindingType]] = APP_BINDINGS
    COMMANDS = {BeholderCommands}  # noqa: RUF012  (Textual's own signature)

    def __init__(
        self,
        workspace: Workspace,
        language: str | None = None,
        *,
        pictures: str | None = None,
        low_bandwidth: bool = False,
        graphics: Graphics | None = None,
    ) -> None:
        super().__init__(workspace)
        self.prepare_pictures(pictures or "half", low_bandwidth, graphics)
        self._asked_pictures = pictures
        self.rooms: dict[str, BaseScreen] = {}
        self._asked_language = language
        self._early_error: BeholderError | None = None

    def get_default_screen(self) -> BaseScreen:
        """Return Home, after the settings chose language and theme."""
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        saved = ""
        try:
            settings = self.workspace.settings()
            saved = settings.language
            if settings.theme in self.available_themes:
                self.theme = settings.theme
            if self._asked_pictures is None and settings.pictures in CELL_MODES:
                self.pictures_mode = settings.pictures
        except BeholderError as error:
            self._early_error = error
        set_language(self._asked_language or saved or language_of_terminal())
        return self.room("home")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Keep a cursor from blinking over a slow line."""
        if self.low_bandwidth and isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    async def on_mount(self) -> None:
        """Pick up the jobs that still run."""
        if self._early_error is not None:
            self.show_error(self._early_error)
        self.in_background(self.follow_running_jobs, "jobs")
        self.in_background(self.import_ahead([module for module, _ in _ROOMS.values()]), "ahead")
        self.call_after_refresh(self.settle)

    def room(self, area: str) -> BaseScreen:
        """Return the screen of an area; it is imported and made when it is first wanted, then kept."""
        if area not in self.rooms:
            module, name = _ROOMS[area]
            self.rooms[area] = getattr(importlib.import_module(module), name)()
            if area != "home":
                self.install_screen(self.rooms[area], area)
        return self.rooms[area]

    def go(self, area: str) -> None:
        """Show a room: home, import, data, train, predict, models or jobs."""
        if isinstance(self.screen, BaseScreen) and self.screen.area == area:
            return
        is_new = area not in self.rooms
        wanted = self.room(area)
        while self.screen is not wanted and len(self.screen_stack) > 1:
            self.pop_screen()
        if self.screen is not wanted:
            self.push_screen(area)
        if is_new:
            self.call_after_refresh(self.settle)

    def open_scoring(self, names: Sequence[str] | None = None, at: str | None = None) -> None:
        """Score photos one by one, as large as the screen; escape leads back here.

        Args:
            names: which photos, in which order; None for all.
            at: the photo to begin with.
        """
        from tui.screens.scoring_mode import ScoringMode

        while not isinstance(self.screen, BaseScreen):
            self.pop_screen()
        if not isinstance(self.screen, ScoringMode):
            self.push_screen(ScoringMode(names, at))

    def action_score(self) -> None:
        """Open the scoring mode, unless a dialog waits for an answer."""
        if isinstance(self.screen, BaseScreen):
            self.open_scoring()

    def action_go(self, area: str) -> None:
        """Show a room, unless a dialog waits for an answer."""
        if isinstance(self.screen, BaseScreen):
            self.go(area)

    def action_home(self) -> None:
        """Go back to Home."""
        self.action_go("home")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out the key to Home at Home."""
        at_home = isinstance(self.screen, BaseScreen) and self.screen.area == "home"
        return not (action == "home" and at_home)

    def action_help(self) -> None:
        """Show what this screen is for, and its keys."""
        from tui.screens.help import HelpDialog

        if isinstance(self.screen, BaseScreen):
            self.push_screen(HelpDialog(self.screen.help_key, self.screen.active_bindings))

    def action_command_palette(self) -> None:
        """Open the palette, its hint in the present language."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=t("app.command.search"), id="--command-palette"))

    async def use_language(self, language: str) -> None:
        """Switch the language now, and remember it in the workspace."""
        set_language(language)
        others = [screen for screen in self.screen_stack if isinstance(screen, BaseScreen)]
        for screen in dict.fromkeys([*self.rooms.values(), *others]):
            await screen.retranslate()
        self.remember(language=language)

    def use_pictures(self, mode: str) -> bool:
        """Draw photos in another way, and remember it in the workspace."""
        is_possible = super().use_pictures(mode)
        if is_possible:
            self.remember(pictures=mode)
        return is_possible

    def use_theme(self, theme: str) -> None:
        """Switch the theme now, and remember it in the workspace."""
        self.theme = theme
        self.remember(theme=theme)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, lean(renderable))
