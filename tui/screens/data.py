"""Data: look at the photos of the workspace and score them from the keyboard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher, Input, Static

from engine.errors import BeholderError, display_name
from engine.images import read_info
from engine.labels.scorebook import Change, Entry
from engine.workspace import Scale, format_score
from tui.i18n import say, t
from tui.keymap import bind
from tui.messages import ScoreNews
from tui.score_keeper import ScoresChanged, ScoresRead, ScoresRefused
from tui.screens.data_view import Album
from tui.screens.scoring import ScoringScreen
from tui.widgets.gallery import Gallery
from tui.widgets.photo import Photo
from tui.widgets.row_list import RowList
from tui.widgets.score_field import ScoreField
from tui.widgets.score_table import Column, ScoreTable


class DataScreen(ScoringScreen):
    """All photos with their scores, one of them large, and a field for its score."""

    area = "data"
    help_key = "app.help.data"
    CSS_PATH = "data.tcss"
    AUTO_FOCUS = "#table"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("u", "undo", "app.data.undo", id="data.undo"),
        bind("r", "redo", "app.data.redo", id="data.redo", show=False),
        bind("n", "next_unscored", "app.data.next", id="data.next"),
        bind("s", "sort", "app.data.sort", id="data.sort"),
        bind("slash", "filter", "app.data.filter", id="data.filter", display="/"),
        bind("g", "gallery", "app.data.gallery", id="data.gallery"),
        bind("c", "cells", "app.data.cells", id="data.cells", show=False),
        bind("delete", "clear", "app.data.clear", id="data.clear", show=False),
    ]

    @dataclass
    class InfoRead(Message):
        """Size, date and camera of a photo."""

        name: str
        text: str

    def __init__(self) -> None:
        super().__init__()
        self.album = Album()
        self._unread: BeholderError | None = None

    def body(self) -> ComposeResult:
        """Yield the table or the gallery, the photo, the score field and the counts."""
        columns = (
            Column(t("app.data.name")),
            Column(t("app.data.score"), 7, "right"),
            Column(t("app.data.state"), 9, from_width=44),
        )
        with Horizontal(id="data"):
            with Vertical(id="list"):
                field = Input(placeholder=t("app.data.filter_hint"), id="filter", compact=True)
                field.display = False  # from its first moment, or a key pressed too early would filter
                yield field
                with ContentSwitcher(initial="table", id="views"):
                    yield ScoreTable(_name, _cells, columns, id="table")
                    yield Gallery(_name, _caption, self._path, self.workspace.thumbnails, id="gallery")
                yield Static("", id="counts")
            with Vertical(id="look"):
                yield Photo(id="photo")
                yield Static("", id="info")
                yield ScoreField(Scale(), id="score")
        yield Static(t("app.data.empty"), id="empty", markup=False)

    @property
    def rows(self) -> RowList[Any]:
        """The table or the gallery, whichever is shown."""
        name = self.query_one("#views", ContentSwitcher).current
        return self.query_one(f"#{name}", RowList)

    def fill(self) -> None:
        """Show what is known, and read the rest."""
        try:
            self.field.scale = self.workspace.scale
        except BeholderError as error:
            self.beholder.show_error(error)
        field = self.query_one("#filter", Input)
        field.value, field.display = self.album.filter_text, bool(self.album.filter_text)
        for rows in self.query(RowList):
            rows.on_choose = self.enter_score
        self._looking = None
        self.remove_class("-gallery")
        self.rows.focus()
        self.redraw()

    def on_mount(self) -> None:
        """Listen to the thread that keeps the scores, and ask it for all entries."""
        self.beholder.score_news.subscribe(self, self._take_news)
        super().on_mount()
        self.beholder.keeper.read()

    def came_back(self) -> None:
        """Look at once when the screen is shown again."""
        self.beholder.keeper.look()

    def _take_news(self, news: ScoreNews) -> None:
        if isinstance(news, ScoresRead):
            self._scores_read(news)
        elif isinstance(news, ScoresChanged):
            self._scores_changed(news)
        elif isinstance(news, ScoresRefused):
            self._scores_refused(news)

    def _scores_read(self, message: ScoresRead) -> None:
        self.album.replace(list(message.entries))
        self.redraw()

    def _scores_changed(self, message: ScoresChanged) -> None:
        change = message.change
        for edit in change.edits:
            self.album.put(edit.name, edit.new)
        if change.kind in {"undo", "redo"}:
            self.notify(_told(change), markup=False, timeout=4)
            self.redraw(select=change.edits[0].name if change.edits else None)
        else:
            self.redraw()

    def _scores_refused(self, message: ScoresRefused) -> None:
        if message.reading and not self.album.is_read:
            self._unread = message.error
            self.redraw()
        self.beholder.show_error(message.error)
        if not message.reading:
            self.beholder.keeper.read()

    def redraw(self, select: str | None = None) -> None:
        """Show the album as it is now.

        Args:
            select: name of the photo to go to; None keeps the cursor on its photo.
        """
        empty, unread = self.query_one("#empty", Static), None if self.album.is_read else self._unread
        empty.update(t("app.data.empty") if unread is None else f"{say(unread.message)}\n\n{say(unread.remedy)}")
        empty.display = not self.album.total and (self.album.is_read or unread is not None)
        self.query_one("#data").display = not empty.display
        self.rows.set_rows(self.album.shown(), select=select)
        parts = [t("app.data.counts", scored=self.album.scored, total=self.album.total - self.album.missing)]
        if self.album.missing:
            parts.append(t("app.data.missing", n=self.album.missing))
        if self.album.filter_text:
            parts.append(t("app.data.shown", n=len(self.rows.rows)))
        if self.album.by_score:
            parts.append(t("app.data.by_score"))
        self.query_one("#counts", Static).update(Text(" · ".join(parts)))

    def row_key(self, row: Entry) -> str:
        """Return an entry's file name."""
        return row.name

    def show_row(self, row: Entry | None) -> None:
        """Show the photo and begin to read its size, date and camera."""
        self.query_one(Photo).show(None if row is None else self._path(row))
        self.query_one("#info", Static).update(Text("" if row is None else display_name(row.name)))
        if row is not None:
            self._read_info(row.name)

    def give(self, key: str, score: float | None) -> None:
        """Show a score at once, and hand it to the thread that writes it."""
        self.album.put(key, score)
        self.beholder.keeper.set(key, score)

    @work(group="info", exclusive=True)
    async def _read_info(self, name: str) -> None:
        await asyncio.sleep(0.05)
        try:
            info = await asyncio.to_thread(read_info, self.workspace.data / name)
        except (BeholderError, OSError):
            return  # the photo's place says why
        parts = [f"{info.width}×{info.height}", info.taken or "", info.camera or ""]
        self.post_message(self.InfoRead(name, " · ".join(part for part in parts if part)))

    @on(InfoRead)
    def _info_read(self, message: InfoRead) -> None:
        if self.rows.row is not None and self.rows.row.name == message.name:
            text = Text(f"{display_name(message.name)}  ", no_wrap=True, overflow="ellipsis")
            self.query_one("#info", Static).update(text.append(display_name(message.text), style="dim"))

    def on_key(self, event: events.Key) -> None:
        """Leave the filter with Escape or down."""
        if isinstance(self.focused, Input) and event.key in {"escape", "down"}:
            event.stop()
            self._leave_filter(keep=event.key == "down")
        else:
            super().on_key(event)

    def action_clear(self) -> None:
        """Take the score of the highlighted photo away."""
        if self.rows.row is not None and self.rows.row.score is not None:
            self.give(self.rows.row.name, None)
            self.redraw()

    def action_undo(self) -> None:
        """Take the last change back."""
        self.beholder.keeper.undo()

    def action_redo(self) -> None:
        """Make the last undone change again."""
        self.beholder.keeper.redo()

    def action_sort(self) -> None:
        """Sort by name or by score."""
        self.album.by_score = not self.album.by_score
        self.redraw()

    def action_next_unscored(self) -> None:
        """Go to the next photo without a score, from the top again after the last."""
        found = self.album.next_unscored(self.rows.rows, self.rows.cursor)
        if found is None:
            self.notify(t("app.data.all_scored"), markup=False)
        else:
            self.rows.go_to(found)

    def action_gallery(self) -> None:
        """Switch between the table and the gallery."""
        views, name = self.query_one("#views", ContentSwitcher), self.rows.row and self.rows.row.name
        views.current = "gallery" if views.current == "table" else "table"
        self.set_class(views.current == "gallery", "-gallery")
        self.rows.focus()
        self.redraw(select=name)

    def action_cells(self) -> None:
        """Switch between half and quadrant cells."""
        photo = self.query_one(Photo)
        photo.cells = "quadrant" if photo.cells == "half" else "half"

    def action_filter(self) -> None:
        """Open the filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def _leave_filter(self, *, keep: bool) -> None:
        field = self.query_one("#filter", Input)
        if not keep:
            field.value = ""
        field.display = bool(field.value)
        self.rows.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.album.filter_text = event.value
        self.redraw()

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self) -> None:
        self._leave_filter(keep=True)

    def _path(self, entry: Entry) -> Path:
        return self.workspace.data / entry.name


def _name(entry: Entry) -> str:
    return entry.name


def _state(entry: Entry) -> str:
    if not entry.present:
        return t("app.state.missing")
    return t("app.state.unscored") if entry.score is None else t("app.state.scored")


def _cells(entry: Entry) -> tuple[str, str, str]:
    return display_name(entry.name), format_score(entry.score) or "–", _state(entry)


def _caption(entry: Entry) -> tuple[str, str]:
    return display_name(entry.name), format_score(entry.score) or "–"


def _told(change: Change) -> str:
    """Return one line about an undone or redone change."""
    done = t("app.data.undone") if change.kind == "undo" else t("app.data.redone")
    if len(change.edits) != 1:
        return t("app.data.told_many", done=done, n=len(change.edits))
    edit = change.edits[0]
    none = t("app.score.none")
    return t(
        "app.data.told",
        done=done,
        name=display_name(edit.name),
        old=format_score(edit.old) or none,
        new=format_score(edit.new) or none,
    )
