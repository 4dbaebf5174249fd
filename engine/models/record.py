"""What a training leaves beside its model for reports and comparisons: the curve, and what it said of each photo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.models.damaged import damaged_model
from engine.storage import disk_errors, write_bytes

RECORD_NAME = "record.json"


@dataclass(frozen=True)
class Guessed:
    """What a model that had not seen the photo said of it.

    Args:
        name: the photo's name in ``data/``.
        given: the person's score. predicted: the model's, clipped to the scale.
        part: ``train``, ``validation`` or ``test`` of the split.
        held_out: the prediction is of a model that never saw the photo's group; False for what it learned from.
        group: number of the photo's group in that training, for intervals that count a burst once; None if unknown.
    """

    name: str
    given: float
    predicted: float
    part: str
    held_out: bool
    group: int | None = None


@dataclass(frozen=True)
class Record:
    """The record of one training.

    Args:
        events: its curve: ``curve`` and ``epoch`` events in JSON form, in order.
        guesses: one for each scored photo.
    """

    events: Sequence[Mapping[str, Any]] = ()
    guesses: Sequence[Guessed] = field(default_factory=tuple)

    def save(self, folder: Path) -> None:
        """Write ``record.json`` into a bundle's folder.

        Raises:
            BeholderError: the place can't be written.
        """
        content = {"events": list(self.events), "guesses": [asdict(guess) for guess in self.guesses]}
        # ASCII, because a photo's name may hold bytes that are no UTF-8
        write_bytes(folder / RECORD_NAME, json.dumps(content, allow_nan=False).encode("ascii"))


def read_record(folder: Path) -> Record:
    """Return the record in a bundle's folder; an empty one for a model that was made without.

    Raises:
        DamagedFile: it is not what `Record.save` writes.
    """
    file = folder / RECORD_NAME
    if not file.exists():
        return Record()
    try:
        with disk_errors(file):
            content = json.loads(file.read_bytes())
        guesses = tuple(
            Guessed(
                str(item["name"]),
                float(item["given"]),
                float(item["predicted"]),
                str(item["part"]),
                bool(item["held_out"]),
                None if item.get("group") is None else int(item["group"]),
            )
            for item in content["guesses"]
        )
        return Record(tuple(dict(event) for event in content["events"]), guesses)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise damaged_model(file, f"{type(error).__name__}: {error}") from error
