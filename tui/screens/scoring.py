"""What Data and Import share: a list, one photo of it, and a score that is typed wherever the focus is in the list.

Digits are bindings like all other keys, so that a burst of keys over a slow line takes effect in the order in which it
was typed: the app runs one key's action after the other.
"""

from __future__ import annotations

import unicodedata
from abc import abstractmethod
from typing import Any, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType

from tui.keymap import bind
from tui.screens.base import BaseScreen
from tui.widgets.row_list import RowList
from tui.widgets.score_field import ScoreField

_CHARACTERS = {**{digit: digit for digit in "0123456789"}, "full_stop": ".", "comma": ".", "minus": "-"}


class ScoringScreen(BaseScreen):
    """A screen with `RowList`s of photos and one `ScoreField`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"type('{character}')", show=False) for key, character in _CHARACTERS.items()),
        bind("backspace", "erase", "app.score.erase", id="score.erase", show=False),
        bind("escape", "drop", "app.score.drop", id="score.drop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._looking: str | None = None

    async def retranslate(self) -> None:
        """Stay on the photo when the language changes."""
        kept = self._looking
        await super().retranslate()
        if self.is_mounted and kept is not None:
            self.redraw(select=kept)

    @property
    @abstractmethod
    def rows(self) -> RowList[Any]:
        """The list that is shown."""

    @property
    def field(self) -> ScoreField:
        """The score field."""
        return self.query_one(ScoreField)

    @abstractmethod
    def row_key(self, row: Any) -> str:
        """Return the name of a row."""

    def takes_score(self, row: Any) -> bool:
        """Say whether a row may have a score."""
        return True

    @abstractmethod
    def show_row(self, row: Any | None) -> None:
        """Show the photo of a row that was just highlighted."""

    @abstractmethod
    def give(self, key: str, score: float | None) -> None:
        """Give the row of this name a score."""

    @abstractmethod
    def redraw(self, select: str | None = None) -> None:
        """Show all rows again and go to the row of this name."""

    def look(self) -> None:
        """Bring field and photo up to the cursor; a valid score that was being typed for another row is given to it."""
        row, field = self.rows.row, self.field
        key = None if row is None else self.row_key(row)
        if key != self._looking:
            left, typed = self._looking, field.value() if field.is_typing else None
            self._looking = key
            field.show(None if row is None else row.score, enabled=row is not None and self.takes_score(row))
            self.show_row(row)
            if left is not None and typed is not None:
                self.give(left, typed)
        elif not field.is_typing and row is not None:
            field.show(row.score, enabled=self.takes_score(row))

    @on(RowList.RowHighlighted)
    def _highlighted(self, event: RowList.RowHighlighted) -> None:
        if event.row_list is self.rows:
            self.look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take digits in the list only, and Escape and Backspace only while a score is being typed."""
        if action in {"erase", "drop"}:
            return self.field.is_typing
        if action == "type":
            return isinstance(self.focused, RowList)
        return True

    def on_key(self, event: events.Key) -> None:
        """Take full-width digits, as Chinese and Japanese keyboards send them."""
        character = unicodedata.normalize("NFKC", event.character or "")
        if character != event.character and character in _CHARACTERS and isinstance(self.focused, RowList):
            event.stop()
            self.action_type(character)

    def action_type(self, character: str) -> None:
        """Type one character of a score."""
        self.look()
        self.field.type(character)

    def action_erase(self) -> None:
        """Take the last typed character back."""
        self.field.erase()

    def action_drop(self) -> None:
        """Drop what was typed."""
        self.field.show(self.field.score)

    def enter_score(self) -> None:
        """Confirm what was typed and go on to the next photo; open the present score where nothing was."""
        self.look()
        submitted, row, rows = self.field.enter(), self.rows.row, self.rows
        if submitted is None or row is None:
            return
        if submitted.changed:
            self.give(self.row_key(row), submitted.score)
        rows.go_to(rows.cursor + 1)
        self.look()
