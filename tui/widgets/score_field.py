"""The score being typed: it takes keys from wherever the focus is, so no keystroke is lost."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from engine.workspace import Scale, format_score
from tui.i18n import t


class ScoreField(Widget):
    """Shows a photo's score, and the one that is being typed.

    The screen hands it keys with `take_key`; Enter posts `Submitted`.
    """

    DEFAULT_CSS = """
    ScoreField { height: 1; width: 1fr; background: $panel; }
    ScoreField.-typing { background: $primary 30%; }
    ScoreField.-wrong { background: $error 40%; }
    """

    @dataclass
    class Submitted(Message):
        """A valid score was confirmed with Enter, or the present one was (`changed` is False)."""

        field: ScoreField
        score: float | None
        changed: bool

        @property
        def control(self) -> ScoreField:
            """The field, for `@on` selectors."""
            return self.field

    def __init__(self, scale: Scale, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.scale = scale
        self.score: float | None = None
        self.typed: str | None = None
        self.enabled = False

    def show(self, score: float | None, *, enabled: bool = True) -> None:
        """Show another photo's score; what was being typed is dropped.

        Args:
            score: its score; None when it has none.
            enabled: whether there is a photo at all.
        """
        self.score, self.enabled, self.typed = score, enabled, None
        self._restyle()

    @property
    def is_typing(self) -> bool:
        """Whether something is being typed."""
        return self.typed is not None

    def value(self) -> float | None:
        """Return the typed number if it is on the scale, else None."""
        try:
            number = float(self.typed or "")
        except ValueError:
            return None
        return number if number in self.scale else None

    def take_key(self, event: events.Key) -> bool:
        """Use a key if it belongs to the field; say whether it did.

        Digits, the point and the minus always do; backspace, escape and enter only while something is typed, and
        enter also to begin with the present score.
        """
        if not self.enabled:
            return False
        character = unicodedata.normalize("NFKC", event.character or "").replace(",", ".")
        if character and character in "0123456789.-" and len(self.typed or "") < 12:
            self.typed = (self.typed or "") + character
        elif event.key == "backspace" and self.typed:
            self.typed = self.typed[:-1]
        elif event.key == "escape" and self.is_typing:
            self.typed = None
        else:
            return False
        self._restyle()
        return True

    def enter(self) -> None:
        """Confirm what is typed; begin with the present score when nothing is."""
        if not self.enabled:
            return
        if self.typed is None:
            self.typed = format_score(self.score)
            self._restyle()
        elif not self.typed:
            self.post_message(self.Submitted(self, self.score, changed=False))
            self.show(self.score)
        elif (number := self.value()) is not None:
            self.post_message(self.Submitted(self, number, changed=number != self.score))
            self.show(number)

    def _restyle(self) -> None:
        self.set_class(self.is_typing, "-typing")
        self.set_class(bool(self.typed) and self.value() is None, "-wrong")
        self.refresh()

    def render(self) -> Text:
        """Return the line: the score, or the typed one with the scale beside it."""
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        text.append(f"{t('app.score.label')} ", style="bold")
        if not self.enabled:
            return text
        low, high = format_score(self.scale.low), format_score(self.scale.high)
        if self.typed is None:
            text.append(format_score(self.score) or t("app.score.none"), style="bold" if self.score else "")
            text.append(f"  {t('app.score.hint', low=low, high=high)}", style="dim")
        elif self.typed and self.value() is None:
            text.append(f"{self.typed}▏", style="bold")
            text.append(f" {t('app.score.outside', low=low, high=high)}")
        else:
            text.append(f"{self.typed}▏", style="bold")
            text.append(f" {t('app.score.confirm')}", style="dim")
        return text
