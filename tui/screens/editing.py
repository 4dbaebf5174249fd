"""What can be done to photos in a list: mark, score, flag, change many, add, delete, undo; all through the keeper."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Collection
from typing import ClassVar

from textual.binding import BindingType

from engine.errors import display_name
from engine.labels.scorebook import Change, Entry
from engine.workspace import format_score
from tui.change_story import change_line, counted, outside_lines
from tui.dialogs.add_entry import Added, AddEntryDialog
from tui.dialogs.change_scores import ChangeScoresDialog, Scores
from tui.dialogs.confirm import ConfirmDialog
from tui.i18n import t
from tui.keymap import bind
from tui.messages import ScoreNews
from tui.score_keeper import Flagged, OutsideChanged, ScoresChanged, ScoresRead, ScoresRefused
from tui.score_rules import Plan
from tui.screens.base import BaseScreen
from tui.screens.data_columns import difference_text, guess_text
from tui.screens.data_view import Album, Task
from tui.screens.scoring import ScoringScreen
from tui.widgets.row_list import RowList

_NAMED = 8
"""So many photos are named before they are deleted; of the others only the number is told."""
_MANY_EDITS = 1000
"""More edits than that are read from the disk again instead of being put into the list one by one."""


class EditingScreen(ScoringScreen):
    """A list of the workspace's photos in which everything can be changed; nothing waits for the disk."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("u", "undo", "data.key.undo", id="data.undo"),
        bind("r", "redo", "data.key.redo", id="data.redo", show=False),
        bind("backspace", "erase", "app.score.erase", id="score.erase", show=False),
        bind("backspace", "clear", "data.key.clear", id="data.clear", show=False),
        bind("space", "mark", "data.key.mark", id="data.mark", show=False),
        bind("a", "mark_all", "data.key.mark_all", id="data.mark_all", show=False),
        bind("e", "change", "data.key.change", id="data.change"),
        bind("i,insert", "add", "data.key.add", id="data.add", show=False),
        bind("delete", "remove", "data.key.remove", id="data.remove", show=False),
        bind("x", "flag", "data.key.flag", id="data.flag", show=False),
    ]
    IN_LIST: ClassVar[frozenset[str]] = frozenset({"mark", "mark_all", "change", "remove", "flag"})
    """Actions that need a photo under the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self.album = Album()
        self._adding = ""

    @abstractmethod
    def rearrange(self, task: Task) -> None:
        """Let a thread work out which rows to show, and show them then."""

    @abstractmethod
    def redraw_counts(self) -> None:
        """Show again how many photos there are, are scored, are marked."""

    @abstractmethod
    def reading_failed(self, refused: ScoresRefused) -> None:
        """Say why nothing could be read."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the letters to an input that has the focus."""
        if action in self.IN_LIST:
            return isinstance(self.focused, RowList)
        if action == "clear":
            return isinstance(self.focused, RowList) and not self.field.is_typing
        return super().check_action(action, parameters)

    @property
    def is_in_front(self) -> bool:
        """Whether this is the room that is shown, perhaps below a dialog."""
        return next(room for room in reversed(self.app.screen_stack) if isinstance(room, BaseScreen)) is self

    def listen(self) -> None:
        """Hear of everything that happens to the scores from now on."""
        self.beholder.score_news.subscribe(self, self.take_news)

    def take_news(self, news: ScoreNews) -> None:
        """Show what the keeper tells."""
        if isinstance(news, ScoresRead):
            self.rearrange(self.album.read(news.entries, news.upto, detailed=news.detailed))
        elif isinstance(news, ScoresChanged):
            self._changed(news.change, news.ticket)
        elif isinstance(news, Flagged):
            self._put(news.ticket, news.name, flagged=news.on)
        elif isinstance(news, ScoresRefused):
            self._refused(news)
        elif isinstance(news, OutsideChanged) and self.is_in_front:
            for line in outside_lines(news.changes, news.added, news.gone):
                self.notify(line, title=t("data.outside.title"), markup=False, timeout=8)

    def _changed(self, change: Change, ticket: int) -> None:
        if len(change.edits) > _MANY_EDITS:
            self.beholder.keeper.read()
        else:
            self.repaint(self.album.put_change(ticket, change))
            self.look()
        came = [move.name for move in change.moves if not move.out]
        if came or change.kind == "add":
            for name in [*came, *(edit.name for edit in change.edits)][:1]:
                self.want(name)  # it comes with the next reading
        elif change.kind in {"undo", "redo"} and change.edits:
            self.redraw(select=change.edits[0].name)
        if not self.is_in_front:
            return
        if change.kind == "add" and not came and self._adding not in {edit.name for edit in change.edits}:
            self.notify(t("data.add.twin"), markup=False, timeout=6)
        is_told = change.kind in {"undo", "redo", "add"} and (change.edits or change.moves)
        if is_told or change.moves or len(change.edits) > 1:
            self.notify(change_line(change), markup=False, timeout=4)

    def _refused(self, refused: ScoresRefused) -> None:
        if refused.reading and not self.album.is_read:
            self.reading_failed(refused)
        if self.is_in_front:
            self.beholder.show_error(refused.error)
        if not refused.reading:
            self.beholder.keeper.read()  # what is shown may not be what is there

    @abstractmethod
    def want(self, name: str) -> None:
        """Go to a photo as soon as it is in the list."""

    def _put(self, ticket: int, name: str, **changes: object) -> None:
        if self.album.put(ticket, name, **changes):
            self.repaint([name])

    def repaint(self, names: Collection[str]) -> None:
        """Draw the rows of these photos again where they are in sight, and the counts."""
        if not names:
            return
        rows, page = self.rows, self.rows.page_step() + 1
        near = range(max(rows.cursor - page, 0), min(rows.cursor + page, len(rows.rows)))
        rows.repaint_rows(*(index for index in near if rows.rows[index].name in names))
        self.redraw_counts()

    def row_key(self, row: Entry) -> str:
        """Return an entry's file name."""
        return row.name

    def give(self, key: str, score: float | None) -> None:
        """Show a score at once, and hand it to the thread that writes it."""
        self._put(self.beholder.keeper.set(key, score), key, score=score)
        place = self.album.reading.places.get(key)
        entry = None if place is None else self.album.reading.entries[place]
        self.field.tell("" if entry is None else self._guessed(entry))

    def _guessed(self, entry: Entry) -> str:
        """Return what the model had guessed of a photo that was just scored; nothing where there is no guess."""
        if entry.difference is None:
            return ""
        scale = self.field.scale
        return t(
            "data.field.guessed",
            name=display_name(entry.name),
            score=format_score(entry.score),
            guess=guess_text(entry.guess, scale),
            difference=difference_text(entry.difference, scale),
        )

    async def chosen(self) -> list[str]:
        """Return the names of the marked photos, or of the one under the cursor where none is marked."""
        marks, entries, row = self.album.marks, self.album.reading.entries, self.rows.row
        if marks:
            return await asyncio.to_thread(lambda: [entry.name for entry in entries if entry.name in marks])
        return [] if row is None else [row.name]

    def action_undo(self) -> None:
        """Take the last change back."""
        self.beholder.keeper.undo()

    def action_redo(self) -> None:
        """Make the last undone change again."""
        self.beholder.keeper.redo()

    def action_clear(self) -> None:
        """Take the score of the photo under the cursor away."""
        row = self.rows.row
        if row is not None and row.score is not None:
            self.give(row.name, None)
            self.look()

    def action_mark(self) -> None:
        """Mark the photo under the cursor, or take its mark off, and go on."""
        row, rows = self.rows.row, self.rows
        if row is not None:
            self.album.marks ^= {row.name}
            rows.repaint_rows(rows.cursor)
            rows.go_to(rows.cursor + 1)
            self.redraw_counts()

    async def action_mark_all(self) -> None:
        """Mark all that are shown, or take their marks off where all have one."""
        marks = self.album.marks
        names = await asyncio.to_thread(self.album.view.names)
        self.album.marks = await asyncio.to_thread(lambda: marks - names if names <= marks else marks | names)
        self.rows.refresh()
        self.redraw_counts()

    def action_change(self) -> None:
        """Ask how to change the scores of the chosen photos."""
        row = self.rows.row
        if row is None:
            return
        marks = self.album.marks or {row.name}

        def scores() -> Scores:
            return {entry.name: entry.score for entry in self.album.reading.entries if entry.name in marks}

        def done(plan: Plan | None) -> None:
            if plan is not None:
                self.beholder.keeper.set_many(plan.scores, "set" if plan.kind == "clear" else plan.kind)

        only = display_name(next(iter(marks)))
        title = t("data.change.title", name=only) if len(marks) == 1 else counted("change", len(marks))
        self.beholder.push_screen(ChangeScoresDialog(title, scores, self.field.scale), done)

    def action_add(self) -> None:
        """Ask for one more picture and its score."""

        def done(added: Added | None) -> None:
            if added is not None:
                self._adding = added.path.name
                self.beholder.keeper.add(added.path, added.score)

        self.beholder.push_screen(AddEntryDialog(self.workspace), done)

    async def action_remove(self) -> None:
        """Ask whether to take the chosen photos and their scores away."""
        names = await self.chosen()
        if not names:
            return

        def done(yes: bool | None) -> None:
            if yes:
                self.beholder.keeper.remove(names)

        named = [display_name(name) for name in names[:_NAMED]]
        if len(names) > _NAMED:
            named.append(counted("more", len(names) - _NAMED))
        detail = "\n".join([*(named if len(names) > 1 else ()), "", t("data.remove.detail")]).strip()
        only = t("data.remove.question", name=named[0])
        question = only if len(names) == 1 else counted("remove", len(names))
        dialog = ConfirmDialog(question, detail, yes=t("data.key.remove"), dangerous=True)
        self.beholder.push_screen(dialog, done)

    def action_flag(self) -> None:
        """Flag the photo under the cursor to come back to it, or take its flag off."""
        row = self.rows.row
        if row is not None:
            self._put(self.beholder.keeper.flag(row.name, not row.flagged), row.name, flagged=not row.flagged)
