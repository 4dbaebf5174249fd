"""The least that Textual can show: ``python -m benchmarks.bare_app``."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class BareApp(App[None]):
    """One line of text."""

    def compose(self) -> ComposeResult:
        """Yield the line."""
        yield Static("This app is bare.")


if __name__ == "__main__":
    BareApp().run()
