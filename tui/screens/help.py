"""The help dialog: what the screen is for, and every key that works there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from tui.i18n import t
from tui.keymap import bind, shown_text
from tui.screens.base import BaseDialog
from tui.widgets.key_footer import KeyFooter


class HelpDialog(BaseDialog[None]):
    """Shows a paragraph and a table of keys.

    Args:
        help_key: i18n key of the paragraph.
        active: the keys of the screen that asked.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("escape,f1,q,enter", "close", "app.key.close", id="help.close", priority=True)
    ]

    def __init__(self, help_key: str, active: Mapping[str, ActiveBinding]) -> None:
        super().__init__()
        self._help_key = help_key
        self._active = active

    def compose(self) -> ComposeResult:
        """Yield the paragraph and the keys."""
        with Vertical(classes="dialog -help"):
            yield Static(t("app.key.help"), classes="dialog-title")
            with VerticalScroll(classes="dialog-body"):
                yield Static(shown_text(self._help_key), markup=False, id="help-text")
                yield Static(self._keys(), id="help-keys")
        yield KeyFooter()

    def _keys(self) -> Table:
        table = Table.grid(padding=(0, 2))
        actions: dict[str, list[str]] = {}
        told: dict[str, str] = {}
        for found in sorted(self._active.values(), key=_rank):
            if found.binding.system or not found.binding.description:
                continue
            actions.setdefault(found.binding.action, []).append(self.app.get_key_display(found.binding))
            told[found.binding.action] = found.tooltip or found.binding.description
        for action, keys in actions.items():
            table.add_row(Text(" ".join(dict.fromkeys(keys)), style="bold"), Text(told[action]))
        return table

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)


def _rank(found: ActiveBinding) -> tuple[bool, bool, bool]:
    """Put the keys of the footer first, then the screen's others, and those that merely move about last."""
    return not found.binding.show, found.binding.id is None, not isinstance(found.node, Screen)
