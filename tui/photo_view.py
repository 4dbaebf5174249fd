"""Which part of a photo is seen, and how large: fitting the room, or zoomed and moved about."""

from __future__ import annotations

from typing import NamedTuple


class View(NamedTuple):
    """A part of a photo.

    Args:
        scale: dots of the screen for each pixel of the photo; 0: the whole photo, as large as it fits.
        x: what is in the middle, 0 (left edge) to 1 (right edge).
        y: what is in the middle, 0 (top) to 1 (bottom).
    """

    scale: float = 0.0
    x: float = 0.5
    y: float = 0.5


Size = tuple[int, int]
WHOLE = View()
_STEP = 0.25
"""Part of the room that one step moves."""


def scales(size: Size, room: Size) -> list[float]:
    """Return the steps of the zoom: what fits the room, then powers of two up to 1 (100 %).

    Args:
        size: width and height of the photo, in pixels.
        room: width and height of the room, in dots.

    >>> scales((4000, 3000), (120, 80))  # doctest: +ELLIPSIS
    [0.02666..., 0.0625, 0.125, 0.25, 0.5, 1.0]
    """
    fit = fitting(size, room)
    between = [2.0**-power for power in range(12, 0, -1) if 2.0**-power > 1.5 * fit]
    return [fit, *between, 1.0] if fit < 1 else [fit, 1.0] if fit > 1 else [fit]


def fitting(size: Size, room: Size) -> float:
    """Return the scale at which a photo just fits the room."""
    return min(room[0] / size[0], room[1] / size[1])


def zoomed(view: View, size: Size, room: Size, step: int) -> View:
    """Return the view some steps nearer (or farther, if negative), the middle kept; `WHOLE` at the far end."""
    steps = scales(size, room)
    present = view.scale or steps[0]
    place = min(range(len(steps)), key=lambda n: abs(steps[n] - present)) if view.scale else 0
    wanted = max(min(place + step, len(steps) - 1), 0)
    return clamped(View(steps[wanted], view.x, view.y), size, room) if wanted else WHOLE


def moved(view: View, size: Size, room: Size, dx: int, dy: int) -> View:
    """Return the view moved by some steps, each a quarter of the room; it stops at the photo's edges."""
    if not view.scale:
        return view
    x = view.x + dx * _STEP * room[0] / (view.scale * size[0])
    y = view.y + dy * _STEP * room[1] / (view.scale * size[1])
    return clamped(View(view.scale, x, y), size, room)


def clamped(view: View, size: Size, room: Size) -> View:
    """Return the view moved so that nothing beyond the photo's edges is seen."""
    x, y = (
        min(max(place, half), 1 - half) if (half := room[side] / (2 * view.scale * size[side])) < 0.5 else 0.5
        for side, place in enumerate((view.x, view.y))
    )
    return View(view.scale, x, y)


def box(view: View, size: Size, room: Size) -> tuple[int, int, int, int]:
    """Return the part of the photo that is seen, in pixels: left, top, right, bottom; at least one pixel."""
    scale = view.scale or fitting(size, room)
    edges = []
    for side, place in enumerate((view.x, view.y)):
        length = max(min(round(room[side] / scale), size[side]), 1)
        start = min(max(round(place * size[side] - length / 2), 0), size[side] - length)
        edges.append((start, start + length))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom
