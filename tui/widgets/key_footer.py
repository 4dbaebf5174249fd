"""The line of keys, which is made anew only where a key, its text or its state changed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer


class KeyFooter(Footer):
    """Textual's footer, more seldom: that makes all of its widgets again whenever keys might have changed.

    Args:
        at_once: whether to show keys in the first frame already, where Textual's waits for the first news of them; only
            for screens that can tell which keys work before their widgets are there.
    """

    def __init__(self, at_once: bool = False) -> None:
        super().__init__(show_command_palette=False, compact=True)
        self._shown: list[tuple[object, ...]] = []
        self.set_reactive(Footer._bindings_ready, at_once)

    def _wanted(self) -> list[tuple[object, ...]]:
        return [
            (found.binding.key, found.binding.action, found.binding.description, found.enabled, found.tooltip)
            for found in self.screen.active_bindings.values()
            if found.binding.show
        ]

    def compose(self) -> ComposeResult:
        """Yield the keys."""
        if self._bindings_ready:
            self._shown = self._wanted()
        yield from super().compose()

    async def recompose(self) -> None:
        """Yield the keys again if they are others."""
        if self._shown != self._wanted():
            await super().recompose()
