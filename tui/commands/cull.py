"""``beholder cull``: bring the best photos, or the best of each burst, into a folder; and take it back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.errors import BeholderError, NotFound, UsageError, display_name
from engine.events import Event, Finished, ItemFailed
from tui.commands.importing import given_path, show
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.interrupts import StopSwitch
from tui.progress_line import ProgressLine
from tui.session import Session

if TYPE_CHECKING:
    from engine.events import StopCheck
    from engine.outputs.cull import CullPlan, Likeness

Row = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "cull",
        cull,
        help=t("sidecars.cull.help"),
        example="beholder cull ~/Pictures/2024 --to ~/Pictures/best --best 50\n"
        "beholder cull ~/Pictures/2024 --to keep --per-burst 1 --link symbolic --dry-run\n"
        "beholder cull --from scores.csv --to best --best 50 --move\nbeholder cull --undo best",
    )


def cull(
    context: typer.Context,
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATH…", help=t("sidecars.cull.paths"))] = None,
    to: Annotated[str, typer.Option("--to", metavar="DIR", help=t("sidecars.cull.to"))] = "",
    best: Annotated[int | None, typer.Option("--best", metavar="N", help=t("sidecars.cull.best"))] = None,
    per_burst: Annotated[
        int | None, typer.Option("--per-burst", metavar="K", help=t("sidecars.cull.per_burst"))
    ] = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", metavar="F", help=t("sidecars.cull.min_score"))
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help=t("sidecars.cull.copy"))] = False,
    move: Annotated[bool, typer.Option("--move", help=t("sidecars.cull.move"))] = False,
    link: Annotated[
        Literal["hard", "symbolic"] | None,
        typer.Option("--link", metavar="hard|symbolic", help=t("sidecars.cull.link")),
    ] = None,
    model: Annotated[str, typer.Option("--model", metavar="ID", help=t("cli.predict.model"))] = "default",
    earlier: Annotated[Path | None, typer.Option("--from", metavar="FILE", help=t("sidecars.cull.from"))] = None,
    undo: Annotated[str, typer.Option("--undo", metavar="DIR", help=t("sidecars.cull.undo"))] = "",
    recursive: Annotated[bool, typer.Option("--recursive/--no-recursive", help=t("cli.predict.recursive"))] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=t("sidecars.cull.dry_run"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Choose, show or carry out, and say what became of every photo."""
    session = Session.of(context)
    if undo:
        if paths or to or earlier or dry_run:
            raise UsageError("--undo goes alone.", remedy="Write only the folder: beholder cull --undo DIR")
        return _undo(session, given_path(undo), as_json)
    if not to:
        raise UsageError("The folder is missing.", remedy="Name it: --to DIR")
    if copy + move + (link is not None) > 1:
        raise UsageError("--copy, --move and --link don't go together.", remedy="Choose one of them.")
    if not paths and earlier is None:
        raise UsageError("It is not said which photos are meant.", remedy="Name folders or photos, or --from FILE.")
    from engine.outputs.cull import check_request, plan_cull

    folder, sources = given_path(to).expanduser(), [given_path(word) for word in paths or ()]
    check_request(folder, best=best, per_burst=per_burst, min_score=min_score)
    with StopSwitch(session.console) as stop, ProgressLine(session.console) as progress:
        rows, features = _scored(session, sources, earlier, model, recursive, stop, progress, bool(per_burst))
        progress.show({"type": "phase", "phase": "culling"})
        plan = plan_cull(
            rows,
            folder,
            best=best,
            per_burst=per_burst,
            how="move" if move else "link" if link else "copy",
            link=link or "hard",
            min_score=min_score,
            features=features,
            sources=sources,
            album=session.workspace.data,
        )
        if dry_run:
            progress.clear()
            return _show_plan(session, plan, as_json)
        return _carry_out(session, plan, stop, progress, as_json)


def _scored(
    session: Session,
    sources: Sequence[Path],
    earlier: Path | None,
    model: str,
    recursive: bool,
    stop: StopCheck,
    progress: ProgressLine,
    bursts: bool,
) -> tuple[list[Row], Likeness | None]:
    """Return the predictions to choose from, and how alike their photos are where that is known and asked for."""
    from engine.models.bundle import find_bundle
    from engine.outputs.cull import cached_likeness, read_rows

    if earlier is not None:
        rows = _below(read_rows(earlier), sources)
        try:
            info = find_bundle(session.workspace, str(rows[0]["model_id"])) if bursts and rows else None
        except BeholderError:
            info = None
            progress.note(t("sidecars.cull.no_likeness"))
    else:
        info = find_bundle(session.workspace, model)
        rows = _predicted(session, info, sources, recursive, stop, progress)
    return rows, cached_likeness(session.workspace, info) if bursts and info is not None else None


