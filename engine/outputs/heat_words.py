"""Say in words where a heat map is warm and cold: what colours show is told in text too."""

from __future__ import annotations

import numpy as np
from PIL import Image

from engine.errors import Message
from engine.prediction.explanation import HeatMap

_CLEAR = 0.25  # share of the warmth in one ninth of the photo from which on it is named; evenly spread it would be 0.11
_WEAK = 0.25  # magnitude below which the colder, or the warmer, side is not worth a word
_THIRDS = 90  # a number that three divides, finer than any map

_RAISED = (
    Message("What raised the score most lies in the upper left."),
    Message("What raised the score most lies at the top."),
    Message("What raised the score most lies in the upper right."),
    Message("What raised the score most lies at the left."),
    Message("What raised the score most lies in the centre."),
    Message("What raised the score most lies at the right."),
    Message("What raised the score most lies in the lower left."),
    Message("What raised the score most lies at the bottom."),
    Message("What raised the score most lies in the lower right."),
    Message("What raised the score is spread over the photo."),
)
_LOWERED = (
    Message("What lowered it most lies in the upper left."),
    Message("What lowered it most lies at the top."),
    Message("What lowered it most lies in the upper right."),
    Message("What lowered it most lies at the left."),
    Message("What lowered it most lies in the centre."),
    Message("What lowered it most lies at the right."),
    Message("What lowered it most lies in the lower left."),
    Message("What lowered it most lies at the bottom."),
    Message("What lowered it most lies in the lower right."),
    Message("What lowered it is spread over the photo."),
)


def where_it_looked(heat: HeatMap) -> tuple[Message, ...]:
    """Return one or two sentences: in which ninth of the photo the score was raised, and in which it was lowered."""
    values = np.asarray(heat.values, np.float64)
    if not values.any():
        return (Message("No part of the photo moved the score."),)
    whole = _over_the_photo(values, heat.box)
    raised, lowered = values.max() >= _WEAK, values.min() <= -_WEAK
    said: list[Message] = []
    if raised:
        said.append(_RAISED[_place(np.maximum(whole, 0))])
    if lowered:
        said.append(_LOWERED[_place(np.maximum(-whole, 0))])
    if not raised:
        said.insert(0, Message("No part of the photo raised the score much."))
    elif not lowered:
        said.append(Message("No part of the photo lowered the score much."))
    return tuple(said)


def _over_the_photo(values: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return a map of the whole photo; 0 where the model saw nothing."""
    whole = np.zeros((_THIRDS, _THIRDS))
    left, top, right, bottom = (min(max(round(share * _THIRDS), 0), _THIRDS) for share in box)
    width, height = max(right - left, 1), max(bottom - top, 1)
    fine = Image.fromarray(values.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    left, top = min(left, _THIRDS - width), min(top, _THIRDS - height)
    whole[top : top + height, left : left + width] = np.asarray(fine)
    return whole


def _place(warmth: np.ndarray) -> int:
    """Return the ninth, row by row, that stands out by its share of the warmth; 9 where none does."""
    warmth = warmth**2  # what stands out counts, not how far a faint glow reaches
    third = _THIRDS // 3
    ninths = warmth.reshape(3, third, 3, third).sum(axis=(1, 3)).ravel()
    best = int(ninths.argmax())
    return best if ninths[best] >= _CLEAR * ninths.sum() else 9
