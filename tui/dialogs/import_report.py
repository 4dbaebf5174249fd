"""The report after an import: what came in, what was renamed, what was left out and why."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Footer, Static

from engine.errors import display_name
from engine.labels.importing import ImportReport
from tui.i18n import say, t
from tui.keymap import bind
from tui.screens.base import BaseDialog

_LISTED = 200


class ImportReportDialog(BaseDialog[str | None]):
    """Shows the report; returns the area to go to, or None to stay.

    Args:
        report: what was done.
        folder: the folder that was imported.
        left_out: how many photos the person left out.
    """

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "close", "app.key.close", id="report.close")]

    def __init__(self, report: ImportReport, folder: Path, left_out: int = 0) -> None:
        super().__init__()
        self.report, self._folder, self._left_out = report, folder, left_out

    def compose(self) -> ComposeResult:
        """Yield the counts, the lists and two buttons."""
        with Vertical(classes="dialog -report"):
            yield Static(t("app.report.title"), classes="dialog-title")
            with VerticalScroll(classes="dialog-body"):
                yield Static("\n".join(self._counts()), markup=False, id="report-counts")
                yield Static(self._lists(), id="report-lists")
            with Horizontal(classes="buttons"):
                yield Button(t("importing.report.look"), variant="primary", id="data")
                yield Button(t("app.key.close"), id="close")
        yield Footer(show_command_palette=False, compact=True)

    def _counts(self) -> list[str]:
        report = self.report
        there = report.found - len(report.skipped) - report.imported
        copied = t("importing.report.copied", n=report.imported)
        lines = [copied if report.imported else t("importing.report.nothing")]
        lines.append(t("importing.report.scores", scored=report.scored, unscored=report.unscored))
        if there:
            lines.append(t("importing.report.there", n=there))
        if self._left_out:
            lines.append(t("importing.report.out", n=self._left_out))
        return lines

    def _lists(self) -> Text:
        text = Text()
        if self.report.skipped:
            text.append(f"\n{t('importing.report.skipped', n=len(self.report.skipped))}\n", style="bold")
            for path, reason in self.report.skipped[:_LISTED]:
                name = path.relative_to(self._folder) if path.is_relative_to(self._folder) else path
                text.append(f"  {display_name(name)}  ").append(f"{say(reason)}\n", style="dim")
            _name_rest(text, len(self.report.skipped))
        if self.report.renamed:
            text.append(f"\n{t('importing.report.renamed', n=len(self.report.renamed))}\n", style="bold")
            for old, new in list(self.report.renamed.items())[:_LISTED]:
                text.append(f"  {display_name(old)} → {display_name(new)}\n")
            _name_rest(text, len(self.report.renamed))
        return text

    def on_mount(self) -> None:
        """Put the focus on the way on."""
        self.query_one("#data", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go to the photos, or stay."""
        self.dismiss("data" if event.button.id == "data" else None)

    def action_close(self) -> None:
        """Stay."""
        self.dismiss(None)


def _name_rest(text: Text, count: int) -> None:
    if count > _LISTED:
        text.append(f"  {t('importing.report.more', n=count - _LISTED)}\n", style="dim")
