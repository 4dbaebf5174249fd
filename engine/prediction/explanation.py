"""What can be said of one predicted photo: where the model looked, what it resembles, where it stands, its measures.

Nothing heavy is imported: a face reads what a worker or a companion process wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.errors import Message

Method = Literal["grad-cam", "token-gradients", "occlusion"]


@dataclass(frozen=True)
class HeatMap:
    """Where in the photo the score comes from.

    Args:
        method: how it was found.
        values: rows from the top of columns from the left, -1 … 1: above 0 what is there raised the score, below 0 it
            lowered it; the largest magnitude is 1, and all are 0 where nothing mattered.
        box: left, top, right and bottom of what the model saw, as shares 0 … 1 of the upright photo.
    """

    method: Method
    values: tuple[tuple[float, ...], ...]
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Neighbour:
    """A scored photo that resembles the predicted one.

    Args:
        name: in ``data/``.
        score: the person's.
        similarity: cosine of the features, standardised over the album, -1 … 1.
    """

    name: str
    score: float
    similarity: float


@dataclass(frozen=True)
class Standing:
    """Where a score stands among the person's own scores.

    Args:
        percentile: share of the scored photos with a lower score, ties counted half, 0 … 100.
        n: how many scored photos there are.
        counts: how many of them are in each of equally wide bins from the lowest to the highest score of the scale.
    """

    percentile: float
    n: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Measurements:
    """What can be measured in a photo; never the model's reasons.

    Args:
        sharpness: 0 … 100. exposure: mean lightness (CIE L*), 0 … 100. contrast: standard deviation of lightness,
            0 … 50. colourfulness: Hasler and Süsstrunk's M3, 0 … about 110.
        tilt: of the horizon, degrees, above 0 where the right side is lower; None where there is no clear one.
        clipped_dark: percent of pixels that are black. clipped_bright: percent that are white.
    """

    sharpness: float
    exposure: float
    contrast: float
    colourfulness: float
    tilt: float | None
    clipped_dark: float
    clipped_bright: float


@dataclass(frozen=True)
class Explanation:
    """Everything that is said of one photo.

    Args:
        path: the photo. score: predicted. low, high: its 90 % interval. model_id: by which model.
        far: it is unlike everything that the model has learned from.
        heat: None where it was not asked for, or can't be made: `notes` says why.
        nearest: the scored photos that it most resembles, the nearest first; the photo itself is left out.
        standing: None where there are no scores.
        measurements: None where they were not asked for.
        notes: what a person should know beside that.
    """

    path: str
    score: float
    low: float
    high: float
    model_id: str
    far: bool = False
    heat: HeatMap | None = None
    nearest: tuple[Neighbour, ...] = ()
    standing: Standing | None = None
    measurements: Measurements | None = None
    notes: tuple[Message, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready form; numbers are rounded to four digits."""
        made: dict[str, Any] = {key: _plain(value) for key, value in vars(self).items() if key != "notes"}
        return {**made, "notes": [note.to_dict() for note in self.notes]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Explanation:
        """Return the explanation that `to_dict` wrote."""
        heat, standing, measured = data.get("heat"), data.get("standing"), data.get("measurements")
        return cls(
            **{key: data[key] for key in ("path", "score", "low", "high", "model_id", "far")},
            heat=HeatMap(heat["method"], tuple(tuple(row) for row in heat["values"]), tuple(heat["box"]))
            if heat
            else None,
            nearest=tuple(Neighbour(**item) for item in data.get("nearest", ())),
            standing=Standing(standing["percentile"], standing["n"], tuple(standing["counts"])) if standing else None,
            measurements=Measurements(**measured) if measured else None,
            notes=tuple(Message.from_dict(note) for note in data.get("notes", ())),
        )


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, HeatMap | Neighbour | Standing | Measurements):
        return {key: _plain(item) for key, item in vars(value).items()}
    return value
