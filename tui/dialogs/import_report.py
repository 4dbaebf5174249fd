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
from tui.cell_width import cut
from tui.i18n import say, t
from tui.keymap import bind
from tui.screens.base import BaseDialog

_LISTED = 200
_LONGEST = 60
"""Cells of a name."""


class ImportReportDialog(BaseDialog[str | None]):
    """Shows the report; returns ``score`` or ``data``, where the person wants to go on, or None to stay.

    Args:
        report: what was done.
        folder: the folder that was imported.
        left_out: how many photos the person left out.
    """

    DEFAULT_CSS = """
    ImportReportDialog .dialog-body { max-height: 100%; padding-bottom: 2; }
    ImportReportDialog .buttons { dock: bottom; }
    ImportReportDialog .buttons Button { min-width: 0; margin: 1 2 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("left", "app.focus_previous", "app.key.other", id="report.previous", show=False),
        bind("right", "app.focus_next", "app.key.other", id="report.next", show=False),
        bind("up", "scroll_body(-1)", "app.key.up", id="report.up", show=False),
        bind("down", "scroll_body(1)", "app.key.down", id="report.down", show=False),
        bind("pageup", "scroll_body(-8)", "app.key.page_up", id="report.page_up", show=False),
        bind("pagedown", "scroll_body(8)", "app.key.page_down", id="report.page_down", show=False),
        bind("escape", "close", "app.key.close", id="report.close"),
    ]

    def __init__(self, report: ImportReport, folder: Path, left_out: int = 0) -> None:
        super().__init__()
        self.report, self._folder, self._left_out = report, folder, left_out

    def compose(self) -> ComposeResult:
        """Yield the counts, the lists and the ways on."""
        with Vertical(classes="dialog -report"):
            yield Static(t("app.report.title"), classes="dialog-title")
            with VerticalScroll(classes="dialog-body"):
                yield Static("\n".join(self._counts()), markup=False, id="report-counts")
                yield Static(self._lists(), id="report-lists")
            with Horizontal(classes="buttons"):
                if self.report.unscored:
                    yield Button(t("importing.report.score"), variant="primary", compact=True, id="score")
                variant = "default" if self.report.unscored else "primary"
                yield Button(t("importing.report.look"), variant=variant, compact=True, id="data")  # type: ignore[arg-type]
                yield Button(t("app.key.close"), compact=True, id="close")
        yield Footer(show_command_palette=False, compact=True)

    def _counts(self) -> list[str]:
        report = self.report
        there = report.found - len(report.skipped) - report.imported
        lines = [t("importing.report.copied", n=report.imported)]
        if report.imported < 2:
            lines = [t("importing.report.copied_one") if report.imported else t("importing.report.nothing")]
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
                text.append_text(self._skipped(path, say(reason)))
            _name_rest(text, len(self.report.skipped))
        if self.report.renamed:
            text.append(f"\n{t('importing.report.renamed', n=len(self.report.renamed))}\n", style="bold")
            for old, new in list(self.report.renamed.items())[:_LISTED]:
                text.append(f"  {cut(display_name(old), _LONGEST)} → {cut(display_name(new), _LONGEST)}\n")
            _name_rest(text, len(self.report.renamed))
        return text

    def _skipped(self, path: Path, reason: str) -> Text:
        """Return the line of a file that stayed out; most reasons begin with its name."""
        shown = path.relative_to(self._folder) if path.is_relative_to(self._folder) else path
        if display_name(shown) in reason:
            return Text(f"  {reason}\n")
        return Text.assemble(f"  {cut(display_name(shown), _LONGEST)}  ", (f"{reason}\n", "dim"))

    def on_mount(self) -> None:
        """Put the focus on the way on."""
        self.query(Button).first().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go to the photos, or stay."""
        self.dismiss(None if event.button.id == "close" else event.button.id)

    def action_scroll_body(self, lines: int) -> None:
        """Scroll the lists."""
        self.query_one(".dialog-body").scroll_relative(y=lines, animate=False)

    def action_close(self) -> None:
        """Stay."""
        self.dismiss(None)


def _name_rest(text: Text, count: int) -> None:
    if count > _LISTED:
        text.append(f"  {t('importing.report.more', n=count - _LISTED)}\n", style="dim")
