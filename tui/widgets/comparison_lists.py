"""Which families on which backbones are compared: two lists in which any number can be ticked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import SelectionList, Static
from textual.widgets.selection_list import Selection

from engine.models.catalog import FAMILIES
from tui.i18n import t
from tui.widgets.tick_list import TickList


class ComparisonLists(Horizontal):
    """The families and the backbones of a comparison.

    Args:
        models: the families that are ticked. backbones: the backbones that are ticked.
    """

    DEFAULT_CSS = """
    ComparisonLists { height: auto; }
    ComparisonLists > Vertical { width: 1fr; height: auto; }
    ComparisonLists > #compare-models-box { margin-right: 1; }
    ComparisonLists .list-title { color: $text-muted; height: 1; }
    ComparisonLists .list-problem { color: $text-error; height: auto; display: none; }
    ComparisonLists SelectionList { height: 10; border: none; padding: 0; background: $surface; scrollbar-size: 1 1; }
    """

    @dataclass
    class Ticked(Message):
        """Something was ticked or unticked."""

        models: list[str]
        backbones: list[str]

    def __init__(self, models: Sequence[str], backbones: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._models, self._backbones = list(models), list(backbones)

    def compose(self) -> ComposeResult:
        """Yield the two lists."""
        with Vertical(id="compare-models-box"):
            yield Static(t("train.compare_models"), classes="list-title")
            families = [Selection(Text(name), name, name in self._models) for name in FAMILIES]
            yield TickList(*families, id="compare-models", compact=True)
            yield Static("", id="compare-models-problem", classes="list-problem", markup=False)
        with Vertical():
            yield Static(t("train.compare_backbones"), classes="list-title")
            chosen = [Selection(Text(name), name, True) for name in self._backbones]
            yield TickList(*chosen, id="compare-backbones", compact=True)
            yield Static("", id="compare-backbones-problem", classes="list-problem", markup=False)

    def offer(self, backbones: Sequence[tuple[str, bool]]) -> None:
        """Offer these backbones.

        Args:
            backbones: name, and whether its weights are here; one without them can't be ticked.
        """
        chosen: SelectionList[str] = self.query_one("#compare-backbones", SelectionList)
        with self.prevent(SelectionList.SelectedChanged):
            chosen.clear_options()
            chosen.add_options(
                Selection(
                    Text(name) if is_here else Text(t("train.unavailable", name=name), "dim"),
                    name,
                    is_here and name in self._backbones,
                    disabled=not is_here,
                )
                for name, is_here in backbones
            )
        if chosen.highlighted is None and backbones:
            chosen.highlighted = 0

    def tell(self, problem_of_models: str, problem_of_backbones: str) -> None:
        """Say below a list what is wrong with it."""
        for name, text in (("models", problem_of_models), ("backbones", problem_of_backbones)):
            line = self.query_one(f"#compare-{name}-problem", Static)
            line.update(text)
            line.display = bool(text)

    @on(SelectionList.SelectedChanged)
    def _ticked(self, event: SelectionList.SelectedChanged[str]) -> None:
        event.stop()
        ticked = list(event.selection_list.selected)
        if event.selection_list.id == "compare-models":
            self._models = ticked
        else:
            self._backbones = ticked
        self.post_message(self.Ticked(list(self._models), list(self._backbones)))
