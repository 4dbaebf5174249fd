"""One line of a form: a label, a field or a list to choose from, and below it what is wrong or worth knowing."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.suggester import Suggester, SuggestFromList
from textual.widgets import Input, Label, Select

from tui.widgets.paragraphs import Paragraphs

Choices = Sequence[tuple[Text, str]]


class SettingField(Vertical):
    """A labelled setting.

    Args:
        name: which setting; its control has this id, with ``-`` for ``.``.
        label: what stands before it, in the present language.
        value: what stands in it.
        choices: prompt and value of each choice; None where it is typed.
        placeholder: what stands in it while it is empty.
        suggestions: texts that are offered while one is typed.
        hint: a sentence for the person who fills it, shown by the form while it has the focus.
        most: how many characters can be typed.
    """

    DEFAULT_CSS = """
    SettingField { height: auto; }
    SettingField > .row { height: 1; }
    SettingField > .row > Label { width: 15; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    SettingField > .row > Input { width: 1fr; background: $surface; }
    SettingField > .row > Input:focus { background-tint: $primary 20%; }
    SettingField > .row > Input.-wrong { color: $text-error; }
    SettingField > .row > Select { width: 1fr; }
    SettingField SelectCurrent #label { height: 1; }
    SettingField > .about { padding-left: 15; color: $text-muted; height: auto; }
    SettingField > .problem { padding-left: 15; color: $text-error; height: auto; }
    SettingField > .warning { padding-left: 15; color: $text-warning; height: auto; }
    SettingField > .-none { display: none; }
    """

    def __init__(
        self,
        name: str,
        label: str,
        *,
        value: str = "",
        choices: Choices | None = None,
        placeholder: str = "",
        suggestions: Sequence[str] = (),
        hint: str = "",
        most: int = 80,
    ) -> None:
        super().__init__(classes="setting")
        self.setting = name
        self.hint = hint
        self._label, self._value, self._choices = label, value, choices
        self._placeholder, self._suggestions, self._most = placeholder, suggestions, most

    def compose(self) -> ComposeResult:
        """Yield the line, and what may stand below it."""
        control = self.setting.replace(".", "-")
        with Horizontal(classes="row"):
            yield Label(self._label)
            if self._choices is None:
                offered: Suggester | None = SuggestFromList(self._suggestions) if self._suggestions else None
                yield Input(
                    self._value,
                    placeholder=self._placeholder,
                    id=control,
                    compact=True,
                    max_length=self._most,
                    suggester=offered,
                )
            else:
                yield Select(self._choices, value=self._value, allow_blank=False, id=control, compact=True)
        for kind in ("about", "warning", "problem"):
            yield Paragraphs("", classes=f"{kind} -none")

    @property
    def value(self) -> str:
        """What stands in the field now."""
        if self._choices is None:
            return self.query_one(Input).value
        return str(self.query_one(Select).value)

    def offer(self, choices: Choices, value: str) -> None:
        """Offer other choices and choose one of them; the first, if the value is not among them."""
        select: Select[str] = self.query_one(Select)
        values = [known for _, known in choices]
        select.set_options(choices)
        select.value = value if value in values else values[0]

    def ask(self, placeholder: str) -> None:
        """Show what holds while nothing is typed."""
        self.query_one(Input).placeholder = placeholder

    def say(self, *, about: str | None = None, warning: str | None = None, problem: str | None = None) -> None:
        """Write below the field; None leaves a line as it is, an empty text takes it away."""
        for kind, text in (("about", about), ("warning", warning), ("problem", problem)):
            if text is not None:
                line = self.query_one(f".{kind}", Paragraphs)
                line.update(text)
                line.set_class(not text, "-none")
        if problem is not None and self._choices is None:
            self.query_one(Input).set_class(bool(problem), "-wrong")
