"""Where a model looked, in words: the heat map's ninths that matter most."""

from __future__ import annotations

from engine.prediction.explanation import HeatMap
from tui.i18n import t

_PLACES = (
    ("top_left", "top", "top_right"),
    ("left", "middle", "right"),
    ("bottom_left", "bottom", "bottom_right"),
)
_STANDS_OUT = 1.5
"""Times the share that a ninth would have if all were alike."""
_MATTERS = 0.2
"""Of all that raised and lowered the score: less than this is not worth a word."""


def looked_text(heat: HeatMap) -> str:
    """Return one or two sentences about what raised and what lowered the score."""
    raised, lowered = ninths(heat, 1.0), ninths(heat, -1.0)
    total = sum(raised.values()) + sum(lowered.values())
    if not total:
        return t("predict_room.looked_nowhere")
    said = []
    for found in (raised, lowered):
        mass = sum(found.values())
        if mass < _MATTERS * total:
            continue
        place = max(found, key=found.__getitem__)
        if found[place] < _STANDS_OUT / 9 * mass:
            place = "all_over"
        where = t(f"predict_room.place.{place}")
        is_raised = found is raised
        said.append(t("predict_room.raised", where=where) if is_raised else t("predict_room.lowered", where=where))
    return t("predict_room.sentences", first=said[0], second=said[1]) if len(said) == 2 else said[0]


def ninths(heat: HeatMap, sign: float) -> dict[str, float]:
    """Return how much of what raised (`sign` 1) or lowered (-1) the score lies in each ninth of the photo."""
    found = {place: 0.0 for row in _PLACES for place in row}
    left, top, right, bottom = heat.box
    for row, values in enumerate(heat.values):
        y = top + (bottom - top) * (row + 0.5) / len(heat.values)
        for column, value in enumerate(values):
            x = left + (right - left) * (column + 0.5) / len(values)
            found[_PLACES[min(int(3 * y), 2)][min(int(3 * x), 2)]] += max(sign * value, 0.0)
    return found
