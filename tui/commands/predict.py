"""``beholder predict``: score photos with a trained model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.errors import Interrupted, NotFound, UsageError, display_name
from tui.commands.importing import given_path, show
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.interrupts import StopSwitch
from tui.progress_line import ProgressLine
from tui.session import Session

if TYPE_CHECKING:
    from engine.events import StopCheck
    from engine.models.bundle import BundleInfo

Row = dict[str, Any]
Form = Literal["table", "csv", "json", "jsonl"]
COLUMNS = ("path", "score", "low", "high", "model_id", "error")


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "predict",
        predict,
        help=t("cli.predict.help"),
        example="beholder predict ~/Pictures --top 10\nfind . -name '*.jpg' | beholder predict - --format csv",
    )


def predict(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help=t("cli.predict.paths"))],
    model: Annotated[str, typer.Option("--model", metavar="ID", help=t("cli.predict.model"))] = "default",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=t("cli.predict.out"))] = None,
    form: Annotated[
        Form | None, typer.Option("--format", metavar="table|csv|json|jsonl", help=t("cli.predict.format"))
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive/--no-recursive", help=t("cli.predict.recursive"))] = True,
    sort: Annotated[
        Literal["score", "name"] | None, typer.Option("--sort", metavar="score|name", help=t("cli.predict.sort"))
    ] = None,
    top: Annotated[int | None, typer.Option("--top", metavar="N", min=1, help=t("cli.predict.top"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Score the photos, the rows going out as they come where nothing has to be sorted."""
    from engine.models.bundle import find_bundle, read_manifest

    session = Session.of(context)
    chosen = _choose_format("json" if as_json else form, out)
    photos = [path for word in paths for path in (_from_stdin() if word == "-" else [given_path(word)])]
    if not photos:
        raise NotFound("There is no path on the standard input.", remedy="Give one path a line.")
    info = find_bundle(session.workspace, model)
    low, high = read_manifest(info)["scale"]
    decimals = 1 if high - low > 20 else 2
    failed: list[str] = []
    with StopSwitch(session.console) as stop, ProgressLine(session.console) as progress:
        rows = _rows(session, info, photos, recursive, stop, progress, failed)
        if chosen == "table":
            _print_table(session, _until_stopped(rows, session, progress, sort, top, decimals), decimals)
        else:
            _write(rows, chosen, out, sort, top)
    if out is not None:
        session.console.note(t("cli.predict.written", path=display_name(out)))
    if failed:
        session.console.note(t("cli.predict.failed", n=len(failed)))
    return 1 if failed else 0


def _choose_format(form: Form | None, out: Path | None) -> Form:
    from engine.outputs.tables import format_of

    if out is None:
        return form or "table"
    if form == "table":
        raise UsageError("A table is for the eye, not for a file.", remedy="Choose csv, json or jsonl.")
    return form or format_of(out)


def _from_stdin() -> Iterator[Path]:
    data = sys.stdin.buffer.read()
    for word in data.split(b"\0" if b"\0" in data else b"\n"):
        if word.rstrip(b"\r"):
            yield Path(os.fsdecode(word.rstrip(b"\r")))


def _rows(
    session: Session,
    info: BundleInfo,
    photos: list[Path],
    recursive: bool,
    stop: StopCheck,
    progress: ProgressLine,
    failed: list[str],
) -> Iterator[Row]:
    from engine.prediction.score import Prediction
    from engine.prediction.score import predict as score_photos

    for item in score_photos(session.workspace, info, photos, recursive=recursive, should_stop=stop):
        if not isinstance(item, Prediction):
            show(item, progress)
            continue
        row = item.to_row()
        if item.error is not None:
            row["error"] = say(item.error)
            failed.append(row["path"])
            progress.failure(row["path"], row["error"])
        progress.clear()
        yield row
    progress.clear()


def _write(rows: Iterable[Row], form: Form, out: Path | None, sort: str | None, top: int | None) -> None:
    from engine.outputs.tables import write_rows

    assert form != "table"
    if sort or top or form == "json":
        rows = _sorted(list(rows), sort, top)
    if out is None and form == "csv" and sys.stdout.isatty():
        # On a terminal a name may not bring its own control characters along; in a pipe the bytes are exact.
        rows = ({**row, "path": display_name(row["path"])} for row in rows)
    write_rows(rows, COLUMNS, out, form)


def _until_stopped(
    rows: Iterable[Row], session: Session, progress: ProgressLine, sort: str | None, top: int | None, decimals: int
) -> list[Row]:
    """Return the rows in their order; when the person stops the work, show those that are done first."""
    done: list[Row] = []
    try:
        for row in rows:
            done.append(row)  # noqa: PERF402 - what came before an interruption must be kept
    except Interrupted:
        progress.clear()
        _print_table(session, _sorted(done, sort, top), decimals)
        raise
    return _sorted(done, sort, top)


def _sorted(rows: list[Row], sort: str | None, top: int | None) -> list[Row]:
    from engine.natural_order import natural_key

    by_score = sorted(rows, key=lambda row: (row["score"] is None, -(row["score"] or 0.0)))
    if top is not None:
        by_score = by_score[:top]
        sort = sort or "score"
    if sort == "score":
        return by_score
    if sort == "name":
        return sorted(by_score, key=lambda row: natural_key(row["path"]))
    return rows


def _print_table(session: Session, rows: list[Row], decimals: int) -> None:
    if not rows:
        return
    headings = [t("cli.table.photo"), t("cli.table.score"), t("cli.table.low"), t("cli.table.high"), ""]
    session.console.table(
        headings,
        [
            [row["path"], *(_number(row[key], decimals) for key in ("score", "low", "high")), row["error"] or ""]
            for row in rows
        ],
        right=[1, 2, 3],
    )


def _number(value: float | None, decimals: int) -> str | None:
    return None if value is None else f"{value:.{decimals}f}"
