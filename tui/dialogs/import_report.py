"""The report after an import: what came in, what was renamed, what was left out and why."""

from __future__ import annotations

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
    """Shows the report; returns the area to go to, or None to stay."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "close", "app.key.close", id="report.close")]

    def __init__(self, report: ImportReport) -> None:
        super().__init__()
        self.report = report

    def compose(self) -> ComposeResult:
        """Yield the counts, the lists and two buttons."""
        report = self.report
        with Vertical(classes="dialog -report"):
            yield Static(t("app.report.title"), classes="dialog-title")
            with VerticalScroll(classes="dialog-body"):
                counts = {key: getattr(report, key) for key in ("found", "imported", "scored", "unscored")}
                yield Static(t("app.report.counts", **counts), markup=False, id="report-counts")
                yield Static(self._lists(), id="report-lists")
            with Horizontal(classes="buttons"):
                yield Button(t("app.report.look"), variant="primary", id="data")
                yield Button(t("app.key.close"), id="close")
        yield Footer(show_command_palette=False, compact=True)

    def _lists(self) -> Text:
        text = Text()
        if self.report.skipped:
            text.append(f"\n{t('app.report.skipped', n=len(self.report.skipped))}\n", style="bold")
            for path, reason in self.report.skipped[:_LISTED]:
                text.append(f"  {display_name(path.name)}  ").append(f"{say(reason)}\n", style="dim")
        if self.report.renamed:
            text.append(f"\n{t('app.report.renamed', n=len(self.report.renamed))}\n", style="bold")
            for old, new in list(self.report.renamed.items())[:_LISTED]:
                text.append(f"  {display_name(old)} → {display_name(new)}\n")
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
