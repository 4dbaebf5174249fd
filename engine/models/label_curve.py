"""The live curve of families without epochs, trees or stages: the error against the number of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from engine.events import CurvePoint, Event, raise_if_stopped
from engine.models.base import FitControl, Scores
from engine.models.folds import Index

# learns from these rows and returns its guesses for them and for the photos that it never sees
Refit = Callable[[Index], tuple[Scores, Scores]]

_STEPS = 10
_DRAWS = 8
_FEWEST = 6
_ROWS = 4000  # so many rows are refitted for a point; more scores need fewer draws for a steady mean


def label_curve(scores: Scores, unseen: Scores, refit: Refit, seed: int, control: FitControl) -> Iterator[Event]:
    """Yield the mean absolute error on learned and on unseen photos at ten numbers of scores, up to all of them.

    Each point is the mean of a few random draws. `FitControl.should_finish` ends the curve; nothing else depends on it.

    Args:
        scores: (N,) scores that are learned from.
        unseen: (V,) scores of photos that are never learned from, V ≥ 1.
        refit: see `Refit`; gets (n,) row numbers below N.
        seed: makes the draws repeatable.
        control: see `FitControl`.

    Raises:
        Interrupted: `control.should_stop` said so.
    """
    random = np.random.default_rng(seed)
    count = scores.size
    sizes = np.unique(np.geomspace(min(_FEWEST, count), count, _STEPS).round().astype(int))
    for size in sizes.tolist():
        if control.should_finish():
            return
        errors = []
        for _ in range(min(_DRAWS, max(1, _ROWS // size)) if size < count else 1):
            raise_if_stopped(control.should_stop)
            draw = random.permutation(count)[:size]
            fitted, guessed = refit(draw)
            errors.append((float(np.abs(fitted - scores[draw]).mean()), float(np.abs(guessed - unseen).mean())))
        train, validation = np.mean(errors, axis=0)
        yield CurvePoint("labels", float(size), "mae", float(train), float(validation))
