"""Score photos with a trained bundle: files, folders and patterns in, one row a photo out, in the order given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from engine.errors import BeholderError, Interrupted
from engine.events import Notice, Phase, Progress, StopCheck, never_stop, raise_if_stopped
from engine.features.extract import SECONDS_BETWEEN_PROGRESS, Embedded, progress
from engine.models.bundle import BundleInfo
from engine.prediction.gathering import Count, Gathering
from engine.prediction.guesses import NewGuesses
from engine.prediction.known_paths import KnownPaths
from engine.prediction.open_model import OpenModel
from engine.prediction.predicted import COLUMNS, Prediction
from engine.prediction.watching import Watch
from engine.prediction.wildcards import has_wildcard
from engine.workspace import Workspace

__all__ = ["COLUMNS", "Prediction", "predict", "predict_batches"]

_GUESSES_AT_ONCE = 5000
_Photos = Iterator[Path | Embedded | None]


def predict(
    workspace: Workspace,
    info: BundleInfo,
    paths: Iterable[Path | None],
    *,
    recursive: bool = True,
    should_stop: StopCheck = never_stop,
) -> Iterator[Prediction | Progress | Notice]:
    """Score photos, one by one; see `predict_batches`."""
    for event in predict_batches(workspace, info, paths, recursive=recursive, should_stop=should_stop):
        if isinstance(event, list):
            yield from event
        elif isinstance(event, Progress | Notice):
            yield event


def predict_batches(
    workspace: Workspace,
    info: BundleInfo,
    paths: Iterable[Path | None],
    *,
    recursive: bool = True,
    done: KnownPaths | None = None,
    watch: Watch | None = None,
    should_stop: StopCheck = never_stop,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[Prediction] | Progress | Notice | Phase]:
    """Score photos, however many; one that can't be read is a row with the reason, never a stop.

    What is said of photos in the workspace's ``data/`` is kept as the model's guesses; see `engine.prediction.guesses`.

    Args:
        workspace: its feature cache is used and filled.
        info: the model; opened when the first photo comes that has to be scored.
        paths: files, folders, which stand for the pictures in them, and patterns such as ``**/*.jpg`` where there is no
            file of that name. A sequence is counted beforehand, in a thread; anything else is taken as it comes, and
            None in it says that the next path may take a while. A photo that is named twice is one row.
        recursive: look into the folders' folders too.
        done: photos that are left out if they were not changed since.
        watch: begun already; its new and changed photos follow, behind a `Phase` named ``watching``, until a stop.
        should_stop: asked between batches.
        clock: seconds, for rate and progress.

    Yields:
        Predictions in order, batch by batch; `Progress` at most five times a second and at the end; `Notice`.

    Raises:
        NotFound: none of the paths exists, or there is no picture in them.
        DamagedFile: the bundle is damaged, or its features are no longer computed the same way.
        NeedMissing: the backbone's weights are not on this machine, or the disk is full.
        Interrupted: `should_stop` said so.
    """
    counted = paths if isinstance(paths, Sequence) else ()
    single = len(counted) == 1 and counted[0] is not None and not has_wildcard(counted[0])
    gathering = Gathering(
        paths, recursive=recursive, done=done, single=single, postpone=None if watch is None else watch.takes
    )
    photos = iter(gathering)
    # before anything is counted: where all is done already, a second walk would take as long as the first
    first = next((item for item in _heeding(photos, should_stop) if item is not None), None)
    if first is None and watch is None:
        yield Progress("features", gathering.skipped, gathering.skipped)
        return
    with (
        Count([path for path in counted if path is not None], recursive=recursive) as count,
        OpenModel(workspace, info) as model,
    ):
        yield Progress("features", 0, count.total if counted else None)
        run = _Run(model, NewGuesses(workspace, info.model_id), should_stop)
        try:
            started = said = clock()
            for event in run.scored(chain((first,) if first else (), photos)):
                yield event
                if isinstance(event, list) and clock() - said >= SECONDS_BETWEEN_PROGRESS:
                    said = clock()
                    at = run.count + gathering.skipped
                    total = max(count.total, at) if counted and count.total is not None else None
                    yield progress(at, total, said - started, before=gathering.skipped)
            at = run.count + gathering.skipped
            yield progress(at, at, clock() - started, before=gathering.skipped)
            yield from run.save()
            if watch is not None:
                yield Phase("watching")
                yield from run.scored(iter(watch))
        except Interrupted:
            yield from run.save()
            raise


class _Run:
    """One prediction while it lasts."""

    def __init__(self, model: OpenModel, guesses: NewGuesses, should_stop: StopCheck) -> None:
        self._model, self._guesses, self._should_stop = model, guesses, should_stop
        self.count = 0

    def scored(self, photos: _Photos) -> Iterator[list[Prediction] | Notice]:
        """Yield what the model says of photos."""
        for event in self._model.embedder.stream(self._looked_at(photos), should_stop=self._should_stop):
            if isinstance(event, Notice):
                yield event
                continue
            predictions = self._model.judge(event)
            for prediction in predictions:
                self._guesses.add(prediction.path, prediction.score, prediction.content_hash)
            self.count += len(predictions)
            if len(self._guesses) >= _GUESSES_AT_ONCE:
                yield from self.save()
            yield predictions

    def _looked_at(self, photos: _Photos) -> _Photos:
        for item in photos:
            if isinstance(item, Path):
                self._guesses.look(item)
            yield item

    def save(self) -> Iterator[Notice]:
        """Save the guesses; where they can't be, the rows are no worse for it."""
        try:
            self._guesses.save()
        except BeholderError as error:
            yield Notice(error.message)


def _heeding(photos: _Photos, should_stop: StopCheck) -> _Photos:
    for item in photos:
        raise_if_stopped(should_stop)
        yield item
