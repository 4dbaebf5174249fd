"""Score photos with a trained bundle: files and folders in, one row a photo out, in the order given."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.errors import BeholderError, Interrupted, Message, NotFound
from engine.events import Notice, Progress, StopCheck, never_stop
from engine.features.extract import BATCH, Embedded, embed_with
from engine.images import find_images
from engine.models.bundle import BundleInfo
from engine.prediction.guesses import NewGuesses
from engine.prediction.open_model import OpenModel
from engine.prediction.predicted import COLUMNS, Prediction
from engine.storage import disk_errors
from engine.workspace import Workspace

__all__ = ["COLUMNS", "Prediction", "predict"]


def predict(
    workspace: Workspace,
    info: BundleInfo,
    paths: Sequence[Path],
    *,
    recursive: bool = True,
    should_stop: StopCheck = never_stop,
) -> Iterator[Prediction | Progress | Notice]:
    """Score photos; one that can't be read is a row with the reason, never a stop.

    What is said of photos in the workspace's ``data/`` is kept as the model's guesses; see `engine.prediction.guesses`.

    Args:
        workspace: its feature cache is used and filled.
        info: the model.
        paths: files and folders; a folder stands for the pictures in it.
        recursive: look into the folders' folders too.
        should_stop: asked between batches.

    Raises:
        NotFound: none of the paths exists, or there is no picture in them.
        DamagedFile: the bundle is damaged, or its features are no longer computed the same way.
        NeedMissing: the backbone's weights are not on this machine.
        Interrupted: `should_stop` said so.
    """
    photos, lost = _photos(paths, recursive)
    with OpenModel(workspace, info) as model:
        for path, reason in lost:
            yield Prediction(path, None, None, None, info.model_id, reason)
        guesses = NewGuesses(workspace, info.model_id, photos)
        try:
            for event in _score(model, photos, should_stop):
                if isinstance(event, Prediction):
                    guesses.add(event.path, event.score, event.content_hash)
                yield event
        except Interrupted:
            yield from _kept(guesses)
            raise
        yield from _kept(guesses)


def _kept(guesses: NewGuesses) -> Iterator[Notice]:
    """Save the guesses; where they can't be, the rows are no worse for it."""
    try:
        guesses.save()
    except BeholderError as error:
        yield Notice(error.message)


def _photos(paths: Sequence[Path], recursive: bool) -> tuple[list[Path], list[tuple[Path, Message]]]:
    """Return the photos that are meant, and what can't even be looked at, with the reason."""
    photos: list[Path] = []
    lost: list[tuple[Path, Message]] = []
    missing: list[Path] = []

    def pass_over(path: Path, reason: Message) -> None:
        lost.append((path, reason))

    for path in paths:
        try:
            with disk_errors(path):
                is_folder = stat.S_ISDIR(path.stat().st_mode)
            if is_folder:
                photos += find_images(path, recursive=recursive, on_problem=pass_over)
            else:
                photos.append(path)
        except NotFound:
            missing.append(path)
            pass_over(path, Message("There is no such file."))
        except BeholderError as error:
            pass_over(path, error.message)
    if not photos and len(lost) == len(missing):
        if missing:
            raise NotFound("There is no {path}.", remedy="Check the spelling of the path.", path=missing[0])
        raise NotFound(
            "There is no picture in {path}.",
            remedy="beholder reads JPEG, PNG, WebP, TIFF, BMP, GIF and AVIF.",
            path=paths[0] if paths else Path(),
        )
    return photos, lost


def _score(
    model: OpenModel, photos: Sequence[Path], should_stop: StopCheck
) -> Iterator[Prediction | Progress | Notice]:
    waiting: list[Embedded] = []
    for event in embed_with(model.embedder, photos, should_stop=should_stop):
        if isinstance(event, Embedded):
            waiting.append(event)
            if len(waiting) >= BATCH:
                yield from model.judge(waiting)
                waiting.clear()
        else:
            yield from model.judge(waiting)
            waiting.clear()
            yield event
    yield from model.judge(waiting)
