"""The state of one sitting of scoring: what is typed, what was given, what can be taken back.

Nothing here touches a disk or a widget. A method that gives a score returns the `Step` that has to be written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.labels.quick import STYLES, is_complete, quick_scores
from engine.workspace import Scale, format_score
from tui.scoring_pace import Pace
from tui.scoring_queue import ScoringQueue

if TYPE_CHECKING:
    from engine.labels.scorebook import Entry

_LONGEST = 12


@dataclass(frozen=True)
class Step:
    """One score that was given.

    Args:
        name: of the photo.
        before: its score until then; None where it had none.
        score: the score that was given.
        again: whether it was rated a second time, blind: then `before` stays its score.
    """

    name: str
    before: float | None
    score: float
    again: bool = False

    @property
    def is_change(self) -> bool:
        """Whether the photo's own score changed."""
        return not self.again and self.before != self.score


@dataclass(frozen=True)
class Told:
    """What was just scored, and what the model had guessed.

    Args:
        name: of the photo; empty where its name could give a score away.
        score: the score that was given.
        guess: the model's; None where there is none.
    """

    name: str
    score: float
    guess: float | None = None


@dataclass(frozen=True)
class Tally:
    """What one sitting came to.

    Args:
        scored: photos that were given a score.
        again: photos that were rated a second time, blind.
        passed: photos of the stretch that still wait for a score.
        more: photos that come after the stretch.
    """

    scored: int
    again: int
    passed: int
    more: int


