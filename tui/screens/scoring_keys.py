"""What each key of the scoring mode does.

Every key is a binding, also the letters of a name that is looked for: the app runs one key's action after the other,
so that a burst of keys over a slow line takes effect in the order in which it was typed. Keys that come before the
photos are read wait for them.
"""

from __future__ import annotations

import string
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from engine.errors import display_name
from engine.labels.scorebook import Change, ScoreBook
from engine.workspace import format_score
from tui.i18n import t
from tui.keymap import bind
from tui.own_changes import give_again, take_back
from tui.scoring_lines import keys_hint, result_text
from tui.scoring_session import ScoringSession, Step
from tui.screens.base import BaseScreen
from tui.widgets.photo import Photo

_DIGITS = {digit: digit for digit in "0123456789"}
# As Chinese and Japanese keyboards send them.
_FULL_WIDTH = {chr(ord(digit) + 0xFEE0): digit for digit in "0123456789"}
_SIGNS = {
    "full_stop": ".",
    "comma": ".",
    "grave_accent": "`",
    "fullwidth_full_stop": ".",
    "ideographic_full_stop": ".",
    "fullwidth_comma": ".",
    "middle_dot": "`",
}
# The footer shows keys in this order.
_LETTERS = {
    **{letter: letter for letter in "suxzqo" + string.ascii_letters},
    "space": " ",
    "underscore": "_",
}
_TYPED = frozenset({*_DIGITS, *_FULL_WIDTH, *_SIGNS, *_LETTERS, "minus", "fullwidth_hyphen_minus"})
_LONGEST_NAME = 60


class ScoringKeys(BaseScreen):
    """A screen with one large `Photo` and a `ScoringSession`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"letter('{letter}')", show=False) for key, letter in _LETTERS.items()),
        *(Binding(key, f"type('{sign}')", show=False) for key, sign in {**_DIGITS, **_FULL_WIDTH, **_SIGNS}.items()),
        bind("enter", "enter", "scoring.key.enter", id="scoring.enter", show=False),
        bind("backspace", "erase", "scoring.key.erase", id="scoring.erase", show=False),
        bind("s", "skip", "scoring.key.skip", id="scoring.skip"),
        bind("u", "undo", "scoring.key.undo", id="scoring.undo"),
        bind("r", "redo", "scoring.key.redo", id="scoring.redo", show=False),
        bind("x", "flag", "scoring.key.flag", id="scoring.flag"),
        bind("z", "zoom", "scoring.key.zoom", id="scoring.zoom"),
        bind("q", "style", "scoring.key.style", id="scoring.style"),
        bind("o", "order", "scoring.key.order", id="scoring.order"),
        bind("n", "next", "scoring.key.next", id="scoring.next", show=False),
        bind("t", "advance", "scoring.key.advance", id="scoring.advance", show=False),
        bind("f", "find", "scoring.key.find", id="scoring.find", show=False),
        bind("p", "summary", "scoring.key.summary", id="scoring.summary", show=False),
        bind("i", "info", "scoring.key.info", id="scoring.info", show=False),
        bind("c", "cells", "scoring.key.cells", id="scoring.cells", show=False),
        bind("left", "move(-1)", "scoring.key.left", id="scoring.left", show=False),
        bind("right", "move(1)", "scoring.key.right", id="scoring.right", show=False),
        bind("up", "pan(-1)", "scoring.key.up", id="scoring.up", show=False),
        bind("down", "pan(1)", "scoring.key.down", id="scoring.down", show=False),
        bind("home", "first", "scoring.key.first", id="scoring.first", show=False),
        bind("end", "last", "scoring.key.last", id="scoring.last", show=False),
        bind("plus", "nearer", "scoring.key.nearer", id="scoring.nearer", show=False),
        bind("minus", "minus", "scoring.key.farther", id="scoring.farther", show=False),
        Binding("equals_sign,fullwidth_plus_sign", "nearer", show=False),
        Binding("fullwidth_hyphen_minus", "minus", show=False),
        bind("escape", "leave", "scoring.key.leave", id="scoring.leave"),
    ]

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
        self._early: list[Callable[[], None]] = []

    @property
    def photo(self) -> Photo:
        """The photo."""
        return self.query_one(Photo)

    @property
    @abstractmethod
    def is_readable(self) -> bool:
        """Whether the scores can be read; if not, keys do nothing."""

    @abstractmethod
    def redraw(self) -> None:
        """Show the present state."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let letters belong to the name that is looked for, or else to what they stand for."""
        if action == "letter":
            return self.finding is not None
        return self.finding is None or action in {"type", "minus", "enter", "erase", "leave"}

    def on_key(self, event: events.Key) -> None:
        """Take the other characters of a name that is looked for, such as Chinese ones."""
        if self.finding is not None and event.character and event.is_printable and event.key not in _TYPED:
            event.stop()
            self.action_letter(event.character)

    def _do(self, work: Callable[[ScoringSession], object], *, keep_summary: bool = False) -> None:
        """Do what a key asks for: now, or as soon as the photos are read."""
        if not self.is_readable:
            return
        if self.sitting is None or not self.sitting.is_read:
            self._early.append(partial(self._do, work, keep_summary=keep_summary))
            return
        self.note = ""
        self.summing = self.summing and keep_summary
        work(self.sitting)
        self.redraw()

    def do_early(self) -> None:
        """Do what was asked for before the photos were read."""
        early, self._early = self._early, []
        for work in early:
            work()

    def forget_early(self) -> None:
        """Forget what was asked for: the photos can't be read."""
        self._early.clear()

    def _write(self, step: Step | None) -> None:
        if step is None:
            return
        if step.again and step.before is not None:
            self.beholder.keeper.rerate(step.name, step.before, step.score)
        else:
            self.beholder.keeper.set(step.name, step.score)

    def action_type(self, character: str) -> None:
        """Type one character of a score, or of the photo that is looked for."""

        def work(session: ScoringSession) -> None:
            if self.finding is not None:
                self.finding += character
                return
            if session.is_no_key(character):
                self.note = keys_hint(session)
            self._write(session.type(character))

        self._do(work)

    def action_letter(self, letter: str) -> None:
        """Type one letter of the name that is looked for."""

        def work(session: ScoringSession) -> None:
            self.finding = f"{self.finding or ''}{letter}"[:_LONGEST_NAME]

        self._do(work)

    def action_minus(self) -> None:
        """Zoom out; else a minus is a key of the quick style, or begins a score below zero."""
        photo = self.photo if self.is_mounted else None
        if self.finding is None and photo is not None and photo.zoomed:
            self._do(lambda session: photo.zoom(-1))
        else:
            self.action_type("-")

    def action_enter(self) -> None:
        """Confirm what was typed, or go on."""

        def work(session: ScoringSession) -> None:
            if self.finding is not None:
                self._find(session)
            elif self.summing:
                self.summing = False
            elif session.queue.turn is None:
                self.note = t("scoring.at_end")
            else:
                if session.needs_score:
                    self.note = t("scoring.needs_score")
                self._write(session.enter())
                if session.typed:
                    low, high = (format_score(end) for end in (session.scale.low, session.scale.high))
                    self.note = t("scoring.outside", text=session.typed, low=low, high=high)

        self._do(work, keep_summary=True)

    def _find(self, session: ScoringSession) -> None:
        text, self.finding = self.finding or "", None
        place = session.queue.find(text)
        if place is not None:
            self._write(session.go_to(place))
        elif text.strip():
            self.note = t("scoring.not_found", text=display_name(text))

    def action_erase(self) -> None:
        """Take the last typed character back."""

        def work(session: ScoringSession) -> None:
            if self.finding is None:
                session.erase()
            else:
                self.finding = self.finding[:-1]

        self._do(work)

    def action_next(self) -> None:
        """Go to the next photo without a score; from the end to what is left."""

        def work(session: ScoringSession) -> None:
            if not session.next_open():
                self.note = t("scoring.none_open")

        self._do(work)

    def action_skip(self) -> None:
        """Go on without a score."""
        self._do(lambda session: session.skip())

    def action_move(self, by: int) -> None:
        """Go to the next photo or the one before; move about in a zoomed one."""

        def work(session: ScoringSession) -> None:
            if self.photo.zoomed:
                self.photo.pan(by, 0)
            else:
                self._write(session.go_to(session.queue.place + by))

        self._do(work)

    def action_pan(self, by: int) -> None:
        """Move up or down in a zoomed photo."""
        self._do(lambda session: self.photo.pan(0, by))

    def action_first(self) -> None:
        """Go to the first photo."""
        self._do(lambda session: self._write(session.go_to(0)))

    def action_last(self) -> None:
        """Go to the last photo."""
        self._do(lambda session: self._write(session.go_to(session.queue.stop - 1)))

    def action_find(self) -> None:
        """Begin to look for a photo."""

        def work(session: ScoringSession) -> None:
            self.finding = ""

        self._do(work)

    def action_undo(self) -> None:
        """Take the last score back: the last one of this sitting, else the last change of all."""

        def work(session: ScoringSession) -> None:
            step = session.undo()
            if step is None:
                self.asked += 1
                self.beholder.keeper.undo()
            elif step.is_change:
                self.beholder.keeper.change(partial(_take_back, step=step))

        self._do(work)

    def action_redo(self) -> None:
        """Give the score again that was taken back."""

        def work(session: ScoringSession) -> None:
            step = session.redo()
            if step is None:
                self.asked += 1
                self.beholder.keeper.redo()
            elif step.again:
                self._write(step)
            elif step.is_change:
                self.beholder.keeper.change(partial(_give_again, step=step))

        self._do(work)

    def action_flag(self) -> None:
        """Flag the photo, or take its flag away."""

        def work(session: ScoringSession) -> None:
            if flagged := session.flag():
                self.beholder.keeper.flag(*flagged)

        self._do(work)

    def action_style(self) -> None:
        """Take the next meaning of the digits."""

        def work(session: ScoringSession) -> None:
            names = {"type": "scoring.style_type", "tens": "scoring.style_tens", "stars": "scoring.style_stars"}
            self.note = t(names[session.next_style()])
            self._remember(session)

        self._do(work)

    def action_advance(self) -> None:
        """Let complete scores go on by themselves, or not."""

        def work(session: ScoringSession) -> None:
            session.advance = not session.advance
            self.note = t("scoring.advance_on" if session.advance else "scoring.advance_off")
            self._remember(session)

        self._do(work)

    def action_order(self) -> None:
        """Take the next order."""

        def work(session: ScoringSession) -> None:
            names = {
                "file": "scoring.order_file",
                "unscored": "scoring.order_unscored",
                "random": "scoring.order_random",
                "rerate": "scoring.order_rerate",
            }
            self.note = t(names[session.next_order()])
            self._remember(session)

        self._do(work)

    def _remember(self, session: ScoringSession) -> None:
        advance = "on" if session.advance else "off"
        self.beholder.remember(scoring_order=session.queue.order, scoring_keys=session.style, scoring_advance=advance)

    def action_summary(self) -> None:
        """Show what the sitting came to so far, or the photo again."""

        def work(session: ScoringSession) -> None:
            self.summing = not self.summing and session.queue.turn is not None

        self._do(work, keep_summary=True)

    def action_zoom(self) -> None:
        """Switch between 100 % and the whole photo."""
        self._do(lambda session: self.photo.toggle_zoom())

    def action_nearer(self) -> None:
        """Zoom in by one step."""
        self._do(lambda session: self.photo.zoom(1))

    def action_cells(self) -> None:
        """Go on to the next way of drawing the photo."""
        self._do(lambda session: self.photo.next_cells())

    def action_info(self) -> None:
        """Show or hide size, date, camera, lens and exposure."""

        def work(session: ScoringSession) -> None:
            self.informing = not self.informing

        self._do(work)

    def action_leave(self) -> None:
        """Drop what is being typed, close what is open, unzoom; else leave."""
        waits = self.sitting is None or not self.sitting.is_read
        if not self.is_readable or (waits and not self._early):
            self.app.pop_screen()
        else:
            self._do(self._leave, keep_summary=True)

    def _leave(self, session: ScoringSession) -> None:
        if self.finding is not None:
            self.finding = None
        elif session.typed:
            session.drop()
        elif self.summing:
            self.summing = False
        elif self.photo.zoomed:
            self.photo.toggle_zoom()
        else:
            told = "" if session.queue.turn is None else result_text(session)
            self.app.pop_screen()
            if told:
                self.app.notify(told, markup=False)


def _take_back(book: ScoreBook, step: Step) -> Change:
    return take_back(book, step.name, step.score, step.before)


def _give_again(book: ScoreBook, step: Step) -> Change:
    return give_again(book, step.name, step.score, step.before)
