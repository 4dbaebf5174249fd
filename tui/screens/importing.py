"""Import: see what a folder holds, mend its scores, and copy both into the training folder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from engine.errors import BeholderError, Interrupted, display_name
from engine.events import Event, Notice, Progress
from engine.labels.importing import ImportItem, ImportPlan, ImportReport, plan_import, run_import
from engine.workspace import Scale, format_score
from tui.dialogs.import_report import ImportReportDialog
from tui.dialogs.path_picker import PathPicker
from tui.i18n import say, t
from tui.keymap import bind
from tui.paths import parse_typed_path
from tui.running import Stop, consume
from tui.screens.scoring import ScoringScreen
from tui.widgets.import_form import ImportForm
from tui.widgets.job_bar import phase_name
from tui.widgets.photo import Photo
from tui.widgets.row_list import RowList
from tui.widgets.score_field import ScoreField
from tui.widgets.score_table import Column, ScoreTable

ResultT = TypeVar("ResultT")
_BAR = 20


class ImportScreen(ScoringScreen):
    """A form, the preview as a table beside the photo, and the way into the training folder."""

    area = "import"
    help_key = "app.help.import"
    CSS_PATH = "importing.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("ctrl+o", "browse", "app.import.browse", id="import.browse"),
        bind("ctrl+r", "preview", "app.import.preview", id="import.preview"),
        bind("ctrl+s", "save", "app.import.save_key", id="import.save"),
        bind("escape", "stop", "app.import.stop", id="import.stop"),
    ]

    @dataclass
    class Worked(Message):
        """The engine reported an event."""

        event: Event

    @dataclass
    class Planned(Message):
        """The preview is ready; None: it failed or was stopped."""

        plan: ImportPlan | None

    @dataclass
    class Imported(Message):
        """The import is done; None: it failed or was stopped."""

        report: ImportReport | None

    def __init__(self) -> None:
        super().__init__()
        self.plan: ImportPlan | None = None
        self.stop: Stop | None = None
        self.status = ""
        self._edited: set[Path] = set()
        self._form: dict[str, str | bool] = {}

    def body(self) -> ComposeResult:
        """Yield the form, the status line, the table, the photo and the score field."""
        columns = (
            Column(t("app.data.name")),
            Column(t("app.import.size"), 8, "right", from_width=60),
            Column(t("app.data.score"), 6, "right"),
            Column(t("app.import.why"), from_width=56),
            Column(t("app.data.state"), 10),
        )
        yield ImportForm(id="form")
        yield Static("", id="status")
        with Horizontal(id="preview-area"):
            yield ScoreTable(_key, self._cells, columns, id="items")
            with Vertical(id="look"):
                yield Photo(id="photo")
                yield Static("", id="why")
                yield ScoreField(Scale(), id="score")

    def fill(self) -> None:
        """Put back what was typed and planned."""
        form = self.query_one(ImportForm)
        form.restore(self._form)
        self.rows.on_choose = self.enter_score
        self._looking = None
        self._show_plan()
        if not self.plan:
            form.query_one("#folder").focus()

    async def retranslate(self) -> None:
        """Keep what was typed over a change of the language."""
        if self.is_mounted:
            self._form = self.query_one(ImportForm).values
        await super().retranslate()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        if action == "stop":
            return self.stop is not None
        if action == "save":
            return self.stop is None and self.plan is not None
        return super().check_action(action, parameters)

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
                typed.value = str(path)
                self.action_preview()

        self.beholder.push_screen(PathPicker(start, t("app.import.pick")), chosen)

    @on(ImportForm.Asked)
    def action_preview(self) -> None:
        """Look at every photo of the folder, without writing anything."""
        if self.stop is not None:
            return
        try:
            options = self.query_one(ImportForm).options()
        except BeholderError as error:
            self.beholder.show_error(error)
            return
        self._edited.clear()
        work = plan_import(self.workspace, options, should_stop=self._begin())
        self.in_background(self._work(work, self.Planned), "import")

    @on(ImportForm.Save)
    def action_save(self) -> None:
        """Copy the photos and their scores into the training folder."""
        if self.stop is not None or self.plan is None:
            return
        work = run_import(self.workspace, self.plan, should_stop=self._begin())
        self.in_background(self._work(work, self.Imported), "import")

    def action_stop(self) -> None:
        """Stop what runs; what is copied stays."""
        if self.stop is not None:
            self.stop.ask()

    def _begin(self) -> Stop:
        self.stop = Stop()
        self._set_status(t("app.phase.running"))
        self._refresh_controls()
        return self.stop

    async def _work(self, work: Generator[Event, None, ResultT], done: Callable[[ResultT | None], Message]) -> None:
        result: ResultT | None = None
        try:
            result = await asyncio.to_thread(consume, work, lambda event: self.post_message(self.Worked(event)))
        except Interrupted:
            self.notify(t("app.import.stopped"), markup=False)
        finally:
            if self.stop is not None:
                self.stop.ask()  # when the app closes, the thread must not keep it waiting
            self.post_message(done(result))

    @on(Worked)
    def _worked(self, message: Worked) -> None:
        event = message.event
        if isinstance(event, Notice):
            self.notify(say(event.message), markup=False, timeout=8)
        elif isinstance(event, Progress):
            self._set_status(_progress_line(event))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self.stop = None
        if message.plan is not None:
            self.plan = message.plan
            self._show_plan()
            self.query_one("#items", ScoreTable).focus()
        else:
            self._show_plan()

    @on(Imported)
    def _imported(self, message: Imported) -> None:
        self.stop = None
        if message.report is not None:
            self.plan = None
            self.beholder.push_screen(ImportReportDialog(message.report), self._report_closed)
        self._show_plan()

    def _report_closed(self, area: str | None) -> None:
        if area:
            self.beholder.go(area)

    def _show_plan(self) -> None:
        items = self.plan.items if self.plan else ()
        self.query_one("#preview-area").display = bool(items)
        if self.plan is not None:
            self.field.scale = self.plan.scale
        elif self.stop is None:
            self._set_status(t("app.import.begin"))
        self.redraw()
        self._refresh_controls()

    def _refresh_controls(self) -> None:
        self.query_one(ImportForm).allow(busy=self.stop is not None, planned=self.plan is not None)
        self.refresh_bindings()

    def _set_status(self, text: str) -> None:
        self.status = text
        self.query_one("#status", Static).update(Text(text, no_wrap=True, overflow="ellipsis"))

    @property
    def rows(self) -> RowList[Any]:
        """The table of the preview."""
        return self.query_one("#items", ScoreTable)

    def row_key(self, row: ImportItem) -> str:
        """Return the path of an item's file."""
        return _key(row)

    def takes_score(self, row: ImportItem) -> bool:
        """Say whether an item comes in at all, and may still be changed."""
        return row.state != "bad" and self.stop is None

    def show_row(self, row: ImportItem | None) -> None:
        """Show the photo and where its score comes from."""
        self.query_one(Photo).show(row.source if row else None)
        self._show_why()

    def _show_why(self) -> None:
        row = self.rows.row
        self.query_one("#why", Static).update(Text(self._why(row) if row else ""))

    def give(self, key: str, score: float | None) -> None:
        """Change an item's score in the plan."""
        if self.plan is None or self.stop is not None:
            return
        items = [replace(item, score=score) if _key(item) == key else item for item in self.plan.items]
        self.plan = replace(self.plan, items=tuple(items))
        self._edited.add(Path(key))
        self.redraw()

    def redraw(self, select: str | None = None) -> None:
        """Show the plan as it is now."""
        self.rows.set_rows(self.plan.items if self.plan else (), select=select)
        self._show_why()
        if self.plan is not None and self.stop is None:
            self._set_status(t("app.import.counts", **self.plan.counts))

    def _cells(self, item: ImportItem) -> tuple[Any, ...]:
        states = {"new": t("app.state.new"), "same": t("app.state.same"), "bad": t("app.state.bad")}
        return (
            display_name(item.source.name),
            _size(item.size),
            format_score(item.score) or "–",
            self._why(item),
            states[item.state],
        )

    def _why(self, item: ImportItem) -> str:
        return t("app.import.typed") if item.source in self._edited else say(item.reason)


def _key(item: ImportItem) -> str:
    return str(item.source)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(size, 0) / 1e3:.0f} kB"


def _progress_line(event: Progress) -> str:
    """Return a line such as ``copying ▰▰▰▱▱ 60 of 100 · 4 s left``."""
    name = phase_name(event.phase)
    if not event.total:
        return f"{name} {event.done}"
    full = _BAR * event.done // event.total
    line = f"{name} {'▰' * full}{'▱' * (_BAR - full)} " + t("app.import.done_of", done=event.done, total=event.total)
    return line + (" · " + t("app.import.left", seconds=round(event.eta)) if event.eta and event.eta >= 1 else "")
