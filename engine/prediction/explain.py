"""Explain one photo: where the model looked, which scored photos it resembles, where its score stands, its measures."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from PIL import Image

from engine.errors import ImageError, Message, NotFound
from engine.events import Notice, StopCheck, never_stop, raise_if_stopped
from engine.features.extract import Embedded
from engine.features.preprocess import Box, Pixels, load_pixels, normalised, seen_part
from engine.images import open_image, read_info
from engine.prediction.explanation import Explanation, HeatMap, Method
from engine.prediction.neighbours import ScoredPhotos
from engine.prediction.occlusion import Map, occlusion_map
from engine.prediction.open_model import OpenModel

How = Literal["auto", "grad-cam", "occlusion"]
Result = TypeVar("Result")

# families that are trained by gradients; for the others torch would have to be loaded, and trees have none
_BY_GRADIENTS = ("frozen", "finetune")
_MEASURED = 1024  # pixels that a photo is decoded to at least, to be measured


def explain(
    model: OpenModel,
    path: Path,
    *,
    heat: bool = True,
    method: How = "auto",
    among: ScoredPhotos | None = None,
    should_stop: StopCheck = never_stop,
) -> Explanation:
    """Explain the score of one photo.

    Args:
        model: it predicts.
        path: the photo.
        heat: whether to find out where the model looked.
        method: ``auto`` takes gradients for families that were trained by them, occlusion for the others.
        among: the scored photos, where they are at hand; otherwise they are read now.
        should_stop: asked between steps.

    Raises:
        NotFound: there is no such file. ImageError: it can't be read.
        UsageError: gradients were asked for, and this model has none.
        Interrupted: `should_stop` said so.
    """
    if not path.exists():
        raise NotFound("There is no {path}.", remedy="Check the spelling of the path.", path=path)
    from engine.prediction.measuring import measure_photo

    raise_if_stopped(should_stop)
    picture = load_pixels(path, model.backbone.preprocess)
    measurements = measure_photo(open_image(path, target=(_MEASURED, _MEASURED)))
    found, notes = _embedded(model, path)
    prediction = model.judge([found])[0]
    if found.vector is None or prediction.score is None or prediction.low is None or prediction.high is None:
        cause = str(prediction.error or found.error or "")
        raise ImageError("{name} can't be scored: {cause}", remedy="", name=path.name, cause=cause)
    raise_if_stopped(should_stop)
    others = among or ScoredPhotos(model)
    map_of = None
    if heat:
        looked = _look(model, picture, method, should_stop)
        notes += looked.notes
        map_of = _heat_map(looked.values, looked.method, _seen(path, model))
    return Explanation(
        str(path),
        prediction.score,
        prediction.low,
        prediction.high,
        model.info.model_id,
        prediction.far,
        map_of,
        others.nearest(found.vector, found.content_hash),
        others.standing(prediction.score),
        measurements,
        tuple(notes),
    )


def _embedded(model: OpenModel, path: Path) -> tuple[Embedded, list[Message]]:
    found, notes = Embedded(path, None, ""), list[Message]()
    for event in model.embedder.batch([path]):
        if isinstance(event, Embedded):
            found = event
        else:
            notes.append(event.message)
    return found, notes


@dataclass(frozen=True)
class _Looked:
    """What a method found.

    Args:
        values: over the network's input. method: that found it. notes: what to know beside.
    """

    values: Map
    method: Method
    notes: list[Message]


def _look(model: OpenModel, picture: Pixels, method: How, should_stop: StopCheck) -> _Looked:
    scorer, notes = model.bundle.scorer, list[Message]()
    if method == "grad-cam" or (method == "auto" and model.info.model in _BY_GRADIENTS):
        from engine.prediction.grad_cam import NoGradients

        try:
            values, how = model.gradients.map(normalised(picture, model.backbone.preprocess), scorer)
            return _Looked(values, how, notes)
        except NoGradients as error:
            if method == "grad-cam":
                raise
            notes.append(error.message)
    runtime = _drained(model.embedder.runtime(), notes)
    values = occlusion_map(picture, runtime, scorer, should_stop=should_stop)
    return _Looked(values, "occlusion", notes)


def _drained(events: Generator[Notice, None, Result], notes: list[Message]) -> Result:
    while True:
        try:
            notes.append(next(events).message)
        except StopIteration as end:
            result: Result = end.value
            return result


def _seen(path: Path, model: OpenModel) -> Box:
    info = read_info(path)
    return seen_part(info.width, info.height, model.backbone.preprocess)


def _heat_map(values: Map, method: Method, seen: Box) -> HeatMap:
    """Return the map of what lies in the photo; a network that fills a photo up to a square saw more than that."""
    inside = (max(seen[0], 0.0), max(seen[1], 0.0), min(seen[2], 1.0), min(seen[3], 1.0))
    if inside != seen:
        values = _cut(values, seen, inside)
    largest = float(np.abs(values).max())
    if largest > 0:
        values = values / largest
    rows = tuple(tuple(round(float(value), 4) for value in row) for row in values)
    return HeatMap(method, rows, inside)


def _cut(values: Map, seen: Box, inside: Box) -> Map:
    """Return the part of a map that lies over the photo, with cells of about the same size."""
    rows, columns = values.shape
    across, down = seen[2] - seen[0], seen[3] - seen[1]
    box = (
        (inside[0] - seen[0]) / across * columns,
        (inside[1] - seen[1]) / down * rows,
        (inside[2] - seen[0]) / across * columns,
        (inside[3] - seen[1]) / down * rows,
    )
    size = max(round(box[2] - box[0]), 1), max(round(box[3] - box[1]), 1)
    part = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR, box=box)
    return np.asarray(part, np.float64)
