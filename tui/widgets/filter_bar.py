"""The line in which a filter is typed, and beside it what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from tui.keymap import bind


class _Field(Input):
    """An input whose keys for leaving are told; it has no lines to scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("enter", "submit", "data.filter.keep", id="filter.keep"),
        bind("down", "screen.keep_filter", "data.filter.keep", id="filter.down", show=False),
        bind("escape", "screen.drop_filter", "data.filter.drop", id="filter.drop"),
    ]


class FilterBar(Horizontal):
    """Hidden until it is opened; Enter and down keep the filter and leave, Escape drops it.

    Args:
        hint: what can be typed, in the present language.
    """

    DEFAULT_CSS = """
    FilterBar { height: 1; background: $panel; padding: 0 1; }
    FilterBar .slash { width: 2; color: $primary; text-style: bold; }
    FilterBar Input { width: 1fr; background: $panel; }
    FilterBar .note { width: auto; max-width: 60%; padding: 0 0 0 2; color: $text-muted; }
    """

    @dataclass
    class Changed(Message):
        """Another filter was typed, or the same confirmed (`final`)."""

        text: str
        final: bool

    @dataclass
    class Left(Message):
        """The bar was left; the keyboard belongs to the list again."""

    def __init__(self, hint: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hint = hint
        self.display = False  # from its first moment, or a key pressed too early would filter

    def compose(self) -> ComposeResult:
        """Yield the sign, the input and the note."""
        yield Static("/", classes="slash")
        yield _Field(placeholder=self._hint, compact=True, select_on_focus=False)
        yield Static("", classes="note", markup=False)

    @property
    def field(self) -> Input:
        """The input."""
        return self.query_one(Input)

    def open(self) -> None:
        """Show the bar and type into it."""
        self.display = True
        self.field.focus()

    def restore(self, text: str) -> None:
        """Put a filter back without telling anybody."""
        with self.prevent(Input.Changed):
            self.field.value = text
        self.display = bool(text)

    def note(self, text: str) -> None:
        """Say what the filter found, or why a part of it counts for nothing."""
        self.query_one(".note", Static).update(Text(text, no_wrap=True, overflow="ellipsis"))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value, final=False))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Changed(event.value, final=True))
        self._leave()

    def drop(self) -> None:
        """Drop the filter."""
        with self.prevent(Input.Changed):
            self.field.value = ""
        self.post_message(self.Changed("", final=True))
        self._leave()

    def keep(self) -> None:
        """Keep the filter."""
        self._leave()

    def _leave(self) -> None:
        self.display = bool(self.field.value)
        self.post_message(self.Left())
