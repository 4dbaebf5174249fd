"""``beholder predict``: score photos with a trained model, however many."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.errors import Interrupted, NeedMissing, NotFound, display_name
from engine.events import ItemFailed, Phase
from tui.commands.importing import given_path, show
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.interrupts import StopSwitch
from tui.progress_line import ProgressLine
from tui.session import Session

if TYPE_CHECKING:
    from engine.outputs.batch import Batch
    from tui.commands.predict_rows import Destination
    from tui.commands.predict_wish import Wish

Form = Literal["table", "csv", "json", "jsonl", "parquet"]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "predict",
        predict,
        help=t("predicting.help"),
        example="beholder predict ~/Pictures --top 10\n"
        "beholder predict ~/Pictures --out scores.csv --resume\n"
        "find . -name '*.jpg' -print0 | beholder predict - --format csv\n"
        "beholder predict ~/Incoming --watch --xmp lightroom",
    )


def predict(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help=t("predicting.paths"))],
    model: Annotated[str, typer.Option("--model", metavar="ID", help=t("cli.predict.model"))] = "default",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=t("predicting.out"))] = None,
    form: Annotated[
        Form | None, typer.Option("--format", metavar="table|csv|json|jsonl|parquet", help=t("predicting.format"))
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive/--no-recursive", help=t("cli.predict.recursive"))] = True,
    xmp: Annotated[
        Literal["lightroom", "darktable"] | None,
        typer.Option("--xmp", metavar="lightroom|darktable", help=t("predicting.xmp")),
    ] = None,
    stars: Annotated[str, typer.Option("--stars", metavar="A,B,C,D", help=t("predicting.stars"))] = "",
    overwrite_ratings: Annotated[bool, typer.Option("--overwrite-ratings", help=t("predicting.overwrite"))] = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help=t("predicting.html"))] = None,
    sort: Annotated[
        Literal["score", "name"] | None, typer.Option("--sort", metavar="score|name", help=t("predicting.sort"))
    ] = None,
    top: Annotated[int | None, typer.Option("--top", metavar="N", min=1, help=t("predicting.top"))] = None,
    watch: Annotated[bool, typer.Option("--watch", help=t("predicting.watch"))] = False,
    resume: Annotated[bool, typer.Option("--resume", help=t("predicting.resume"))] = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option("--engine", metavar="local|ray", help=t("predicting.engine"))
    ] = "local",
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Score the photos; each row goes out, or is safe on disk, as soon as it is there."""
    from tui.commands.predict_wish import Wish

    session = Session.of(context)
    if engine == "ray":
        raise NeedMissing(
            "This version of beholder predicts on this machine alone.", remedy="Leave --engine away: it is local."
        )
    wish = Wish(
        session.workspace,
        model,
        words=_words(paths),
        places=[given_path(word) for word in paths if word != "-"],
        recursive=recursive,
        out=out,
        form="json" if as_json else form,
        sort=sort,
        top=top,
        watch=watch,
        resume=resume,
        xmp=xmp,
        stars=stars,
        overwrite_ratings=overwrite_ratings,
        html=html,
    )
    return _Command(session, wish).run()


class _Command:
    """One run of the command."""

    def __init__(self, session: Session, wish: Wish) -> None:
        self._session, self._console, self._wish = session, session.console, wish

    def run(self) -> int:
        """Score, write, and tell what became of it."""
        from engine.outputs.batch import Batch
        from tui.commands.predict_rows import open_destination

        wish = self._wish
        with StopSwitch(self._console) as stop, ProgressLine(self._console) as progress, ExitStack() as held:
            rows = held.enter_context(open_destination(self._session, wish))
            batch = Batch(self._session.workspace, wish.info, sidecars=wish.sidecars(), words=say, should_stop=stop)
            watch = held.enter_context(wish.open_watch()) if wish.watch else None
            for notice in watch.notices if watch else ():
                show(notice, progress)
            try:
                for event in batch.rows(wish.words, recursive=wish.recursive, done=rows.done, watch=watch):
                    if isinstance(event, list):
                        if rows.on_screen:
                            progress.clear()
                        rows.write(event)
                    elif isinstance(event, ItemFailed):
                        progress.failure(event.path, say(event.reason))
                    elif isinstance(event, Phase):
                        progress.clear()
                        self._finish(batch, rows, progress)
                        self._console.note(t("predicting.watching"))
                    else:
                        show(event, progress)
                progress.clear()
                self._finish(batch, rows, progress)
            except Interrupted as error:
                progress.clear()
                raise rows.interrupted(error) from error
            finally:
                progress.clear()
                self._tell(batch)
            if wish.html is not None:
                self._gallery(wish.html, rows, stop, progress)
        return 1 if batch.tally.failed or batch.tally.sidecars_failed else 0

    def _finish(self, batch: Batch, rows: Destination, progress: ProgressLine) -> None:
        if rows.done is not None:
            for failure in batch.star_kept(rows.rows()):
                progress.failure(failure.path, say(failure.reason))
        note = rows.finish(batch.tally)
        if note:
            self._console.note(note)

    def _tell(self, batch: Batch) -> None:
        """Say in a line each what the rows alone don't show."""
        tally = batch.tally
        if tally.sidecars:
            self._console.note(t("predicting.sidecars", n=tally.sidecars))
        if tally.failed:
            self._console.note(t("predicting.failed", n=tally.failed))
        if tally.far:
            self._console.note(t("predicting.far", n=tally.far))
        if tally.ratings_kept:
            self._console.note(t("predicting.ratings_kept", n=tally.ratings_kept))
        if tally.sidecars_failed:
            self._console.note(t("predicting.sidecars_failed", n=tally.sidecars_failed))

    def _gallery(self, html: Path, rows: Destination, stop: StopSwitch, progress: ProgressLine) -> None:
        from engine.outputs.gallery import write_gallery
        from tui.gallery_words import gallery_words

        wish = self._wish
        for event in write_gallery(
            rows.rows(),
            html,
            words=gallery_words(),
            title=t("predicting.gallery_title", model=wish.info.name or wish.info.model_id),
            scale=wish.scale,
            should_stop=stop,
            thresholds=wish.thresholds,
            thumbnails=self._session.workspace.thumbnails if self._session.workspace.exists() else None,
        ):
            show(event, progress)
        progress.clear()
        self._console.note(t("predicting.written", path=display_name(html)))


def _words(paths: Sequence[str]) -> Sequence[Path] | Iterator[Path | None]:
    """Return what was named: a list where that is all there is, else a stream that reads stdin where ``-`` stands."""
    if "-" not in paths:
        return [given_path(word) for word in paths]
    return _streamed(paths)


def _streamed(paths: Sequence[str]) -> Iterator[Path | None]:
    from tui.path_list import read_paths

    found = False
    for word in paths:
        for path in read_paths(sys.stdin.buffer) if word == "-" else (given_path(word),):
            found = found or path is not None
            yield path
    if not found:
        raise NotFound("There is no path on the standard input.", remedy="Give one path a line.")
