"""A batch in the Predict room: its rows as they come, as a table or a gallery, filtered, and one with its reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher, Input

from engine.errors import Message as EngineMessage
from engine.errors import display_name
from engine.jobs import client
from tui.i18n import say, t
from tui.job_story import Event
from tui.keymap import bind
from tui.long_lists import uncollected
from tui.prediction.photo_room import PhotoRoom
from tui.prediction.row_filter import unfinished_parts
from tui.prediction.rows import Batch, PredictedRow
from tui.widgets.filter_bar import FilterBar
from tui.widgets.gallery import Gallery
from tui.widgets.model_select import ModelSelect
from tui.widgets.prediction_table import PredictionTable
from tui.widgets.row_list import RowList

_PIECE = 1 << 18
"""Bytes of rows that are taken in at once: about a thousand, in some ms."""


@dataclass
class BatchWorked(Message):
    """A thread took in further rows, or filtered them; `batch` is None where it failed."""

    job_id: str
    batch: Batch | None
    is_all: bool = True


class BatchRoom(PhotoRoom):
    """A room with the rows of one prediction job."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("e", "why", "predict_room.key.why", id="predict.why"),
        bind("g", "gallery", "predict_room.key.gallery", id="predict.gallery"),
        bind("slash", "filter", "predict_room.key.filter", id="predict.filter", display="/"),
        bind("escape", "leave_why", "predict_room.key.back", id="predict.back"),
        bind("left", "step(-1)", "predict_room.key.previous", id="predict.previous", show=False),
        bind("right", "step(1)", "predict_room.key.next", id="predict.next", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.found = Batch()
        self._filter = ""
        self._is_working = self._is_outdated = False
        self._reasons: dict[str, EngineMessage] = {}
        self._reasons_of = (0, 0)

    def rows_body(self) -> ComposeResult:
        """Yield the filter, the table and the gallery."""
        with Vertical(id="rows-pane"):
            yield FilterBar(t("predict_room.filter_hint"), id="filter")
            with ContentSwitcher(initial="rows", id="views"):
                yield PredictionTable(self.reason, id="rows")
                yield Gallery(
                    lambda row: row.place, self._caption, lambda row: row.path, self.workspace.thumbnails, id="gallery"
                )

    @property
    def rows(self) -> RowList[Any]:
        """The table or the gallery, whichever is shown."""
        return self.query_one(f"#{self.query_one('#views', ContentSwitcher).current}", RowList)

    @property
    def shows_why(self) -> bool:
        """Whether one photo of the batch is shown with its reasons."""
        return self.has_class("-why")

    def reason(self, row: PredictedRow) -> str:
        """Return why a photo has no score, in the present language where that is known."""
        known = self._reasons.get(row.place)
        return say(known) if known is not None else display_name(row.error or "")

    def _caption(self, row: PredictedRow) -> tuple[str, str]:
        return display_name(row.name), "–" if row.score is None else f"{row.score:.1f}"

    # --- the rows ---------------------------------------------------------------------------------------------

    def forget_rows(self) -> None:
        """Begin with no rows and no filter."""
        self.found, self._filter, self._reasons, self._reasons_of = Batch(), "", {}, (0, 0)
        self.query_one(FilterBar).restore("")
        self.close_why()
        self.show_rows()

    def read_rows(self) -> None:
        """Take in what the job has written, and filter it as was asked last; one thread at a time does so."""
        if self._is_working or not self.job_id:
            self._is_outdated = self._is_working
            return
        self._is_working, self._is_outdated = True, False
        job_id, before, wanted = self.job_id, self.found, self._filter

        def work() -> tuple[Batch, bool]:
            batch = before
            with uncollected():
                if batch.filter_text != wanted:
                    batch = batch.with_filter(wanted, lambda: self._filter != wanted) or batch
                rows, end = client.read_rows(self.workspace, job_id, batch.offset, _PIECE)
                if end == batch.offset:
                    return batch, True
                return batch.with_rows(map(PredictedRow.from_dict, rows), end), False

        async def run() -> None:
            told = BatchWorked(job_id, None)
            try:
                told.batch, told.is_all = await asyncio.to_thread(work)
            finally:
                self.post_message(told)

        self.in_background(run(), "predict-rows")

    @on(BatchWorked)
    def _batch_worked(self, message: BatchWorked) -> None:
        self._is_working = False
        if message.job_id != self.job_id:
            self.read_rows()  # another job was shown meanwhile
            return
        if message.batch is None:
            return
        if message.batch is not self.found:
            filtered = message.batch.filter_text != self.found.filter_text
            self.found = message.batch
            self.show_rows(anew=filtered)
            self.rows_came()
        if self._is_outdated or not message.is_all or self.found.filter_text != self._filter:
            self.read_rows()

    def rows_came(self) -> None:
        """Look at further rows."""

    def show_rows(self, *, anew: bool = False) -> None:
        """Show the rows as they are; a cursor at the top stays there unless its photo is in use, others on theirs."""
        rows, here = self.rows, self.rows.row
        is_held = rows.cursor > 0 or self.shows_why or isinstance(self.focused, Input)
        rows.set_rows(self.found.shown, cursor=self.found.place_of(here) if is_held and here is not None else 0)
        if anew or self._filter:
            self._note_filter()
        self.refresh_bindings()

    def learn_reasons(self) -> None:
        """Take in why photos could not be read; what was known already is not looked at again."""
        failures, (run, seen) = self.story.failures, self._reasons_of
        if run != self.story.run:
            seen = 0
        for path, reason in failures[seen:]:
            self._reasons[path] = reason
        self._reasons_of = self.story.run, len(failures)

    @on(RowList.RowHighlighted)
    def _highlighted(self, message: RowList.RowHighlighted) -> None:
        if message.row_list is self.rows and self.has_class("-many"):
            self.show_row(message.row)

    def show_row(self, row: PredictedRow | None) -> None:
        """Show a photo of the batch; if reasons are shown, its reasons."""
        before, another = self.card.row, row is None or self.card.path != row.path
        if row is None:
            self.card.show(None)
        else:
            self.card.show(row, self.reason(row), self.query_one(ModelSelect).title_of(row.model_id))
        if another and self.shows_why and row is not None:
            self.ask_why(row)
        if (before is None or before.score is None) != (row is None or row.score is None):
            self.refresh_bindings()  # not at each row: the footer would be sent again

    def job_moved(self, points: Sequence[Event], *, begun: bool) -> None:
        """Learn what failed, and read the further rows."""
        self.learn_reasons()
        self.read_rows()

    # --- filter and gallery -----------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()

    @on(FilterBar.Changed)
    def _filter_typed(self, message: FilterBar.Changed) -> None:
        self._filter = message.text
        self.read_rows()
        self._note_filter()

    @on(FilterBar.Left)
    def _filter_left(self, message: FilterBar.Left) -> None:
        self.rows.focus()

    def action_keep_filter(self) -> None:
        """Keep the filter and go to the list."""
        self.query_one(FilterBar).keep()

    def action_drop_filter(self) -> None:
        """Show all photos again."""
        self.query_one(FilterBar).drop()

    def _note_filter(self) -> None:
        unread = unfinished_parts(self._filter)
        shown, total = len(self.found.shown), len(self.found.rows)
        if unread:
            note = t("data.unfinished", parts=display_name(" ".join(unread)))
        else:
            note = t("data.match", n=shown, total=total) if shown else t("data.no_match")
        self.query_one(FilterBar).note(note)

    def action_gallery(self) -> None:
        """Switch between the table and the gallery of the best."""
        before, switcher = self.rows, self.query_one("#views", ContentSwitcher)
        switcher.current = "rows" if switcher.current == "gallery" else "gallery"
        self.set_class(switcher.current == "gallery", "-gallery")
        self.rows.set_rows(self.found.shown, cursor=before.cursor)
        self.rows.focus()

    # --- reasons ----------------------------------------------------------------------------------------------

    def action_why(self) -> None:
        """Show why the highlighted photo has its score; again: the list."""
        if self.shows_why:
            self.action_leave_why()
            return
        row = self.rows.row
        if row is None:
            return
        self.add_class("-why")
        self.card.set_whole(True)
        self.card.facts.focus()
        self.ask_why(row)
        self.refresh_bindings()

    def action_leave_why(self) -> None:
        """Show the list again."""
        self.close_why()
        self.rows.focus()

    def close_why(self) -> None:
        """Show the batch again, if one of its photos is shown alone."""
        if self.shows_why:
            self.remove_class("-why")
            self.card.set_whole(False)
            self.drop_question()
            self.refresh_bindings()

    def action_step(self, step: int) -> None:
        """Show the next better or worse photo with its reasons."""
        self.rows.action_move(step)

    def leave_field(self) -> None:
        """Go back to the list, or to the reasons of the photo."""
        if self.has_class("-many") and not self.shows_why:
            self.rows.focus()
        else:
            self.card.facts.focus()
