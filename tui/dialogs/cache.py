"""The dialog of the caches: what is kept, what of it nobody needs any more, and a button that removes that."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Footer, Static

from tui.cache_words import Line, report_lines, survey_lines
from tui.i18n import t
from tui.keymap import bind
from tui.screens.base import BaseDialog

if TYPE_CHECKING:
    from engine.cache_prune import PruneReport
    from engine.errors import BeholderError
    from engine.workspace import Workspace
    from tui.app import BeholderApp

_DAY_SECONDS = 86_400
_AROUND = 12  # rows of title, buttons, padding and borders
_LEAST = 3


class CacheDialog(BaseDialog[bool]):
    """Shows what is kept; returns whether it is to be pruned.

    Args:
        lines: what is kept.
        plan: what pruning would do, in sentences; empty where that can't be said.
        can_prune: whether it would do anything.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("escape,q", "close", "app.key.close", id="cache.close"),
        bind("left,right", "app.focus_next", "app.key.other", id="cache.other", show=False),
        bind("up", "scroll_body(-1)", "app.key.up", id="cache.up", show=False),
        bind("down", "scroll_body(1)", "app.key.down", id="cache.down", show=False),
    ]

    def __init__(self, lines: list[Line], plan: list[str], *, can_prune: bool) -> None:
        super().__init__()
        self._lines, self._plan, self._can_prune = lines, plan, can_prune

    def compose(self) -> ComposeResult:
        """Yield what is kept, what pruning would do, and the buttons."""
        with Vertical(classes="dialog -confirm -reading"):
            yield Static(t("cache.title"), classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-body", can_focus=False):
                yield Static("\n".join(self._plan) + "\n", markup=False, id="cache-plan")
                for line in self._lines:
                    # the command line's remedies name commands; here the button below is the remedy
                    yield Static(f"{line.topic}: {line.text}", markup=False)
            with Horizontal(classes="buttons"):
                if self._can_prune:
                    yield Button(t("cache.prune_now"), variant="primary", id="prune")
                yield Button(t("cache.close"), id="close")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Put the focus on the answer that changes nothing."""
        self.query_one("#close", Button).focus()

    def on_resize(self, event: events.Resize) -> None:
        """Leave room for the buttons below what scrolls."""
        self.query_one(".dialog-body").styles.max_height = max(event.size.height * 9 // 10 - _AROUND, _LEAST)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "prune")

    def action_scroll_body(self, lines: int) -> None:
        """Scroll what is kept."""
        self.query_one(".dialog-body").scroll_relative(y=lines, animate=False)

    def action_close(self) -> None:
        """Change nothing."""
        self.dismiss(False)


def open_cache(app: BeholderApp) -> None:
    """Look at what is kept, show it, and prune it if the person says so."""
    app.notify(t("cache.looking"), timeout=2, markup=False)
    app.in_background(partial(_look, app), "cache")


async def _look(app: BeholderApp) -> None:
    lines, plan, can_prune = await asyncio.to_thread(_survey, app.workspace)
    app.push_screen(CacheDialog(lines, plan, can_prune=can_prune), partial(_answered, app))


def _survey(workspace: Workspace) -> tuple[list[Line], list[str], bool]:
    from engine.cache_prune import PruneWish, prune_cache
    from engine.cache_survey import survey_cache

    now = time.time()
    survey = survey_cache(workspace, int(now // _DAY_SECONDS))
    if not survey.readable:
        return list(survey_lines(survey)), [t("cache.remedy.unreadable")], False
    report = prune_cache(workspace, PruneWish(), now, dry_run=True)
    return list(survey_lines(survey)), report_lines(report, hints=False), not report.found_nothing


def _answered(app: BeholderApp, prune: bool | None) -> None:
    if prune:
        from engine.cache_prune import PruneReport, PruneWish, prune_cache
        from tui.dialogs.working import WorkingDialog

        dialog = WorkingDialog[PruneReport](
            t("cache.pruning"),
            lambda tell, stop: prune_cache(app.workspace, PruneWish(), time.time(), tell=tell, should_stop=stop),
        )
        app.push_screen(dialog, partial(_pruned, app))


def _pruned(app: BeholderApp, result: PruneReport | BeholderError | None) -> None:
    from engine.cache_prune import PruneReport
    from tui.dialogs.show_text import ShowTextDialog
    from tui.dialogs.working import was_stopped

    if isinstance(result, PruneReport):
        app.push_screen(ShowTextDialog(t("cache.title"), "\n".join(report_lines(result, hints=False))))
    elif result is not None and not was_stopped(result):
        app.show_error(result)