class ScoringSession:
    """One sitting.

    Args:
        queue: the photos that come up.
        scale: of the scores.
        style: one of `STYLES`; anything else means that scores are typed.
        advance: whether a score that is complete needs no enter.
        at: the photo to begin with.
        clock: returns the present time in seconds.
    """

    def __init__(
        self,
        queue: ScoringQueue,
        scale: Scale,
        *,
        style: str = "type",
        advance: bool = True,
        at: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue = queue
        self.scale = scale
        self.style = style if style in STYLES else "type"
        self.advance = advance
        self.pace = Pace(clock)
        self.is_read = False
        self.typed = ""
        self.told: Told | None = None
        self.flagged: set[str] = set()
        self._at = at
        self._given: dict[str, float] = {}
        self._again: dict[str, Step] = {}
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._unwritten: dict[str, float | None] = {}
        self._to_check: dict[str, float] | None = None
        # where the photo advanced by itself, and what had been typed there
        self._behind: tuple[int, str] | None = None

    @property
    def score(self) -> float | None:
        """The photo's present score, if it may be shown."""
        turn = self.queue.turn
        if turn is None:
            return None
        return self._given.get(turn.name) if self.queue.is_blind else self.queue.score(turn.name)

    @property
    def keys(self) -> dict[str, float]:
        """The score behind each key of the quick style; none where scores are typed."""
        return quick_scores(self.scale, self.style)

    @property
    def needs_score(self) -> bool:
        """Whether enter alone does nothing here, since there is no score to keep."""
        return bool(self.queue.turn) and not self.typed and self.score is None and self._behind is None

    @property
    def rerated(self) -> list[Step]:
        """What was rated a second time in this sitting, each photo once."""
        return list(self._again.values())

    def is_no_key(self, character: str) -> bool:
        """Say whether a key gives no score in this quick style."""
        return self.style != "type" and self.queue.turn is not None and character not in self.keys

    def value(self) -> float | None:
        """Return the typed number if it is on the scale."""
        try:
            number = round(float(self.typed), 6)  # as many decimals as a score keeps
        except ValueError:
            return None
        return number if number in self.scale else None

    def tally(self) -> Tally:
        """Return what this sitting came to so far."""
        again = len(self._again)
        return Tally(len(self._given) - again, again, len(self.queue.open_turns(self._given)), self.queue.more)

    def tell(self, step: Step) -> None:
        """Tell what was given, and what the model had guessed: the score is on the disk now."""
        if self._given.get(step.name) == step.score:
            guess = self.queue.guess(step.name)
            name = "" if self.queue.is_blind else step.name
            self.told = Told(name, step.score, None if guess is None else self.scale.clip(guess))

    # ---- what comes from the disk

    @property
    def doubts(self) -> bool:
        """Whether something could not be written, and was not compared with the disk yet."""
        return self._to_check is not None

    def take(self, entries: Sequence[Entry]) -> bool:
        """Take all entries as they are on the disk.

        Returns:
            Whether scores turned out to be lost; the first photo without its score is shown then.
        """
        before = self.queue.turn
        self.queue.take(entries, self._at)
        self.flagged = {entry.name for entry in entries if entry.flagged}
        for name, score in self._unwritten.items():
            self.queue.put(name, score)
        if self.is_read and self.queue.turn != before:
            self.typed, self._behind = "", None
        given, self._to_check = self._to_check, None
        self.is_read = True
        return given is not None and self._go_back_to_lost(given)

    def put(self, name: str, score: float | None) -> None:
        """Take one score that reached the disk, whoever gave it; older ones than what was given here don't count."""
        if self._unwritten.get(name, score) == score:
            self._unwritten.pop(name, None)
            self.queue.put(name, score)

    def doubt(self) -> None:
        """Compare with the disk at the next `take`: something could not be written."""
        self._unwritten.clear()
        self._to_check = {name: score for name, score in self._given.items() if name not in self._again}

    # ---- typing

    def type(self, character: str) -> Step | None:
        """Take one character of a score, or a key of the quick style."""
        if self.queue.turn is None:
            return None
        if self.style != "type":
            keys = self.keys
            return self._give(keys[character]) if character in keys else None
        if not self._may_follow(character):
            return None
        if character == "." and self._behind is not None:
            self.queue.place, self.typed = self._behind  # 85 was complete, but 85.5 is meant
        self._behind = None
        if len(self.typed) < _LONGEST:
            self.typed += character
        if self.advance and is_complete(self.typed, self.scale):
            return self._give(float(self.typed))
        return None

    def erase(self) -> None:
        """Take the last typed character back, also where the photo advanced with it."""
        if not self.typed and self._behind is not None:
            self.queue.place, self.typed = self._behind
        self.typed, self._behind = self.typed[:-1], None

    def drop(self) -> None:
        """Drop what was typed."""
        self.typed, self._behind = "", None

    def enter(self) -> Step | None:
        """Confirm what was typed, or go on from a photo that has a score.

        Right after a photo advanced by itself it does nothing: it was meant for the score before.
        """
        advanced, self._behind = self._behind is not None, None
        if self.queue.turn is None:
            return None
        if self.typed:
            number = self.value()
            return None if number is None else self._give(number, confirmed=True)
        if not advanced and self.score is not None:
            self.queue.forward(self._given)
        return None

    # ---- moving

    def skip(self) -> None:
        """Go on without a score."""
        self.drop()
        self.told = None
        if self.queue.turn is not None:
            self.queue.forward(self._given)

    def go_to(self, place: int) -> Step | None:
        """Go to a place of the stretch, counted from 0; a valid score that was being typed is given first."""
        number = self.value() if self.queue.turn is not None else None
        step = None if number is None else self._give(number, confirmed=True)
        self.drop()
        self.queue.go_to(place)
        return step

    def next_open(self) -> bool:
        """Go to the next photo that waits for a score; from the end of a stretch to what is left.

        Returns:
            Whether there was anything.
        """
        self.drop()
        self.told = None
        if self.queue.turn is None:
            return self.queue.go_on(self._given)
        return self.queue.next_open(self._given)

    # ---- back and forth

    def undo(self) -> Step | None:
        """Take the last score of this sitting back and go to its photo.

        Returns:
            What was taken back; None where nothing was given in this sitting.
        """
        self.drop()
        self.told = None
        if not self._done:
            return None
        step = self._done.pop()
        self._undone.append(step)
        self._again.pop(step.name, None)
        if not step.again:
            self._set(step.name, step.before)
        earlier = next((done for done in reversed(self._done) if done.name == step.name), None)
        if earlier is None:
            self._given.pop(step.name, None)
            self.pace.take_back()
        else:
            self._remember(earlier)
        self.queue.show(step.name)
        return step

    def redo(self) -> Step | None:
        """Give the score again that was last taken back, and go to the photo after it.

        Returns:
            What was given; None where nothing was taken back in this sitting.
        """
        self.drop()
        if not self._undone:
            return None
        step = self._undone.pop()
        self._note(step)
        if self.queue.show(step.name):
            self.queue.forward(self._given)
        return step

    # ---- choices

    def next_order(self) -> str:
        """Take the next order and line the photos up anew."""
        self.drop()
        self.told = None
        return self.queue.next_order()

    def next_style(self) -> str:
        """Take the next way of typing."""
        self.drop()
        self.style = STYLES[(STYLES.index(self.style) + 1) % len(STYLES)]
        return self.style

    def flag(self) -> tuple[str, bool] | None:
        """Flag the photo, or take its flag away; return its name and what it is now."""
        turn = self.queue.turn
        if turn is None:
            return None
        self.flagged ^= {turn.name}
        return turn.name, turn.name in self.flagged

    # ---- within

    def _may_follow(self, character: str) -> bool:
        if character == "-":
            return not self.typed and self.scale.low < 0
        return character.isdigit() or (character == "." and "." not in self.typed)

    def _give(self, score: float, *, confirmed: bool = False) -> Step | None:
        turn = self.queue.turn
        if turn is None:
            return None
        before = self.queue.score(turn.name)
        # another person may have taken away the first score that this one would be compared with
        step = Step(turn.name, before, score, turn.again and before is not None)
        typed, self.typed = self.typed or format_score(score), ""
        self._undone.clear()
        self._note(step)
        self._behind = None
        if confirmed:
            self.queue.forward(self._given)
        elif self.advance:
            self._behind = (self.queue.place, typed if self.style == "type" else "")
            self.queue.forward(self._given)
        return step

    def _note(self, step: Step) -> None:
        if step.name not in self._given:
            self.pace.note()
        self._done.append(step)
        self._remember(step)

    def _remember(self, step: Step) -> None:
        self._given[step.name] = step.score
        if step.again:
            self._again[step.name] = step
        else:
            self._set(step.name, step.score)

    def _set(self, name: str, score: float | None) -> None:
        if self.queue.score(name) != score:
            self._unwritten[name] = score
            self.queue.put(name, score)

    def _go_back_to_lost(self, given: Mapping[str, float]) -> bool:
        """Go back to the first photo whose score never reached the disk, and forget that it was given."""
        lost = {name for name, score in given.items() if name in self.queue and not self._holds(name, score)}
        for name in lost:
            self._given.pop(name, None)
        self._done = [step for step in self._done if step.name not in lost]
        self._undone = [step for step in self._undone if step.name not in lost]
        first = self.queue.first_of(lost)
        if first is not None:
            self.told = None
            self.drop()
            self.queue.show(first)
        return first is not None

    def _holds(self, name: str, score: float) -> bool:
        kept = self.queue.score(name)
        return kept is not None and abs(kept - score) < 1e-6
