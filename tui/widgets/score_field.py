"""The score being typed: it takes keys from wherever the focus is, so no keystroke is lost."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text
from textual.widget import Widget

from engine.workspace import Scale, format_score
from tui.i18n import t

_LONGEST = 12


@dataclass(frozen=True)
class Submitted:
    """A confirmed score; `changed` says whether it differs from the one before."""

    score: float | None
    changed: bool


class ScoreField(Widget):
    """Shows a photo's score, and the one that is being typed; it never has the focus itself."""

    DEFAULT_CSS = """
    ScoreField { height: 1; width: 1fr; background: $panel; }
    ScoreField.-typing { background: $primary 30%; }
    ScoreField.-wrong { background: $error 40%; }
    """

    def __init__(self, scale: Scale, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.scale = scale
        self.score: float | None = None
        self.typed: str | None = None
        self.enabled = False
        self._told = ""

    def show(self, score: float | None, *, enabled: bool = True) -> None:
        """Show another photo's score; what was being typed is dropped.

        Args:
            score: its score; None when it has none.
            enabled: whether there is a photo at all.
        """
        self.score, self.enabled, self.typed = score, enabled, None
        self._restyle()

    def tell(self, text: str) -> None:
        """Say something about the photo that was just scored; it stays until something is typed again."""
        if text != self._told:
            self._told = text
            self.refresh()

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

    def type(self, character: str) -> None:
        """Add a digit, a point or a minus."""
        if self.enabled and len(self.typed or "") < _LONGEST:
            self.typed = (self.typed or "") + character
            self._restyle()

    def erase(self) -> None:
        """Take the last typed character back."""
        if self.typed:
            self.typed = self.typed[:-1]
            self._restyle()

    def enter(self) -> Submitted | None:
        """Confirm what is typed; begin with the present score when nothing is.

        Returns:
            The confirmed score; None while there is none.
        """
        if not self.enabled:
            return None
        if self.typed is None:
            self.typed = format_score(self.score)
            self._restyle()
            return None
        number = self.value()  # nothing is left of it: the score is taken away
        if self.typed and number is None:
            return None
        submitted = Submitted(number, changed=number != self.score)
        self.show(submitted.score)
        return submitted

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
            text.append(format_score(self.score) or t("app.score.none"), style="" if self.score is None else "bold")
            text.append(f"  {self._told or t('app.score.hint', low=low, high=high)}", style="" if self._told else "dim")
        elif self.typed and self.value() is None:
            text.append(f"{self.typed}▏", style="bold")
            text.append(f" {t('app.score.outside', low=low, high=high)}")
        else:
            takes_away = not self.typed and self.score is not None
            text.append(f"{self.typed}▏", style="bold")
            text.append(f" {t('data.field.takes_away' if takes_away else 'app.score.confirm')}", style="dim")
        return text
