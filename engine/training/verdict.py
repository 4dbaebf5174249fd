"""What a comparison says of a model in one sentence: better than the plain one, no better, or worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import Message
from engine.metrics import paired_difference
from engine.models.record import Guessed, Record
from engine.training.baselines import mean_guess

Said = Mapping[str, Guessed]
"""What a model said of photos that it had not seen: photo's name → guess."""

_FEWEST = 3


@dataclass(frozen=True)
class Lead:
    """How much better one model ranks photos than another, both not having seen them.

    Args:
        gain: difference of their SRCC.
        low: lower end of its 95 % interval (paired bootstrap). high: upper end.
    """

    gain: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the data can tell the two apart."""
        return self.low > 0 or self.high < 0


def held_out(record: Record) -> Said:
    """Return what a model said of photos that it had not seen.

    Where it had seen some (a network that was trained once), only the test part counts: the validation part had a
    say in when to stop.
    """
    whole = all(guess.held_out for guess in record.guesses)
    return {guess.name: guess for guess in record.guesses if guess.held_out and (whole or guess.part == "test")}


def lead(left: Said, right: Said | None, groups: Mapping[str, int]) -> Lead | None:
    """Return how far one model is ahead of another on the photos that both judged unseen.

    Args:
        left: the one.
        right: the other; None: a guess that is the same for all photos.
        groups: photo's name → number of its group.

    Returns:
        None where they share fewer than three photos.
    """
    names = [name for name in left if right is None or name in right]
    if len(names) < _FEWEST:
        return None
    given, ours = np.array([(left[name].given, left[name].predicted) for name in names]).T
    theirs = mean_guess(given) if right is None else np.array([right[name].predicted for name in names])
    return Lead(*paired_difference(given, ours, theirs, np.array([groups[name] for name in names])))


def verdict(left: Said, right: Said | None, other: str, groups: Mapping[str, int]) -> Message | None:
    """Return in one sentence whether a model is better than another.

    Args:
        left: the one. right: the other; None: always guessing the mean. groups: as for `lead`.
        other: what the other one is called.
    """
    found = lead(left, right, groups)
    if found is None:
        return None
    values = {"gain": f"{found.gain:+.3f}", "low": f"{found.low:+.3f}", "high": f"{found.high:+.3f}"}
    if right is None:
        if found.low > 0:
            return Message("Better than always guessing the mean: SRCC {gain} ({low} … {high}).", values)
        return Message("No better than always guessing the mean.")
    if found.low > 0:
        return Message("Better than {other}: SRCC {gain} ({low} … {high}).", {"other": other, **values})
    if found.high < 0:
        return Message("Worse than {other}: SRCC {gain} ({low} … {high}).", {"other": other, **values})
    return Message("No better than {other}.", {"other": other})


def best_told(names: Sequence[str], said: Sequence[Said], srcc: float, groups: Mapping[str, int]) -> Message:
    """Return which model is best, and which others the data can't tell from it.

    Args:
        names: what the models are called, the best one first.
        said: what each of them said, likewise.
        srcc: of the best.
        groups: as for `lead`.
    """
    values = {"best": names[0], "srcc": f"{srcc:.3f}"}
    leads = [(name, lead(said[0], other, groups)) for name, other in zip(names[1:], said[1:], strict=True)]
    close = [name for name, found in leads if found is None or not found.is_clear]
    if close:
        return Message(
            "Best: {best}, SRCC {srcc}; but not clearly ahead of {others}.", {**values, "others": ", ".join(close)}
        )
    return Message("Best: {best}, SRCC {srcc}.", values)
