"""Import: see what a folder holds, mend its scores, and copy both into the training folder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from engine.errors import BeholderError, display_name
from engine.events import Notice, Progress
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.import_report import ImportReportDialog
from tui.dialogs.path_picker import PathPicker
from tui.i18n import say, t
from tui.keymap import bind
from tui.paths import parse_pasted_paths, parse_typed_path, typed_form
from tui.running import Stop
from tui.screens.import_draft import Draft
from tui.screens.import_preview import PreviewScreen
from tui.screens.import_texts import counts_line
from tui.screens.import_work import Imported, Planned, RecentRead, Worked, preview, progress_text, read_recent, save
from tui.widgets.import_form import ImportForm
from tui.widgets.paragraphs import Paragraphs


class ImportScreen(PreviewScreen):
    """A form, the preview as a table or a gallery beside the photo, and the way into the training folder."""

    area = "import"
    help_key = "importing.help"
    CSS_PATH = "importing.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (72, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("e", "form", "importing.form", id="import.form"),
        bind("ctrl+o", "browse", "app.import.browse", id="import.browse"),
        bind("ctrl+r", "preview", "app.import.preview", id="import.preview"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.stop: Stop | None = None
        self._form: dict[str, str | bool] = {}
        self._report: ImportReportDialog | None = None

    def body(self) -> ComposeResult:
        """Yield the form, the status line, the table and the gallery, the photo and the score field."""
        yield ImportForm(id="form")
        yield Static("", id="status")
        yield Paragraphs(t("importing.welcome"), id="welcome")
        yield from self.preview_area()

    def fill(self) -> None:
        """Put back what was typed and planned."""
        form = self.query_one(ImportForm)
        form.restore(self._form)
        super().fill()
        self._show_draft(fold=self.draft is not None)
        self._read_recent()

    def _read_recent(self) -> None:
        self.in_background(read_recent(self.workspace, self.post_message), "import-recent")

    async def retranslate(self) -> None:
        """Keep what was typed over a change of the language."""
        if self.is_mounted:
            self._form = self.query_one(ImportForm).values
        await super().retranslate()

    @property
    def is_busy(self) -> bool:
        """Whether work runs."""
        return self.stop is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        if action == "stop":
            return self.stop is not None
        if action == "fold":
            return self.stop is None and self._is_form_over_draft
        if action == "form":
            return self.draft is not None
        if action == "save":
            return self.draft is not None and self.stop is None
        if action in {"preview", "browse"}:
            return self.stop is None
        return super().check_action(action, parameters)

    @property
    def _is_form_over_draft(self) -> bool:
        return self.draft is not None and not self.query_one(ImportForm).is_folded

    # What the person asks for

    @on(ImportForm.Browse)
    def action_browse(self) -> None:
        """Choose the folder from a tree."""
        typed = self.query_one("#folder", Input)
        start = Path.home()
        if typed.value.strip():
            with contextlib.suppress(BeholderError):
                start = parse_typed_path(typed.value)

        def chosen(path: Path | None) -> None:
            if path is not None:
                typed.value = typed_form(path)
                self.action_preview()

        self.beholder.push_screen(PathPicker(start, t("app.import.pick")), chosen)

    def on_paste(self, event: events.Paste) -> None:
        """Understand a path that is pasted or dropped while the focus is in no input."""
        event.stop()
        try:
            pasted = parse_pasted_paths(event.text)
        except BeholderError as error:
            self.beholder.show_error(error)
            return
        if pasted is not None:
            self.query_one(ImportForm).take_paths(pasted)
        else:
            self.notify(t("importing.no_path"), markup=False)

    @on(ImportForm.TookPath)
    @on(ImportForm.Unfold)
    def _open_form(self) -> None:
        self.query_one(ImportForm).fold(None)
        self.refresh_bindings()

    def action_form(self) -> None:
        """Open the form over the preview, or fold it again."""
        if self._is_form_over_draft:
            self.action_fold()
        else:
            self._open_form()
            self.query_one("#folder").focus()

    @on(ImportForm.Asked)
    def action_preview(self) -> None:
        """Look at every photo of the folder, without writing anything."""
        if self.stop is not None:
            return
        draft = self.draft
        if draft is None or not draft.is_touched or self._names_folder_of(draft):
            self._preview()
            return

        def answered(sure: bool | None) -> None:
            if sure and self.stop is None:
                self._preview()

        detail = t("importing.drop_text", n=draft.count("typed"))
        self.beholder.push_screen(ConfirmDialog(t("importing.drop_title"), detail, dangerous=True), answered)

    def _names_folder_of(self, draft: Draft) -> bool:
        try:
            return parse_typed_path(str(self.query_one("#folder", Input).value)) == draft.folder
        except BeholderError:
            return False

    def _preview(self) -> None:
        values = self.query_one(ImportForm).values
        work = preview(self.workspace, values, self.draft, self._begin(), self.post_message)
        self.in_background(work, "import")

    @on(ImportForm.Save)
    def action_save(self) -> None:
        """Copy the photos and their scores into the training folder."""
        if self.stop is not None or self.draft is None:
            return
        self.in_background(save(self.workspace, self.draft, self._begin(), self.post_message), "import")

    def action_stop(self) -> None:
        """Stop what runs; what is copied stays."""
        if self.stop is not None:
            self.stop.ask()

    def action_fold(self) -> None:
        """Fold the form over the preview."""
        if self.draft is not None:
            self.query_one(ImportForm).fold(self.draft.folder)
            self.rows.focus()
            self.refresh_bindings()

    def _begin(self) -> Stop:
        self.settle_score()
        self.stop = Stop()
        self.look()  # no score is taken now, so that escape means the work
        self.note = ""
        self._set_status(t("app.phase.running"))
        self._refresh_controls()
        return self.stop

    # What the work tells

    @on(Worked)
    def _worked(self, message: Worked) -> None:
        event = message.event
        if isinstance(event, Notice):
            self.notify(say(event.message), markup=False, timeout=8)
        elif isinstance(event, Progress):
            self._set_status(progress_text(event, self.size.width))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self.stop = None
        if message.draft is None:
            self.note = t("importing.stopped_preview") if message.was_stopped else ""
            self._show_draft()
            return
        self.draft = message.draft
        photo = message.request.photo if message.request else None
        self._show_draft(fold=True, select=None if photo is None else str(photo))
        self.call_after_refresh(self.beholder.settle)  # ten thousand photos are many objects
        if photo is not None:
            self.notify(t("importing.took_folder", name=display_name(photo.name)), markup=False)

    @on(Imported)
    def _imported(self, message: Imported) -> None:
        self.stop = None
        draft = self.draft
        if message.report is not None and draft is not None:
            self._report = ImportReportDialog(message.report, draft.folder, draft.count("out"))
            self.draft = None
            self.query_one(ImportForm).restore({"folder": "", "csv": ""})
            self._read_recent()
        elif message.was_stopped and message.last is not None:
            self.note = t("importing.stopped_saving", done=message.last.done, total=message.last.total)
        self._show_draft()
        if self.is_current:
            self._tell_report()
        elif message.report is not None:
            self.notify(t("importing.done_elsewhere", n=message.report.imported), markup=False)

    def came_back(self) -> None:
        """Tell what an import did that ended while another room was shown."""
        self._tell_report()

    def _tell_report(self) -> None:
        if self._report is not None:
            report, self._report = self._report, None
            self.beholder.push_screen(report, self._report_closed)

    def _report_closed(self, chosen: str | None) -> None:
        if chosen == "score":
            self.beholder.open_scoring()
        elif chosen:
            self.beholder.go(chosen)

    @on(RecentRead)
    def _recent_read(self, message: RecentRead) -> None:
        self.query_one(ImportForm).offer_recent(message.folders)

    # What is on the screen

    def _show_draft(self, *, fold: bool = False, select: str | None = None) -> None:
        """Show the draft, or what to do first where there is none.

        Args:
            fold: whether to fold the form and go on with the photos.
            select: path of the photo to go to.
        """
        draft = self.draft
        self.query_one("#preview-area").display = draft is not None
        self.query_one("#welcome").display = draft is None
        if draft is not None:
            self.field.scale = draft.scale
        self.redraw(select=select)
        self.look()
        self._refresh_controls()
        if draft is None:
            form = self.query_one(ImportForm)
            form.fold(None)
            if self.stop is None and not isinstance(self.focused, Input):
                form.query_one("#folder").focus()
        elif fold:
            self.action_fold()

    def _refresh_controls(self) -> None:
        self.query_one(ImportForm).allow(busy=self.stop is not None, planned=self.draft is not None)
        self.refresh_bindings()

    def show_counts(self) -> None:
        """Show the counts, how far the work is, or what to do first, in the status line."""
        if self.stop is not None:
            return
        if self.note:
            self._set_status(self.note)
        elif self.draft is None:
            self._set_status(t("app.import.begin"))
        else:
            self._set_status(counts_line(self.draft, self.size.width))

    def _set_status(self, text: str | Text) -> None:
        line = Text(f" {text}", no_wrap=True, overflow="ellipsis") if isinstance(text, str) else text
        self.query_one("#status", Static).update(line)
