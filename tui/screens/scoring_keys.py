"""What each key of the scoring mode does.

The app runs the actions of priority bindings one after the other, and no key that leads elsewhere (F3, ctrl+q)
overtakes them: a burst of keys over a slow line takes effect in the order in which it was typed. Keys that come before
the photos are read wait for them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType

from engine.errors import display_name
from engine.labels.scorebook import Change, ScoreBook
from engine.workspace import format_score
from tui.i18n import t
from tui.long_lists import uncollected
from tui.own_changes import give_again, take_back
from tui.scoring_keymap import SCORING_BINDINGS
from tui.scoring_lines import keys_hint, result_text
from tui.scoring_session import ScoringSession, Step
from tui.screens.base import BaseScreen
from tui.widgets.photo import Photo

_LONGEST_NAME = 60


class ScoringKeys(BaseScreen):
    """A screen with one large `Photo` and a `ScoringSession`."""

    BINDINGS: ClassVar[list[BindingType]] = SCORING_BINDINGS

    def __init__(self) -> None:
        super().__init__()
        self.sitting: ScoringSession | None = None
        """None until the screen is mounted."""
        self.finding: str | None = None
        """What is typed to find a photo; None while none is looked for."""
        self.summing = False
        """Whether the summary covers the photo."""
        self.informing = False
        """Whether size, date and camera are shown."""
        self.note = ""
        """Told until the next key."""
        self.asked = 0
        """How many undos and redos of what was done before this sitting are not answered yet."""
        self._pressed: deque[tuple[str, str]] = deque()
        self._searching = False
        self._handed: dict[int, Step] = {}
        self._on_load: Callable[[], None] | None = None
        self._verbs: dict[str, Callable[[ScoringSession], object]] = {
            "enter": self._enter,
            "erase": lambda sitting: sitting.erase(),
            "skip": lambda sitting: sitting.skip(),
            "next": self._next,
            "undo": self._undo,
            "redo": self._redo,
            "flag": self._flag,
            "style": self._style,
            "advance": self._advance,
            "order": self._order,
            "find": self._begin_to_find,
            "summary": self._summary,
            "info": self._info,
            "cells": lambda sitting: self.photo.next_cells(),
            "zoom": lambda sitting: self._zoom(self.photo.toggle_zoom),
            "nearer": lambda sitting: self._zoom(partial(self.photo.zoom, 1)),
            "farther": self._farther,
            "left": partial(self._move, by=-1),
            "right": partial(self._move, by=1),
            "up": lambda sitting: self.photo.pan(0, -1),
            "down": lambda sitting: self.photo.pan(0, 1),
            "first": lambda sitting: self._write(sitting.go_to(0)),
            "last": lambda sitting: self._write(sitting.go_to(sitting.queue.stop - 1)),
            "leave": self._leave,
        }

    @property
    def photo(self) -> Photo:
        """The photo."""
        return self.query_one(Photo)

    @property
    def is_settled(self) -> bool:
        """Whether every key has taken effect, and every score that was given is on the disk."""
        return not (self._pressed or self._searching or self._handed)

    @property
    @abstractmethod
    def is_readable(self) -> bool:
        """Whether the scores can be read; if not, keys do nothing but leave."""

    @abstractmethod
    def redraw(self) -> None:
        """Show the present state."""

    # ---- one key after the other

    def action_press(self, verb: str, character: str) -> None:
        """Take one key.

        Args:
            verb: what it does; ``type`` for digits and the like, empty for letters that do nothing.
            character: what it writes.
        """
        waits = self._searching or self._pressed or self.sitting is None or not self.sitting.is_read
        if verb == "leave" and (not self.is_readable or (waits and not self._pressed and not self._searching)):
            self.app.pop_screen()
        elif self.is_readable:
            self._pressed.append((verb, character))
            self.catch_up()

    def catch_up(self) -> None:
        """Do what the keys ask for, as far as the photos are there for it."""
        while self._pressed and self.sitting is not None and self.sitting.is_read and not self._searching:
            verb, character = self._pressed.popleft()
            if self.finding is None:
                self._do(self.sitting, verb, character)
            else:
                self._spell(verb, character)
        self.redraw()

    def forget(self) -> None:
        """Forget the keys that wait: the photos can't be read."""
        self._pressed.clear()

    def on_key(self, event: events.Key) -> None:
        """Take the characters of a name that no binding can list, such as Chinese ones."""
        if event.character and event.is_printable and self.finding is not None:
            event.stop()
            self._add(event.character)

    def _spell(self, verb: str, character: str) -> None:
        """Take a key for the name that is looked for; `on_key` may still hold characters that came before it."""
        if verb == "leave":
            self.finding = None
        elif verb == "enter":
            self._searching = True  # all that is pressed from now on is meant for the photo that is found
            self.call_later(self._find)
        elif verb == "erase":
            self.call_later(self._erase)
        elif character:
            self.call_later(self._add, character)

    def _add(self, text: str) -> None:
        if self.finding is not None:
            self.finding = f"{self.finding}{text}"[:_LONGEST_NAME]
            self.redraw()

    def _erase(self) -> None:
        if self.finding is not None:
            self.finding = self.finding[:-1]
            self.redraw()

    def _find(self) -> None:
        text, self.finding, self._searching = self.finding or "", None, False
        sitting = self.sitting
        if sitting is None:
            return
        place = sitting.queue.find(text)
        if place is not None:
            self._write(sitting.go_to(place))
        elif text.strip():
            self.note = t("scoring.not_found", text=display_name(text))
        self.catch_up()

    def _do(self, sitting: ScoringSession, verb: str, character: str) -> None:
        self.note, self._on_load = "", None
        self.summing = self.summing and verb in {"enter", "leave", "summary"}
        if verb == "type":
            self._type(sitting, character)
        elif verb in self._verbs:
            self._verbs[verb](sitting)

    # ---- scores

    def _write(self, step: Step | None) -> None:
        if step is None:
            return
        keeper = self.beholder.keeper
        if step.again and step.before is not None:
            ticket = keeper.rerate(step.name, step.before, step.score)
        else:
            ticket = keeper.set(step.name, step.score)
        self._handed[ticket] = step

    def written(self, ticket: int) -> None:
        """Tell of a score now that it is on the disk.

        Args:
            ticket: the number under which it was handed over.
        """
        step = self._handed.pop(ticket, None)
        if step is not None and self.sitting is not None:
            self.sitting.tell(step)

    def refused(self) -> None:
        """Tell no more of what was handed over: not all of it could be written."""
        self._handed.clear()

    def _type(self, sitting: ScoringSession, character: str) -> None:
        if sitting.is_no_key(character):
            self.note = keys_hint(sitting)
        self._write(sitting.type(character))

    def _enter(self, sitting: ScoringSession) -> None:
        if self.summing:
            self.summing = False
            return
        if sitting.queue.turn is None:
            self.note = t("scoring.at_end") if sitting.queue.stop else ""
        elif sitting.needs_score:
            self.note = t("scoring.needs_score")
        self._write(sitting.enter())
        if sitting.typed:
            low, high = (format_score(end) for end in (sitting.scale.low, sitting.scale.high))
            self.note = t("scoring.outside", text=sitting.typed, low=low, high=high)

    def _undo(self, sitting: ScoringSession) -> None:
        """Take the last score of this sitting back; where there is none, the last change of all."""
        step = sitting.undo()
        if step is None:
            self.asked += 1
            self.beholder.keeper.undo()
            return
        if sitting.queue.is_blind:
            self.note = t("scoring.undone_blind")
        else:
            old, new = (format_score(score) or "–" for score in (step.score, step.before))
            self.note = t("scoring.undone", name=display_name(step.name), old=old, new=new)
        if step.is_change:
            self.beholder.keeper.change(partial(_take_back, step=step))

    def _redo(self, sitting: ScoringSession) -> None:
        step = sitting.redo()
        if step is None:
            self.asked += 1
            self.beholder.keeper.redo()
        elif step.again:
            self._write(step)
        elif step.is_change:
            self._handed[self.beholder.keeper.change(partial(_give_again, step=step))] = step

    def _flag(self, sitting: ScoringSession) -> None:
        if flagged := sitting.flag():
            self.beholder.keeper.flag(*flagged)

    # ---- places

    def _next(self, sitting: ScoringSession) -> None:
        if not sitting.next_open():
            self.note = t("scoring.none_open")

    def _move(self, sitting: ScoringSession, by: int) -> None:
        if self.photo.zoomed:
            self.photo.pan(by, 0)
        else:
            self._write(sitting.go_to(sitting.queue.place + by))

    def _begin_to_find(self, sitting: ScoringSession) -> None:
        self.finding = ""

    # ---- choices

    def _style(self, sitting: ScoringSession) -> None:
        names = {"type": "scoring.style_type", "tens": "scoring.style_tens", "stars": "scoring.style_stars"}
        self.note = t(names[sitting.next_style()])
        self._remember(sitting)

    def _advance(self, sitting: ScoringSession) -> None:
        sitting.advance = not sitting.advance
        self.note = t("scoring.advance_on" if sitting.advance else "scoring.advance_off")
        self._remember(sitting)

    def _order(self, sitting: ScoringSession) -> None:
        names = {
            "file": "scoring.order_file",
            "unscored": "scoring.order_unscored",
            "random": "scoring.order_random",
            "rerate": "scoring.order_rerate",
        }
        with uncollected():
            self.note = t(names[sitting.next_order()])
        self._remember(sitting)

    def _remember(self, sitting: ScoringSession) -> None:
        advance = "on" if sitting.advance else "off"
        self.beholder.remember(scoring_order=sitting.queue.order, scoring_keys=sitting.style, scoring_advance=advance)

    # ---- what is seen

    def _summary(self, sitting: ScoringSession) -> None:
        self.summing = not self.summing and sitting.queue.turn is not None

    def _info(self, sitting: ScoringSession) -> None:
        self.informing = not self.informing

    def _zoom(self, zoom: Callable[[], None]) -> None:
        if self.photo.is_loaded:
            zoom()
        else:
            self._on_load = zoom

    @on(Photo.Loaded)
    def _photo_loaded(self) -> None:
        zoom, self._on_load = self._on_load, None
        if zoom is not None:
            zoom()
        if self.informing or self.photo.zoomed:
            self.redraw()

    def _farther(self, sitting: ScoringSession) -> None:
        """Zoom out; a photo that is not zoomed leaves the minus to the scores."""
        if self.photo.zoomed:
            self.photo.zoom(-1)
        else:
            self._type(sitting, "-")

    def _leave(self, sitting: ScoringSession) -> None:
        """Drop what is being typed, close what is open, unzoom; else leave."""
        if sitting.typed:
            sitting.drop()
        elif self.summing:
            self.summing = False
        elif self.photo.zoomed:
            self.photo.toggle_zoom()
        else:
            told = "" if sitting.queue.turn is None else result_text(sitting)
            self.app.pop_screen()
            if told:
                self.app.notify(told, markup=False)


def _take_back(book: ScoreBook, step: Step) -> Change:
    return take_back(book, step.name, step.score, step.before)


def _give_again(book: ScoreBook, step: Step) -> Change:
    return give_again(book, step.name, step.score, step.before)
