"""One draft of an import as a list and a photo: it is looked at, scored, narrowed, and photos are left out."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher, Static

from engine.errors import display_name
from engine.labels.importing import ImportItem
from engine.workspace import Scale, format_score
from tui.dialogs.jump import JumpDialog
from tui.i18n import t
from tui.keymap import bind
from tui.screens.import_draft import Draft
from tui.screens.import_texts import item_cells, item_text, state
from tui.screens.scoring import ScoringScreen
from tui.widgets.gallery import Gallery
from tui.widgets.photo import Photo
from tui.widgets.row_list import RowList
from tui.widgets.score_field import ScoreField
from tui.widgets.score_table import Column, ScoreTable

_NEEDS_A_DRAFT = frozenset({"gallery", "show", "find", "beside", "next_unscored", "cells"})
_CHANGES_THE_DRAFT = frozenset({"leave_out", "undo", "redo", "clear"})


_ROOM_FOR_A_PHOTO = 72
"""Columns of a terminal from which on a photo has room beside the table."""


class PreviewScreen(ScoringScreen):
    """The draft as a table or a gallery, the photo beside it, and the field for its score."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # All that these two may mean stands here: Textual takes the bindings of a key from one class alone.
        bind("backspace", "erase", "app.score.erase", id="score.erase", show=False),
        bind("backspace", "clear", "importing.clear", id="import.clear", show=False),
        bind("escape", "drop", "app.score.drop", id="score.drop", show=False),
        bind("escape", "stop", "app.import.stop", id="import.stop"),
        bind("escape", "fold", "importing.fold", id="import.fold"),
        bind("ctrl+s", "save", "app.import.save_key", id="import.save"),
        bind("g", "gallery", "importing.gallery", id="import.gallery"),
        bind("s", "show", "importing.show", id="import.show"),
        bind("x,delete", "leave_out", "importing.leave_out", id="import.leave_out"),
        bind("u", "undo", "importing.undo", id="import.undo"),
        bind("r", "redo", "importing.redo", id="import.redo", show=False),
        bind("n", "next_unscored", "importing.next", id="import.next", show=False),
        bind("f", "find", "importing.find", id="import.find", show=False),
        bind("v", "beside", "importing.beside", id="import.beside", show=False),
        bind("c", "cells", "importing.cells", id="import.cells", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.draft: Draft | None = None
        self._view = "items"
        self._is_beside: bool | None = None
        self.note = ""
        """A sentence that stands in the place of the counts until something changes."""

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether work runs, so that the draft must stay as it is."""

    @abstractmethod
    def action_save(self) -> None:
        """Copy the photos and their scores into the training folder."""

    @abstractmethod
    def action_stop(self) -> None:
        """Stop the work that runs."""

    @abstractmethod
    def action_fold(self) -> None:
        """Fold the form over the preview."""

    @abstractmethod
    def show_counts(self) -> None:
        """Show how many photos there are of each kind."""

    def preview_area(self) -> ComposeResult:
        """Yield the table and the gallery, the photo and the score field."""
        columns = (
            Column(t("app.data.name")),
            Column(t("app.import.size"), 8, "right", from_width=64),
            Column(t("app.data.score"), 6, "right"),
            Column(t("app.import.why"), from_width=56),
            Column(t("app.data.state"), 10),
        )
        with Horizontal(id="preview-area"):
            with ContentSwitcher(initial=self._view, id="views"):
                yield ScoreTable(_key, self._cells, columns, id="items")
                # a preview writes nothing, so it keeps its thumbnails only where there is a workspace already
                kept = self.workspace.thumbnails if self.workspace.exists() else None
                yield Gallery(_key, self._caption, _source, kept, id="gallery")
            with Vertical(id="look"):
                yield Photo(id="photo")
                yield Static("", id="why")
                yield ScoreField(Scale(), id="score")

    def fill(self) -> None:
        """Make the freshly composed lists work."""
        for rows in self.query(RowList):
            rows.on_choose = self.enter_score
        self._looking = None
        self._lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what makes sense now."""
        if action in _NEEDS_A_DRAFT | _CHANGES_THE_DRAFT and self.draft is None:
            return False
        if action in _CHANGES_THE_DRAFT and self.is_busy:
            return False
        if action == "clear" and self.field.is_typing:
            return False
        return super().check_action(action, parameters)

    @property
    def rows(self) -> RowList[Any]:
        """The table or the gallery, whichever is shown."""
        return self.query_one(f"#{self._view}", RowList)

    def row_key(self, row: ImportItem) -> str:
        """Return the path of an item's file."""
        return _key(row)

    def takes_score(self, row: ImportItem) -> bool:
        """Say whether an item comes in at all, and may still be changed."""
        return row.state != "bad" and not self.is_busy

    def show_row(self, row: ImportItem | None) -> None:
        """Show the photo and where its score comes from."""
        rows, place = self.rows.rows, self.rows.cursor
        near = [rows[n].source for n in (place + 1, place - 1, place + 2) if 0 <= n < len(rows)]
        self.query_one(Photo).show(row.source if row else None, near)
        self._show_why()

    @on(Photo.Loaded)
    def _photo_loaded(self) -> None:
        self._show_why()

    def give(self, key: str, score: float | None) -> None:
        """Change a photo's score in the draft."""
        if self.draft is not None and not self.is_busy:
            touched, row = self.draft.give(Path(key), score), self.rows.row
            self._changed(only_here=touched == 1 and row is not None and _key(row) == key)

    def settle_score(self) -> None:
        """Give the photo the score that is being typed, if it is one."""
        row, typed = self.rows.row, self.field.value() if self.field.is_typing else None
        self.action_drop()
        if row is not None and typed is not None:
            self.give(_key(row), typed)

    def action_clear(self) -> None:
        """Take the score of the highlighted photo away."""
        row = self.rows.row
        if row is not None and row.score is not None and self.takes_score(row):
            self.give(_key(row), None)
            self.look()

    def action_leave_out(self) -> None:
        """Leave the highlighted photo out, or take it in again; go on to the next."""
        row, rows = self.rows.row, self.rows
        if row is None or self.draft is None:
            return
        if self.draft.toggle_out(row.source) is None:
            self.notify(t("importing.bad_anyway"), markup=False)
            return
        self._changed()
        rows.go_to(rows.cursor + 1)

    def action_undo(self) -> None:
        """Take the last change of the draft back."""
        if self.draft is not None:
            self._swapped(self.draft.undo(), t("importing.nothing_undone"))

    def action_redo(self) -> None:
        """Make the last undone change again."""
        if self.draft is not None:
            self._swapped(self.draft.redo(), t("importing.nothing_redone"))

    def _swapped(self, source: Path | None, nothing: str) -> None:
        if source is None:
            self.notify(nothing, markup=False)
            return
        assert self.draft is not None
        self.note = ""
        if not any(item.source == source for item in self.draft.shown):
            self.draft.narrow("all")
        self.redraw(select=str(source))
        self.look()

    def _changed(self, *, only_here: bool = False) -> None:
        """Draw what a change alters: the row of the cursor, or also others."""
        self.note = ""
        if only_here:
            self.rows.repaint_rows(self.rows.cursor)
        else:
            self.rows.refresh()
        self.show_counts()
        self._show_why()

    def redraw(self, select: str | None = None) -> None:
        """Show the draft as it is now."""
        self.rows.set_rows(self.draft.shown if self.draft else (), select=select)
        self.show_counts()
        self._show_why()

    def action_show(self) -> None:
        """Show the next kind of photos: all, problems, without a score, and so on."""
        if self.draft is not None:
            self.draft.next_kind()
            self._narrowed()

    def action_narrow(self, kind: str) -> None:
        """Show one kind of photos."""
        if self.draft is not None:
            self.draft.narrow(kind)
            self._narrowed()

    def _narrowed(self) -> None:
        """Show the chosen kind, with the cursor on the same photo, or on the first where that is not among them."""
        self.note = ""
        row, shown = self.rows.row, self.draft.shown if self.draft else ()
        if row is not None and not any(item.source == row.source for item in shown):
            row = shown[0] if shown else None
        self.redraw(select=None if row is None else _key(row))
        self.look()

    def action_next_unscored(self) -> None:
        """Go to the next photo without a score, from the top again after the last."""
        rows = self.rows
        order = [*range(rows.cursor + 1, len(rows.rows)), *range(min(rows.cursor + 1, len(rows.rows)))]
        found = next((n for n in order if rows.rows[n].score is None and rows.rows[n].state != "bad"), None)
        if found is None:
            self.notify(t("app.data.all_scored"), markup=False)
        else:
            rows.go_to(found)

    def action_gallery(self) -> None:
        """Switch between the table and the gallery with its large photo."""
        row = self.rows.row
        self._view = "gallery" if self._view == "items" else "items"
        self._lay_out()
        self.redraw(select=None if row is None else _key(row))
        self.rows.focus()
        self.look()

    def action_beside(self) -> None:
        """Show the photo beside the table, or give the table all the room."""
        self._is_beside = not self._wants_photo
        self._lay_out()
        self._show_why()

    def action_cells(self) -> None:
        """Draw the photo with the next kind of cells, or with real pixels."""
        self.query_one(Photo).next_cells()

    def action_find(self) -> None:
        """Ask for a number or a part of a name, and go there."""

        def asked(text: str | None) -> None:
            found = self.draft.find(text, self.rows.cursor) if text and self.draft is not None else None
            if found is not None:
                self.rows.go_to(found)
            elif text:
                self.notify(t("importing.not_found", text=display_name(text)), markup=False)

        self.beholder.push_screen(JumpDialog(len(self.rows.rows)), asked)

    def on_resize(self) -> None:
        """Give the photo its place where there is room."""
        self._lay_out()
        self._show_why()

    @property
    def _has_photo(self) -> bool:
        return self._view == "gallery" or (self._wants_photo and self.app.size.width >= _ROOM_FOR_A_PHOTO)

    @property
    def _wants_photo(self) -> bool:
        """Whether the table has a photo beside it: as the person chose, else unless the line is slow."""
        return not self.beholder.low_bandwidth if self._is_beside is None else self._is_beside

    def _lay_out(self) -> None:
        self.query_one("#views", ContentSwitcher).current = self._view
        self.set_class(self._view == "gallery", "-gallery")
        self.set_class(self._has_photo, "-photo")

    def _show_why(self) -> None:
        row = self.rows.row
        text = Text()
        if row is not None and self.draft is not None:
            info = self.query_one(Photo).info if self._has_photo else None
            text = item_text(self.draft, row, info, folded=self._has_photo)
        self.query_one("#why", Static).update(text)

    def _cells(self, item: ImportItem) -> tuple[Text | str, ...]:
        return item_cells(self.draft, item) if self.draft else ("",) * 5

    def _caption(self, item: ImportItem) -> tuple[str, str]:
        if self.draft is not None and (item.state != "new" or self.draft.is_out(item)):
            return display_name(item.source.name), state(self.draft, item)
        return display_name(item.source.name), format_score(item.score) or "–"


def _key(item: ImportItem) -> str:
    return str(item.source)


def _source(item: ImportItem) -> Path:
    return item.source
