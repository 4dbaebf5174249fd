"""Data: all photos of the workspace in a table or a gallery; sort, filter, score and change them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher, Input, Static

from engine.errors import BeholderError, display_name
from engine.labels.scorebook import Entry
from engine.workspace import Scale, format_score
from tui.dialogs.jump import JumpDialog
from tui.filter_words import unfinished
from tui.i18n import say, t
from tui.keymap import bind
from tui.messages import JobProgress
from tui.photo_info import info_line
from tui.score_keeper import ScoresRefused
from tui.screens.data_columns import cells, columns, shown_name
from tui.screens.data_view import SORTS, Task, View
from tui.screens.editing import EditingScreen
from tui.widgets.filter_bar import FilterBar
from tui.widgets.gallery import Gallery
from tui.widgets.photo import Photo
from tui.widgets.row_list import RowList
from tui.widgets.score_field import ScoreField
from tui.widgets.score_table import ScoreTable

_WIDE_FOOTER = 118
"""Columns that a footer with these keys takes."""
_IN_WIDE_FOOTER = frozenset({"data.mark", "data.next", "data.find", "data.beside"})


class DataScreen(EditingScreen):
    """A table without a photo, so that it is quick over a slow line; a photo beside it; or a gallery."""

    area = "data"
    help_key = "data.help"
    CSS_PATH = "data.tcss"
    AUTO_FOCUS = "#table"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("n", "next_unscored", "data.key.next", id="data.next", show=False),
        bind("slash", "filter", "data.key.filter", id="data.filter", display="/"),
        bind("s", "sort", "data.key.sort", id="data.sort"),
        bind("S", "reverse", "data.key.reverse", id="data.reverse", show=False),
        bind("f", "find", "data.key.find", id="data.find", show=False),
        bind("g", "gallery", "data.key.gallery", id="data.gallery"),
        bind("v", "beside", "data.key.beside", id="data.beside", show=False),
        bind("o", "one_by_one", "data.key.one_by_one", id="data.one_by_one"),
        bind("p", "guess", "data.key.guess", id="data.guess", show=False),
        bind("c", "cells", "data.key.cells", id="data.cells", show=False),
    ]

    @dataclass
    class Arranged(Message):
        """A thread worked out which rows to show."""

        task: Task
        view: View

    def __init__(self) -> None:
        super().__init__()
        self._unread: BeholderError | None = None
        self._wanted: str | None = None
        self._before_filter: str | None = None
        self._columns: dict[str, Any] = {"guessed": False, "longest": 0}
        self._beside = False
        self._guessing = ""

    def body(self) -> ComposeResult:
        """Yield the filter, the table or the gallery, the photo, the score field and the counts."""
        yield FilterBar(t("data.filter_hint"), id="filter")
        with Horizontal(id="data"):
            with ContentSwitcher(initial="table", id="views"):
                yield ScoreTable(_name, self._cells, columns(**self._columns), id="table")
                yield Gallery(_name, self._caption, self._path, self.workspace.thumbnails, id="gallery")
            with Vertical(id="look"):
                yield Photo(id="photo")
                yield Static("", id="info", markup=False)
        yield Static(t("data.empty"), id="empty", markup=False)
        yield ScoreField(Scale(), id="score")
        yield Static("", id="counts")

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that work now; where there is room the footer tells more of them."""
        active = super().active_bindings
        if self.size.width >= _WIDE_FOOTER:
            for key, found in active.items():
                if found.binding.id in _IN_WIDE_FOOTER:
                    active[key] = found._replace(binding=replace(found.binding, show=True))
        return active

    @property
    def takes_keys(self) -> bool:
        """Whether a key would meet the rows that were asked for; until then it waits."""
        if self._unread is not None or self.query_one(FilterBar).has_focus_within:
            return True
        return self.album.is_read and self.album.shows_wish

    @property
    def rows(self) -> RowList[Any]:
        """The table or the gallery, whichever is shown."""
        name = self.query_one("#views", ContentSwitcher).current
        return self.query_one(f"#{name}", RowList)

    @property
    def shows_photo(self) -> bool:
        """Whether there is a photo beside the list."""
        return self._beside or self.has_class("-gallery")

    def fill(self) -> None:
        """Show what is known."""
        try:
            settings = self.workspace.settings()
            self.field.scale, self._beside = settings.scale, settings.beside == "photo"
        except BeholderError as error:
            self.beholder.show_error(error)
        self.query_one(FilterBar).restore(self.album.wish.filter_text)
        for rows in self.query(RowList):
            rows.on_choose = self.enter_score
        self._looking = None
        self.remove_class("-gallery")
        self.set_class(self._beside, "-beside")
        self.rows.focus()
        self.redraw()

    def on_mount(self) -> None:
        """Listen to the keeper, and ask it for all entries."""
        self.listen()
        self.beholder.job_progress.subscribe(self, self._job_progressed)
        super().on_mount()
        self.beholder.keeper.read()

    def came_back(self) -> None:
        """Look at once when the screen is shown again."""
        self.beholder.keeper.look()

    def reading_failed(self, refused: ScoresRefused) -> None:
        """Say in the place of the photos why there are none."""
        self._unread = refused.error
        self.redraw()

    def rearrange(self, task: Task) -> None:
        """Let a thread work out which rows to show."""

        async def arranged() -> None:
            view = await asyncio.to_thread(task.work)
            if view is not None:
                self.post_message(self.Arranged(task, view))

        self.in_background(arranged, "data")

    @on(Arranged)
    def _arranged(self, message: Arranged) -> None:
        same_wish = message.task.before is not None
        was_read, before = self.album.is_read, self.rows.row
        if self.album.take(message.task, message.view):
            here = None if before is None else before.name
            name = next((name for name in (self._wanted, self._before_filter, here) if name is not None), None)
            row = None if name is None else message.view.find(name)
            if row is not None:
                self._wanted = None
            if not self.query_one(FilterBar).has_focus_within:
                self._before_filter = None
            stay = self.rows.cursor if same_wish and was_read else 0
            self._show(stay if row is None else row)

    def want(self, name: str) -> None:
        """Go to a photo as soon as it is in the list."""
        self._wanted = name

    def redraw(self, select: str | None = None) -> None:
        """Show the album as it is now.

        Args:
            select: name of the photo to go to; None keeps the cursor on its photo.
        """
        row = None if select is None else self.album.view.find(select)
        self._show(self.rows.cursor if row is None else row)

    def _show(self, cursor: int) -> None:
        empty, unread = self.query_one("#empty", Static), None if self.album.is_read else self._unread
        empty.update(t("data.empty") if unread is None else f"{say(unread.message)}\n\n{say(unread.remedy)}")
        empty.display = not self.album.total and (self.album.is_read or unread is not None)
        self.query_one("#data").display = not empty.display
        if self.focused is None:
            self.rows.focus()
        table, reading, wish = self.query_one(ScoreTable), self.album.reading, self.album.wish
        wanted: dict[str, Any] = {"guessed": reading.guessed, "longest": reading.longest}
        if wanted != self._columns:
            self._columns = wanted
            table.set_columns(columns(**wanted), self._cells)
        table.show_order(wish.sort, reverse=wish.descending)
        self.rows.set_rows(self.album.view, cursor=cursor)
        self.redraw_counts()
        found = len(self.album.view)
        text = t("data.no_match") if not found and reading.entries else t("data.match", n=found, total=self.album.total)
        if parts := unfinished(wish.filter_text):
            text = f"{t('data.unfinished', parts=display_name(' '.join(parts)))} · {text}"
        self.query_one(FilterBar).note(text if wish.filter_text.strip() else "")

    def redraw_counts(self) -> None:
        """Show the row's number and the counts."""
        if not self.album.is_read:
            self.query_one("#counts", Static).update("" if self._unread else t("data.reading"), layout=False)
            return
        reading, shown = self.album.reading, len(self.album.view)
        parts = [t("data.row", n=f"{min(self.rows.cursor + 1, shown):,}", total=f"{shown:,}")]
        parts.append(t("data.counts", scored=f"{reading.scored:,}", total=f"{self.album.total - reading.missing:,}"))
        counts = {"marked": len(self.album.marks), "flagged": reading.flagged, "missing": reading.missing}
        parts += [t(f"data.{key}", n=f"{n:,}") for key, n in counts.items() if n]
        text = Text(" · ".join(parts), no_wrap=True, overflow="ellipsis")
        self.query_one("#counts", Static).update(text, layout=False)

    def show_row(self, row: Entry | None) -> None:
        """Show the photo, where there is room for one, and its number."""
        self.redraw_counts()
        if not self.shows_photo:
            return
        self.query_one("#info", Static).update(Text("" if row is None else display_name(row.name)), layout=False)
        at, shown = self.rows.cursor, self.rows.rows
        near = [shown[place] for place in (at + 1, at - 1, at + 2) if 0 <= place < len(shown)]
        photo = self.query_one(Photo)
        photo.show(None if row is None else self._path(row), [self._path(entry) for entry in near])

    @on(Photo.Loaded)
    def _photo_loaded(self, loaded: Photo.Loaded) -> None:
        row, info = self.rows.row, loaded.photo.info
        if row is not None and info is not None and self._path(row) == loaded.path:
            text = Text(f"{display_name(row.name)}  ", no_wrap=True, overflow="ellipsis")
            self.query_one("#info", Static).update(text.append(info_line(info), style="dim"), layout=False)

    def action_sort(self) -> None:
        """Sort by the next column that is shown."""
        shown = [column.key for column in self.query_one(ScoreTable).columns if column.key] or list(SORTS)
        now = self.album.wish.sort
        following = shown[(shown.index(now) + 1) % len(shown)] if now in shown else shown[0]
        self._sort_by(following, reverse=False)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._sort_by(self.album.wish.sort, reverse=not self.album.wish.reverse)

    @on(ScoreTable.HeaderClicked)
    def _header_clicked(self, event: ScoreTable.HeaderClicked) -> None:
        wish = self.album.wish
        self._sort_by(event.key, reverse=not wish.reverse if event.key == wish.sort else False)

    def _sort_by(self, sort: str, *, reverse: bool) -> None:
        self.rearrange(self.album.ask(replace(self.album.wish, sort=sort, reverse=reverse)))

    def action_filter(self) -> None:
        """Open the filter."""
        # the first letters may let nothing pass: the cursor comes back to its photo as soon as that is shown
        self._before_filter = None if self.rows.row is None else self.rows.row.name
        self.query_one(FilterBar).open()

    def action_keep_filter(self) -> None:
        """Leave the filter and keep it."""
        self.query_one(FilterBar).keep()

    def action_drop_filter(self) -> None:
        """Leave the filter and show all photos again."""
        self.query_one(FilterBar).drop()

    @on(FilterBar.Changed)
    def _filter_changed(self, message: FilterBar.Changed) -> None:
        self.rearrange(self.album.ask(replace(self.album.wish, filter_text=message.text)))

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.rows.focus()
        if not self.album.is_asked:
            self._before_filter = None

    async def action_next_unscored(self) -> None:
        """Go to the next photo without a score, from the top again after the last."""
        found = await asyncio.to_thread(self.album.view.next_unscored, self.rows.cursor)
        if found is None:
            self.notify(t("data.all_scored"), markup=False)
        else:
            self.rows.go_to(found)

    def action_find(self) -> None:
        """Ask for a row's number or a name, and go there."""
        self.beholder.push_screen(JumpDialog(len(self.album.view)), self._find)

    async def _find(self, text: str | None) -> None:
        if text is None:
            return
        if text.isdecimal():
            self.rows.go_to(int(text) - 1)
            return
        row = await asyncio.to_thread(self.album.view.search, text, self.rows.cursor)
        if row is None:
            self.notify(t("data.jump.nothing", text=display_name(text)), markup=False)
        else:
            self.rows.go_to(row)

    def action_gallery(self) -> None:
        """Switch between the table and the gallery."""
        views, cursor = self.query_one("#views", ContentSwitcher), self.rows.cursor
        views.current = "gallery" if views.current == "table" else "table"
        self.set_class(views.current == "gallery", "-gallery")
        self.rows.focus()
        self._looking = None
        self._show(cursor)

    def action_beside(self) -> None:
        """Show the photo beside the table, or no more; remembered."""
        self._beside = not self._beside
        self.set_class(self._beside, "-beside")
        self.beholder.remember(beside="photo" if self._beside else "")
        self._looking = None
        self.look()

    def action_cells(self) -> None:
        """Draw the photo in the next way that this terminal can show."""
        self.query_one(Photo).next_cells()

    def action_one_by_one(self) -> None:
        """Score what is shown, one photo after the other, as large as the screen."""
        wish, row = self.album.wish, self.rows.row
        everything = not wish.filter_text.strip() and wish.sort == "name" and not wish.descending
        names = None if everything else [entry.name for entry in self.album.view if entry.present]
        self.beholder.open_scoring(names, at=None if row is None else row.name)

    def action_guess(self) -> None:
        """Let the best model guess the scores of the photos that it has not guessed yet."""
        if not self._guessing:
            self.in_background(self._start_guessing, "guess")

    async def _start_guessing(self) -> None:
        from engine.jobs import client
        from engine.prediction.guesses import unguessed

        wanted = await asyncio.to_thread(unguessed, self.workspace)
        if not wanted.model_id:
            self.notify(t("data.guess.no_model"), markup=False)
        elif not wanted.paths:
            self.notify(t("data.guess.all"), markup=False)
        else:
            start = partial(client.start, self.workspace, "predict", wanted.request())
            self._guessing = await asyncio.to_thread(start)
            self.beholder.follow_job(self._guessing)
            self.notify(t("data.guess.begun", n=len(wanted.paths)), markup=False)

    def _job_progressed(self, progress: JobProgress) -> None:
        ended = {"finished", "failed", "cancelled"} & {str(event["type"]) for event in progress.events}
        if progress.job_id == self._guessing and ended:
            self._guessing = ""
            self.beholder.keeper.look()
            self.notify(t(f"data.guess.{ended.pop()}"), markup=False)

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Hide an empty filter that was left by a click."""
        bar = self.query_one(FilterBar)
        bar.display = bool(bar.field.value)

    def _path(self, entry: Entry) -> Path:
        return self.workspace.data / entry.name

    def _cells(self, entry: Entry) -> list[str]:
        marked = entry.name in self.album.marks
        return cells(entry, self.field.scale, marked=marked, guessed=self._columns["guessed"])

    def _caption(self, entry: Entry) -> tuple[str, str]:
        signs = ("✓" if entry.name in self.album.marks else "") + ("⚑" if entry.flagged else "")
        return shown_name(entry), signs + (format_score(entry.score) or "–")


def _name(entry: Entry) -> str:
    return entry.name
