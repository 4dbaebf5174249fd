"""The app: opens the rooms lazily, and keeps theme and language; what runs behind them is in `background`."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.console import RenderableType
from textual import events
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Input

from engine.errors import BeholderError
from engine.workspace import Workspace
from tui.background import PAUSE_SECONDS, BackgroundApp
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
_LATER = ("importing", "data", "scoring_mode", "train", "predict", "models", "jobs")
_LATER_STYLES = ["dialogs/dialogs.tcss", *(f"screens/{name}.tcss" for name in _LATER)]


class BeholderApp(PixelApp, BackgroundApp):
    """The full-screen app on one workspace.

    Args:
        workspace: where the photos, scores and models are.
        language: ``en`` or ``zh``; None means: as saved in the workspace, else as the terminal says.
        pictures: how photos are drawn: ``half``, ``quadrant``, ``exact``, ``kitty`` or ``sixel``; None means: as
            saved in the workspace, but never with pixels.
        low_bandwidth: send as little as possible: no animations, fewer colours, smaller photos.
        graphics: what the terminal answered; ``kitty`` and ``sixel`` need it.
    """

    TITLE = "beholder"
    # what the first frame needs; see `complete_styles` for the rest
    CSS_PATH = ["app.tcss", "screens/home.tcss"]  # noqa: RUF012  (Textual's own signature)
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
        chosen = DARK.name
        saved = ""
        try:
            settings = self.workspace.settings()
            saved = settings.language
            if settings.theme in self.available_themes:
                chosen = settings.theme
            if self._asked_pictures is None and settings.pictures in CELL_MODES:
                self.pictures_mode = settings.pictures
        except BeholderError as error:
            self._early_error = error
        self._begin_with(chosen)
        set_language(self._asked_language or saved or language_of_terminal())
        return self.room("home")

    def _begin_with(self, theme: str) -> None:
        """Take a theme before there is anything to be styled: a change of it would have all styles parsed twice."""
        self.set_reactive(BeholderApp.theme, theme)
        is_dark = self.current_theme.dark
        self.set_class(is_dark, "-dark-mode", update=False)
        self.set_class(not is_dark, "-light-mode", update=False)
        self.set_class(True, f"-theme-{theme}", update=False)
        self._refresh_truecolor_filter(self.ansi_theme)
        self.stylesheet.set_variables(self.get_css_variables())

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Keep a cursor from blinking over a slow line."""
        if self.low_bandwidth and isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    async def on_mount(self) -> None:
        """Pick up the jobs that still run."""
        if self._early_error is not None:
            self.show_error(self._early_error)
        self.call_after_refresh(self._begin_work)  # nothing of which the first frame needs

    def _begin_work(self) -> None:
        self.in_background(self.follow_running_jobs, "jobs")
        self.in_background(self._prepare_rooms, "ahead")
        self.settle()

    async def _prepare_rooms(self) -> None:
        for style in _LATER_STYLES:
            await asyncio.sleep(PAUSE_SECONDS)
            self.complete_styles([style])
        await self.import_ahead([module for module, _ in _ROOMS.values()])

    def complete_styles(self, styles: Sequence[str] = _LATER_STYLES) -> None:
        """Read styles that no widget of Home uses; those there are need not be styled anew, therefore.

        Were each screen to bring its own, everything would be when it is opened.
        """
        files = [str(Path(__file__).parent / style) for style in styles]
        missing = [file for file in files if not self.stylesheet.has_source(file)]
        for file in missing:
            self.stylesheet.read(file)
        if missing:
            self.stylesheet.parse()

    def _load_screen_css(self, screen: Screen[object]) -> None:
        if not (isinstance(screen, BaseScreen) and screen.area == "home"):
            self.complete_styles()
        super()._load_screen_css(screen)

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
