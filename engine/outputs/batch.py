"""Score a batch of photos into rows, their stars into sidecars, and count what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import BeholderError, Message
from engine.events import ItemFailed, Notice, Phase, Progress, StopCheck, never_stop
from engine.models.bundle import BundleInfo
from engine.outputs.sidecars import SidecarWriter
from engine.outputs.table_reading import Row
from engine.prediction.known_paths import KnownPaths
from engine.prediction.predicted import Prediction
from engine.prediction.score import predict_batches
from engine.prediction.watching import Watch
from engine.workspace import Workspace


@dataclass
class Tally:
    """What became of a batch.

    Args:
        photos: rows so far. failed: how many of them have no score.
        far: photos unlike everything that the model has learned from.
        sidecars: those brought up to date. ratings_kept: those in which a person's rating stays.
        sidecars_failed: those that could not be read or written.
    """

    photos: int = 0
    failed: int = 0
    far: int = 0
    sidecars: int = 0
    ratings_kept: int = 0
    sidecars_failed: int = 0


class Batch:
    """One batch of photos.

    Args:
        workspace: its feature cache is used and filled.
        info: the model.
        sidecars: brings scores and stars into sidecars; None leaves these alone.
        words: turns a reason into the text of a row.
        should_stop: asked between batches.

    Attributes:
        tally: what became of the photos so far.
    """

    def __init__(
        self,
        workspace: Workspace,
        info: BundleInfo,
        *,
        sidecars: SidecarWriter | None = None,
        words: Callable[[Message], str] = str,
        should_stop: StopCheck = never_stop,
    ) -> None:
        self._workspace, self._info, self._sidecars = workspace, info, sidecars
        self._words, self._should_stop = words, should_stop
        self._written = KnownPaths()
        self.tally = Tally()

    def rows(
        self,
        paths: Iterable[Path | None],
        *,
        recursive: bool = True,
        done: KnownPaths | None = None,
        watch: Watch | None = None,
    ) -> Iterator[list[Row] | Progress | Notice | Phase | ItemFailed]:
        """Yield rows in the contract's columns, and ``far`` where that is so, in lists; failures before their rows.

        The sidecar of a photo is written before its row is yielded. Arguments and errors as `predict_batches`.
        """
        for event in predict_batches(
            self._workspace,
            self._info,
            paths,
            recursive=recursive,
            done=done,
            watch=watch,
            should_stop=self._should_stop,
        ):
            if not isinstance(event, list):
                yield event
                continue
            rows: list[Row] = []
            for prediction in event:
                if prediction.error is not None:
                    yield ItemFailed(str(prediction.path), prediction.error)
                elif self._sidecars is not None:
                    row = prediction.to_row()
                    yield from self._star(self._sidecars, row)
                    if done is not None:
                        self._written.add(row["path"])
                rows.append(self._row(prediction))
            yield rows

    def star_kept(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[ItemFailed]:
        """Bring the sidecars of photos up to date whose rows are from an earlier run."""
        if self._sidecars is not None:
            for row in rows:
                if row["score"] is not None and row["path"] not in self._written and Path(row["path"]).exists():
                    yield from self._star(self._sidecars, row)

    def _row(self, prediction: Prediction) -> Row:
        row, tally = prediction.to_row(), self.tally
        tally.photos += 1
        if prediction.error is not None:
            tally.failed += 1
            row["error"] = self._words(prediction.error)
        if prediction.far:
            tally.far += 1
            row["far"] = True
        return row

    def _star(self, sidecars: SidecarWriter, row: Mapping[str, Any]) -> Iterator[ItemFailed]:
        try:
            outcome = sidecars.write(Path(row["path"]), row["score"], row["model_id"])
        except BeholderError as error:
            self.tally.sidecars_failed += 1
            yield ItemFailed(row["path"], error.message)
            return
        self.tally.sidecars += 1
        self.tally.ratings_kept += outcome.state == "kept"
