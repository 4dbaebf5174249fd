"""Read what a report shows out of a manifest and a record, which may come from elsewhere and hold anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import display_name
from engine.models.record import Guessed, Record
from engine.outputs.charts import Point

EACH = 8
"""Photos in each of the three lists: the best, the worst, the most wrong."""

_LONGEST = 2000
_MOST_ITEMS = 60
_TREND_BINS, _FEWEST_FOR_A_TREND = 8, 40


def mapping(value: object) -> Mapping[str, Any]:
    """Return a value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def number(value: object) -> float | None:
    """Return a value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def text(value: object) -> str:
    """Return a value as one line that is safe to show and not endless."""
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return display_name(shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…")


def pairs(value: object) -> list[tuple[str, str]]:
    """Return a mapping's items as texts, those of mappings within it among them; nothing for what is empty."""
    found: list[tuple[str, str]] = []
    for key, item in list(mapping(value).items())[:_MOST_ITEMS]:
        if isinstance(item, Mapping):
            found += [(text(inner), text(deep)) for inner, deep in list(item.items())[:_MOST_ITEMS]]
        elif item not in (None, "", [], ()):
            found.append((text(key), text(item)))
    return found[:_MOST_ITEMS]


def ends(value: object) -> tuple[float, float] | None:
    """Return the two ends of an interval; None if it is none."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = number(value[0]), number(value[1])
    return None if low is None or high is None else (low, high)


@dataclass(frozen=True)
class Curve:
    """One metric of a training's curve.

    Args:
        axis: what x counts. metric: what y is.
        train, validation: (x, y) on photos that were fitted and on others, by x; empty where unknown.
    """

    axis: str
    metric: str
    train: Sequence[Point]
    validation: Sequence[Point]


def read_curves(record: Record) -> list[Curve]:
    """Return the curves of a record, in the order of their first point, the loss of the epochs among them."""
    train: dict[tuple[str, str], dict[float, float]] = {}
    validation: dict[tuple[str, str], dict[float, float]] = {}
    for event in record.events:
        if event.get("type") == "curve":
            key, x = (text(event.get("axis")), text(event.get("metric"))), number(event.get("x"))
            values = event.get("train"), event.get("validation")
        elif event.get("type") == "epoch":
            key, x = ("epochs", "loss"), number(event.get("epoch"))
            values = event.get("train_loss"), event.get("validation_loss")
        else:
            continue
        for side, value in zip((train, validation), values, strict=True):
            points = side.setdefault(key, {})
            y = number(value)
            # a later run of the same epoch, after a resume, takes the place of the first
            if x is not None and y is not None:
                points[x] = y
    return [
        Curve(*key, sorted(train[key].items()), sorted(validation[key].items()))
        for key in list(train)[:_MOST_ITEMS]
        if train[key] or validation[key]
    ]


def best_epoch(record: Record) -> int | None:
    """Return the epoch whose weights were kept; None for a family without epochs."""
    for event in reversed(record.events):
        if event.get("type") == "epoch" and (found := number(event.get("best_epoch"))) is not None:
            return int(found)
    return None


def held_out(record: Record) -> list[Guessed]:
    """Return what models said of photos that they had not seen, by given score."""
    sound = [
        guess
        for guess in record.guesses
        if guess.held_out and math.isfinite(guess.given) and math.isfinite(guess.predicted)
    ]
    return sorted(sound, key=lambda guess: (guess.given, guess.name))


@dataclass(frozen=True)
class Picked:
    """The photos that a report shows.

    Args:
        best: those predicted highest, the highest first. worst: predicted lowest, the lowest first.
        wrong: those whose prediction is farthest off, the farthest first.
    """

    best: Sequence[Guessed]
    worst: Sequence[Guessed]
    wrong: Sequence[Guessed]

    def names(self) -> list[str]:
        """Return the names of all of them, each once."""
        return list(dict.fromkeys(guess.name for guess in (*self.best, *self.worst, *self.wrong)))


def pick_photos(guesses: Sequence[Guessed]) -> Picked:
    """Return the best, worst and most wrong of the photos, at most `EACH` of each; no photo is best and worst."""
    ranked = sorted(guesses, key=lambda guess: (-guess.predicted, guess.name))
    each = min(EACH, (len(ranked) + 1) // 2)
    wrong = sorted(guesses, key=lambda guess: (-abs(guess.predicted - guess.given), guess.name))
    return Picked(ranked[:each], ranked[each:][::-1][:each], wrong[:EACH])


def trend(given: NDArray[np.float64], residuals: NDArray[np.float64]) -> list[Point]:
    """Return the mean residual along the given scores, in bins of about as many photos; nothing for few photos.

    Args:
        given: (N,) scores in rising order. residuals: (N,) predicted minus given.
    """
    if given.size < _FEWEST_FOR_A_TREND:
        return []
    bins = zip(np.array_split(given, _TREND_BINS), np.array_split(residuals, _TREND_BINS), strict=True)
    return [(float(x.mean()), float(y.mean())) for x, y in bins]
