"""What the command palette (ctrl+p) offers: the rooms, the language, the theme, how photos are drawn, help and quit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.i18n import t
from tui.keymap import AREAS, shown_text
from tui.theme import DARK, LIGHT

if TYPE_CHECKING:
    from tui.app import BeholderApp


class BeholderCommands(Provider):
    """All commands of the app, named in the present language."""

    def _offers(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        app = cast("BeholderApp", self.app)
        for area in ("home", *AREAS):
            yield shown_text(f"app.area.{area}"), shown_text(f"app.area.{area}_tip"), partial(app.go, area)
        yield t("scoring.key.open"), t("scoring.key.open_tip"), app.open_scoring
        yield t("app.command.english"), t("app.command.english_tip"), partial(app.use_language, "en")
        yield t("app.command.chinese"), t("app.command.chinese_tip"), partial(app.use_language, "zh")
        yield t("app.command.dark"), t("app.command.dark_tip"), partial(app.use_theme, DARK.name)
        yield t("app.command.light"), t("app.command.light_tip"), partial(app.use_theme, LIGHT.name)
        for mode in ("half", "quadrant", "exact", "auto"):
            yield t(f"pixels.command.{mode}"), t(f"pixels.command.{mode}_tip"), partial(app.use_pictures, mode)
        yield t("cache.command"), t("cache.command_tip"), partial(_open_cache, app)
        yield t("app.key.help"), t("app.key.help_tip"), app.action_help
        yield t("app.key.quit"), t("app.key.quit_tip"), app.action_quit

    async def discover(self) -> Hits:
        """Yield everything while nothing is typed yet."""
        for name, help_text, run in self._offers():
            yield DiscoveryHit(name, run, help=help_text)

    async def search(self, query: str) -> Hits:
        """Yield what matches the typed text."""
        matcher = self.matcher(query)
        for name, help_text, run in self._offers():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=help_text)


def _open_cache(app: BeholderApp) -> None:
    from tui.dialogs.cache import open_cache

    open_cache(app)
