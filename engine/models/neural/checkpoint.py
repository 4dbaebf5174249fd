"""Where a fit keeps how far it is: one folder an epoch, complete or not there; tensors and JSON, never a pickle.

<stage>/epoch-00007/state.safetensors, state.json     the last two are kept
<stage>/done/…                                        the finished fit
<stage>/aside/…                                       checkpoints that belong to another fit or are damaged
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.errors import BeholderError, DamagedFile, Message
from engine.events import CurvePoint, Epoch, Event, Notice
from engine.storage import content_hash, disk_errors, sync_folder, write_json

DONE = "done"
_FORMAT = 1
_KEPT = 2
_EPOCH, _PART = "epoch-", ".part-"
_TENSORS, _NOTES = "state.safetensors", "state.json"
_KINDS: Mapping[str, type[Event]] = {"epoch": Epoch, "curve": CurvePoint}


@dataclass(frozen=True)
class Checkpoint:
    """What is needed to go on.

    Args:
        notes: JSON-ready; what is no tensor.
        tensors: name → tensor, each with memory of its own.
        events: what the fit has told so far.
    """

    notes: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    events: Sequence[Event] = ()


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one fit.

    Args:
        folder: a folder of its own; made when the first checkpoint is written. None: nothing is kept.
        digest: tells fits apart: settings, scores and photos; a checkpoint of another digest is not used.
    """

    folder: Path | None
    digest: str

    def within(self, stage: str) -> CheckpointStore:
        """Return the store of one stage of the fit."""
        return CheckpointStore(self.folder / stage if self.folder else None, self.digest)

    def done(self) -> CheckpointStore:
        """Return the store of the fit as a whole, in which only `save_done` writes."""
        return self.within("fit")

    def save_epoch(self, epoch: int, checkpoint: Checkpoint) -> None:
        """Keep the state after an epoch, and remove all but the last two.

        Raises:
            BeholderError: the disk is full or read-only; the checkpoints that were there stay.
        """
        if self.folder is None:
            return
        self._write(f"{_EPOCH}{epoch:05d}", checkpoint)
        for old in self._epochs()[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def save_done(self, checkpoint: Checkpoint) -> None:
        """Keep the finished fit; the checkpoints on the way to it are removed.

        Raises:
            BeholderError: as `save_epoch`.
        """
        if self.folder is None:
            return
        self._write(DONE, checkpoint)
        for old in self._epochs():
            shutil.rmtree(old, ignore_errors=True)

    def latest(self) -> Iterator[Notice | Checkpoint]:
        """Yield the newest sound checkpoint of this very fit, if any, as the last; notices before it.

        The finished fit counts as the newest. What is damaged or of another fit is moved aside.
        """
        if self.folder is None or not self.folder.is_dir():
            return
        finished = self.folder / DONE
        for place in ([finished] if finished.is_dir() else []) + self._epochs()[::-1]:
            try:
                yield self._read(place)
                return
            except _OtherFit:
                yield Notice(
                    Message(
                        "What an earlier training kept in {path} is of other photos, scores or settings: "
                        "it is set aside, and this one begins anew.",
                        {"path": self.folder},
                    )
                )
                for strange in [finished, *self._epochs()]:
                    self._set_aside(strange)
                return
            except BeholderError as error:
                yield Notice(
                    Message(
                        "The checkpoint {path} can't be used ({cause}); the one before it is.",
                        {"path": place, "cause": str(error.message)},
                    )
                )
                self._set_aside(place)

    def _epochs(self) -> list[Path]:
        """Return the folders of whole epochs, oldest first."""
        if self.folder is None or not self.folder.is_dir():
            return []
        return sorted(place for place in self.folder.iterdir() if place.name.startswith(_EPOCH) and place.is_dir())

    def _write(self, name: str, checkpoint: Checkpoint) -> None:
        assert self.folder is not None
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._set_aside(self.folder / name)
        with _becoming(self.folder / name) as part:
            _write_tensors(part / _TENSORS, checkpoint.tensors)
            notes = {
                "format": _FORMAT,
                "digest": self.digest,
                "tensors": content_hash(part / _TENSORS),
                "notes": checkpoint.notes,
                "events": [event.to_dict() for event in checkpoint.events],
            }
            write_json(part / _NOTES, notes)

    def _read(self, place: Path) -> Checkpoint:
        with disk_errors(place):
            text = (place / _NOTES).read_bytes()
        try:
            kept = json.loads(text)
            if kept["format"] != _FORMAT or kept["digest"] != self.digest:
                raise _OtherFit
            events = [_event(data) for data in kept["events"]]
            notes, tensors_hash = dict(kept["notes"]), str(kept["tensors"])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise _damaged(place / _NOTES, f"{type(error).__name__}: {error}") from error
        if content_hash(place / _TENSORS) != tensors_hash:
            raise _damaged(place / _TENSORS, "its checksum is wrong")
        try:
            return Checkpoint(notes, load_file(place / _TENSORS), events)
        except (SafetensorError, ValueError) as error:
            raise _damaged(place / _TENSORS, str(error)) from error

    def _set_aside(self, place: Path) -> None:
        """Move a checkpoint out of the way; only the last one of its name is kept there."""
        if not place.exists():
            return
        aside = place.parent / "aside" / place.name
        with contextlib.suppress(OSError):
            aside.parent.mkdir(exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)


@contextlib.contextmanager
def _becoming(target: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `target` in one step when the block ends well, or vanishes."""
    with disk_errors(target):
        for left in target.parent.glob(f"{_PART}*"):  # of a process that was killed: a fit has its folder for itself
            shutil.rmtree(left, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=_PART, dir=target.parent))
        try:
            yield part
            sync_folder(part)
            part.rename(target)
            sync_folder(target.parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


class _OtherFit(Exception):
    """The checkpoint was made by a fit of other photos, scores or settings."""


def _damaged(path: Path, cause: str) -> DamagedFile:
    return DamagedFile("{path} is damaged: {cause}.", remedy="Train it again.", path=path, cause=cause)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    with disk_errors(path):
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
        except SafetensorError as error:
            # it tells the system's error only as text, in which the number is what can be relied on
            found = str(error).rpartition("os error ")[2].split(")")[0]
            raise OSError(int(found) if found.isdigit() else 5, str(error), str(path)) from error
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def _event(data: dict[str, Any]) -> Event:
    values = dict(data)
    kind = values.pop("type")
    if kind == Notice.type:
        return Notice(Message.from_dict(values["message"]))
    return _KINDS[kind](**values)


def take(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``prefix.``, without it."""
    cut = len(prefix) + 1
    return {name[cut:]: value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


def put(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under names that begin with ``prefix.``, on the CPU."""
    return {f"{prefix}.{name}": value.detach().cpu() for name, value in tensors.items()}


def array_state(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Tensor]:
    """Return arrays as tensors, for a checkpoint."""
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