def _below(rows: list[Row], sources: Sequence[Path]) -> list[Row]:
    """Return the rows of photos in some folders; all where none is named."""
    if not sources:
        return rows
    tops = [os.path.abspath(source) for source in sources]  # noqa: PTH100 - links stay links
    found = []
    for row in rows:
        path = os.path.abspath(row["path"])  # noqa: PTH100
        if any(path == top or path.startswith(f"{top.rstrip('/')}/") for top in tops):
            found.append(row)
    if not found:
        raise NotFound("The file names no photo in {path}.", remedy="Leave the path away to take all.", path=sources[0])
    return found


def _predicted(
    session: Session, info: Any, sources: Sequence[Path], recursive: bool, stop: StopCheck, progress: ProgressLine
) -> list[Row]:
    from engine.prediction.score import Prediction, predict

    rows = []
    for item in predict(session.workspace, info, sources, recursive=recursive, should_stop=stop):
        if isinstance(item, Prediction):
            rows.append({**item.to_row(), "error": None if item.error is None else say(item.error)})
        else:
            show(item, progress)
    return rows


def _show_plan(session: Session, plan: CullPlan, as_json: bool) -> int:
    if as_json:
        session.console.json({**plan.to_dict(), "dry_run": True, "counts": None})
    else:
        headings = [t("cli.table.photo"), t("cli.table.score"), t("cli.table.state"), t("sidecars.cull.column_to")]
        names = {state: t(f"sidecars.cull.state.{state}") for state in ("new", "renamed", "there")}
        rows: list[list[str]] = [
            [str(choice.photo), f"{choice.score:.2f}", names[choice.state], choice.target.name]
            for choice in plan.choices
        ]
        if plan.bursts is not None:
            headings.insert(1, t("sidecars.cull.column_burst"))
            for row, choice in zip(rows, plan.choices, strict=True):
                row.insert(1, str(choice.burst))
        session.console.table(headings, rows, right=[1, 2] if plan.bursts is not None else [1])
        session.console.note(f"{_chosen(plan, 'sidecars.cull.would')} {t('sidecars.cull.nothing')}")
    for path, reason in plan.failed:
        session.console.failure(path, say(reason))
    for note in plan.notes:
        session.console.note(say(note))
    return 1 if plan.failed else 0


def _carry_out(session: Session, plan: CullPlan, stop: StopCheck, progress: ProgressLine, as_json: bool) -> int:
    from engine.outputs.cull import LOG_NAME, carry_out

    counts, failed = _watched(carry_out(plan, stop), progress)
    if as_json:
        result = {**plan.to_dict(), "dry_run": False, "counts": counts, "failed": failed}
        session.console.json(result)
        return 1 if failed else 0
    console = session.console
    for choice in plan.choices:
        if choice.state == "renamed":
            console.note(
                t("sidecars.cull.renamed", old=display_name(choice.photo), new=display_name(choice.target.name))
            )
    console.line(_chosen(plan, "sidecars.cull.done"))
    done = {key: counts[key] for key in ("there", "sidecars", "failed")}
    console.line(t(f"sidecars.cull.counts_{plan.how}", n=counts["new"] + counts["renamed"], **done))
    if plan.how == "move":
        console.note(t("sidecars.cull.way_back", path=display_name(plan.to), log=LOG_NAME))
    return 1 if failed else 0


def _chosen(plan: CullPlan, key: Literal["sidecars.cull.would", "sidecars.cull.done"]) -> str:
    values = {"n": len(plan.choices), "total": plan.considered, "path": display_name(plan.to)}
    if plan.bursts is not None:
        bursts = t("sidecars.cull.of_bursts", bursts=plan.bursts)
        return f"{t(key, **values)} {bursts}"
    return t(key, **values)


def _undo(session: Session, folder: Path, as_json: bool) -> int:
    from engine.outputs.cull import undo_cull

    with StopSwitch(session.console) as stop, ProgressLine(session.console) as progress:
        counts, failed = _watched(undo_cull(folder.expanduser(), stop), progress)
    if as_json:
        session.console.json({"to": str(folder), "counts": counts, "failed": failed})
    else:
        session.console.line(t("sidecars.cull.undone", n=counts["back"], failed=counts["failed"]))
    return 1 if failed else 0


def _watched(events: Iterable[Event], progress: ProgressLine) -> tuple[Mapping[str, int], list[dict[str, str]]]:
    """Show events as they come; return the counts at the end, and what failed with the reasons."""
    counts: Mapping[str, int] = {}
    failed = []
    for event in events:
        if isinstance(event, Finished):
            counts = event.result
            continue
        if isinstance(event, ItemFailed):
            failed.append({"path": event.path, "reason": say(event.reason)})
        show(event, progress)
    progress.clear()
    return counts, failed
