"""Home: the workspace's state and the next sensible step."""

from __future__ import annotations

from tui.screens.base import BaseScreen


class HomeScreen(BaseScreen):
    """The first screen."""

    area = "home"
    help_key = "app.help.home"
