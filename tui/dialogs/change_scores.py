"""The dialog that changes several scores at once: set, shift, rescale or clear, with a preview."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.workspace import Scale
from tui.i18n import t
from tui.keymap import bind
from tui.score_rules import RULES, Plan, make_plan
from tui.screens.base import BaseDialog

Scores = Mapping[str, float | None]


class _Rules(OptionList, can_focus=False):
    """The rules; the input below keeps the focus."""


class _Value(Input):
    """The number that the rule needs; an input would scroll with up and down."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("up", "screen.rule(-1)", "data.change.up", id="change.up"),
        bind("down", "screen.rule(1)", "data.change.down", id="change.down"),
        bind("enter", "submit", "data.change.go", id="change.go"),
    ]


class ChangeScoresDialog(BaseDialog[Plan | None]):
    """Returns what to change, or None.

    Args:
        title: which photos, in the present language.
        scores: returns them with their scores; called in a thread.
        scale: of the scores.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # where nothing is to be typed
        bind("up", "rule(-1)", "data.change.up", id="change.rule_up"),
        bind("down", "rule(1)", "data.change.down", id="change.rule_down"),
        bind("enter", "go", "data.change.go", id="change.rule_go"),
        bind("escape", "cancel", "app.key.cancel", id="change.cancel"),
    ]

    @dataclass
    class Planned(Message):
        """What the rule would do with what was typed is known."""

        rule: str
        typed: str
        plan: Plan

    def __init__(self, title: str, scores: Callable[[], Scores], scale: Scale) -> None:
        super().__init__()
        self._title, self._scores, self._scale = title, scores, scale
        self._before: Scores | None = None
        self._plan = Plan("", {}, "")
        self._planned_for: tuple[str, str] | None = None
        self._going = False

    def compose(self) -> ComposeResult:
        """Yield the rules, what they need and the preview."""
        with Vertical(classes="dialog -change"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield _Rules(*(Option(Text(t(f"data.change.{rule}")), id=rule) for rule in RULES), compact=True)
            yield _Value(id="change-value", compact=True)
            yield Static("", id="change-preview", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin with the first rule."""
        self.query_one(_Rules).highlighted = 0
        self._ask()

    @property
    def rule(self) -> str:
        """The chosen rule."""
        return RULES[self.query_one(_Rules).highlighted or 0]

    def action_rule(self, step: int) -> None:
        """Choose another rule."""
        rules = self.query_one(_Rules)
        rules.highlighted = ((rules.highlighted or 0) + step) % len(RULES)
        self._ask()

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.query_one(_Rules).highlighted = event.option_index
        self._ask()

    @on(Input.Changed)
    def _typed(self) -> None:
        self._ask()

    def _ask(self) -> None:
        field = self.query_one("#change-value", Input)
        field.disabled = self.rule == "clear"
        if not field.disabled:
            field.focus()
        self._work_out(self.rule, field.value)

    @work(exclusive=True)
    async def _work_out(self, rule: str, typed: str) -> None:
        if self._before is None:
            self._before = await asyncio.to_thread(self._scores)
        plan = await asyncio.to_thread(partial(make_plan, rule, typed, self._before, self._scale))
        self.post_message(self.Planned(rule, typed, plan))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self._plan, self._planned_for = message.plan, (message.rule, message.typed)
        self.query_one("#change-preview", Static).update(message.plan.line)
        if self._going:
            self.action_go()

    @on(Input.Submitted)
    def action_go(self) -> None:
        """Change the scores, as soon as it is known how."""
        self._going = self._planned_for != (self.rule, self.query_one("#change-value", Input).value)
        if not self._going and self._plan.scores:
            self.dismiss(self._plan)

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
