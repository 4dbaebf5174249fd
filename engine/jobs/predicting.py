"""What a predict job does: rows into its ``rows.jsonl`` and, if asked for, a file; resumed where it was cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.errors import UsageError
from engine.events import Event, Finished, StopCheck
from engine.jobs.spec import PredictRequest
from engine.models.bundle import BundleInfo, read_manifest
from engine.outputs.batch import Batch
from engine.outputs.journal import Journal, final_rows, journal_rows
from engine.outputs.kept_rows import KeptRows
from engine.outputs.out_file import check_place, write_final
from engine.outputs.sidecars import SidecarWriter, remembered_thresholds
from engine.outputs.tables import Format, format_of
from engine.workspace import Scale, Workspace


def predict_for(
    workspace: Workspace, info: BundleInfo, request: PredictRequest, rows: Path, should_stop: StopCheck
) -> Iterator[Event]:
    """Score what a request names; events, the last one `Finished` with ``model_id``, ``n`` and ``failed``.

    Args:
        workspace: its feature cache is used and filled.
        info: the model. request: what was asked.
        rows: a journal: the contract's columns, ``far`` where that is so. A photo that has a row of this model and
            was not changed since is left out; one whose row has an error is tried again.
        should_stop: asked between batches.

    Raises:
        UsageError, NotFound, NeedMissing: the file can't be written, which is told before the work; or as
            `engine.prediction.score.predict_batches`.
    """
    paths = [Path(path) for path in request.paths]
    out, format = _place(request, paths)
    kept = KeptRows()
    with Journal(rows) as journal:
        for row in journal_rows(rows):
            kept.add(row, row.get("until", 0) if row["model_id"] == info.model_id else 0)
        batch = Batch(workspace, info, sidecars=_sidecars(workspace, info, request), should_stop=should_stop)
        for event in batch.rows(paths, recursive=request.recursive, done=kept.done):
            if isinstance(event, list):
                journal.append(kept.marked(event))
            else:
                yield event
    yield from batch.star_kept(final_rows(rows))
    if out is not None and format is not None:
        write_final(rows, out, format, kept.until)
    n = failed = 0
    for row in final_rows(rows):
        n += 1
        failed += row["error"] is not None
    yield Finished({"model_id": info.model_id, "n": n, "failed": failed})


def _place(request: PredictRequest, paths: list[Path]) -> tuple[Path | None, Format | None]:
    if request.out is None:
        return None, None
    out = Path(request.out)
    check_place(out, [path for path in paths if not path.is_dir()])
    return out, request.format or format_of(out)


def _sidecars(workspace: Workspace, info: BundleInfo, request: PredictRequest) -> SidecarWriter | None:
    if request.xmp is None:
        if request.stars or request.overwrite_ratings:
            raise UsageError("--stars goes with --xmp or --html.", remedy="Say for which program: --xmp lightroom")
        return None
    scale = Scale(*read_manifest(info)["scale"])
    thresholds = remembered_thresholds(workspace, scale, request.stars or "")
    return SidecarWriter(request.xmp, thresholds, overwrite_ratings=request.overwrite_ratings, scale=scale)
