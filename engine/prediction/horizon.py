"""Finds how far a photo's horizon is tilted, or says that there is no clear one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_MOST = 20.0  # degrees: what is steeper is a slope or a roof
_ANGLES = np.arange(-_MOST, _MOST + 0.25, 0.5)
_WEAKEST = 1.5  # L* a pixel: a softer step is no line
_MOST_POINTS = 5000
_NEAR = 1.5  # pixels beside a line that still belong to it
_COVERED, _GAP = 0.6, 0.25  # of the width: how much of it the line spans at least, and its longest break at most
_BESIDE = 0.4  # edges right beside the line are at most so many of those on it: grass is full of lines
_RIVAL = 0.7  # another line, in another direction, is this strong at most
_OTHER = 3.0  # degrees: from here on it is another direction


def horizon_tilt(lightness: Floats) -> float | None:
    """Return the tilt of the horizon in degrees, above 0 where the right side is lower; None where none is clear.

    Edges between a brighter and a darker side that run about level vote for lines (Hough transform; Duda and Hart 1972,
    doi 10.1145/361237.361242). The best line is a horizon if it keeps the same side bright over most of the width and
    no line in another direction comes near it. A straight roof or table edge is taken for one, too.

    Args:
        lightness: (height, width) L*, 0 … 100, upright.
    """
    height, width = lightness.shape
    if min(height, width) < 32:
        return None
    x, y, strength, is_falling = _edges(lightness)
    sides = [side for side in (is_falling, ~is_falling) if side.any()]
    if not sides:
        return None
    lines = [_strongest(x[side], y[side], strength[side]) for side in sides]
    best = max(range(len(sides)), key=lambda side: float(lines[side][0].max()))
    votes, offsets = lines[best]
    place = int(votes.argmax())
    angle = float(_ANGLES[place])
    others = np.abs(_ANGLES - angle) > _OTHER
    rival = max(float(line[0][others].max()) for line in lines)
    if place in (0, _ANGLES.size - 1) or rival > _RIVAL * float(votes[place]):
        return None
    members = sides[best]
    offset = float(offsets[place])
    return _fitted(x[members], y[members], angle, offset, width)


def _edges(lightness: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Return where edges run about level: x and y from the middle, how strong, and whether it is darker below."""
    smooth = _smoothed(_smoothed(lightness, 0), 1)
    down = np.zeros_like(smooth)
    across = np.zeros_like(smooth)
    down[1:-1] = (smooth[2:] - smooth[:-2]) / 2
    across[:, 1:-1] = (smooth[:, 2:] - smooth[:, :-2]) / 2
    steep = np.abs(down)
    is_peak = np.zeros(steep.shape, bool)
    is_peak[1:-1] = (steep[1:-1] >= steep[2:]) & (steep[1:-1] > steep[:-2])
    is_peak &= (steep >= _WEAKEST) & (np.abs(across) <= np.tan(np.radians(_MOST + 10)) * steep)
    rows, columns = np.nonzero(is_peak)
    strength = steep[rows, columns]
    if rows.size > _MOST_POINTS:
        kept = np.sort(np.argpartition(strength, -_MOST_POINTS)[-_MOST_POINTS:])
        rows, columns, strength = rows[kept], columns[kept], strength[kept]
    # the place of the steepest change between the pixels, by a parabola through three of them
    before, here, after = steep[rows - 1, columns], strength, steep[rows + 1, columns]
    bend = 2 * here - before - after
    finer = np.where(bend > 0, np.clip((after - before) / (2 * np.maximum(bend, 1e-6)), -0.5, 0.5), 0)
    x = columns - np.float32((lightness.shape[1] - 1) / 2)
    y = rows + finer - np.float32((lightness.shape[0] - 1) / 2)
    # a weak long line counts more than a strong short one
    return x.astype(np.float32), y.astype(np.float32), np.minimum(strength, 4 * _WEAKEST), down[rows, columns] < 0


def _smoothed(values: Floats, axis: int) -> Floats:
    """Return values weighted 1 4 6 4 1 along an axis."""
    widths = [(0, 0), (0, 0)]
    widths[axis] = (2, 2)
    padded = np.pad(values, widths, mode="edge")
    length = values.shape[axis]
    parts = [padded[start : start + length] if axis == 0 else padded[:, start : start + length] for start in range(5)]
    return np.asarray((parts[0] + parts[4] + 4 * (parts[1] + parts[3]) + 6 * parts[2]) / 16, np.float32)


def _strongest(x: Floats, y: Floats, strength: Floats) -> tuple[Floats, Floats]:
    """Return the votes of the strongest line of each of `_ANGLES`, and at which y it crosses the middle."""
    slopes = np.tan(np.radians(_ANGLES)).astype(np.float32)
    heights = y - slopes[:, None] * x
    low = float(heights.min())
    span = int(float(heights.max()) - low) + 3
    rows = np.arange(_ANGLES.size, dtype=np.int64)[:, None] * span
    places = (heights - np.float32(low - 1)).astype(np.int64) + rows
    votes = np.bincount(places.ravel(), np.tile(strength, _ANGLES.size), _ANGLES.size * span).reshape(-1, span)
    wide = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]
    best = wide.argmax(axis=1)
    return wide.max(axis=1).astype(np.float32), (low + best + 0.5).astype(np.float32)


def _fitted(x: Floats, y: Floats, angle: float, offset: float, width: int) -> float | None:
    """Return the angle of the line through what lies near a rough one, if there is enough of it all along."""
    slope = float(np.tan(np.radians(angle)))
    for reach in (2 * _NEAR, _NEAR, _NEAR):
        near = np.abs(y - slope * x - offset) <= reach
        if np.count_nonzero(near) < 2 or float(np.ptp(x[near])) < 1:
            return None
        slope, offset = (float(value) for value in np.polyfit(x[near], y[near], 1))
    away = np.abs(y - slope * x - offset)
    near = away <= _NEAR
    beside = (away > 2 * _NEAR) & (away <= 4 * _NEAR)  # twice the room
    if np.count_nonzero(beside) / 2 > _BESIDE * np.count_nonzero(near):
        return None
    columns = np.unique(np.round(x[near] + (width - 1) / 2).astype(int))
    # the outermost edges of a turned photo's frame are no part of it
    breaks = np.diff(np.concatenate([[-1], columns, [width]]))
    if columns.size < _COVERED * width or breaks.max() > _GAP * width:
        return None
    return float(np.degrees(np.arctan(slope)))
