"""``beholder explain``: why a photo has its score: where the model looked, what it resembles, where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.errors import display_name
from engine.workspace import format_score
from tui.cell_width import pad, width
from tui.commands.importing import given_path
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.interrupts import StopSwitch
from tui.session import Session

if TYPE_CHECKING:
    from engine.prediction.explanation import Explanation, Measurements

How = Literal["auto", "grad-cam", "occlusion"]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app,
        "explain",
        explain,
        help=t("explain.help"),
        example="beholder explain holiday.jpg --out why.png\nbeholder explain holiday.jpg --model latest --json",
    )


def explain(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help=t("explain.image"))],
    model: Annotated[str, typer.Option("--model", metavar="ID", help=t("cli.predict.model"))] = "default",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.png", help=t("explain.out"))] = None,
    method: Annotated[
        How, typer.Option("--method", metavar="auto|grad-cam|occlusion", help=t("explain.method"))
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help=t("explain.force"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Explain the score of one photo; draw the heat map where it is asked for."""
    from engine.models.bundle import find_bundle
    from engine.outputs.heat_map import check_place, write_heat_picture
    from engine.prediction import explain as explaining
    from engine.prediction.open_model import OpenModel

    session = Session.of(context)
    path = given_path(image)
    if out is not None:
        check_place(path, out, force=force)  # before any work
    info = find_bundle(session.workspace, model)
    with StopSwitch(session.console) as stop, OpenModel(session.workspace, info) as opened:
        found = explaining.explain(opened, path, method=method, should_stop=stop)
        decimals = 1 if opened.scale.span > 20 else 2
    for note in found.notes:
        session.console.note(say(note))
    written: Path | None = None
    if out is not None and found.heat is not None:
        score, low, high = (f"{value:.{decimals}f}" for value in (found.score, found.low, found.high))
        text = f"{score}   ({low} - {high})"  # an en dash is not in Pillow's own font
        written = write_heat_picture(path, found.heat, out, text, force=force)
    if as_json:
        session.console.json({**found.to_dict(), "out": None if written is None else str(written)})
        return
    _tell(session, found, decimals, named=info.name)
    if written is not None:
        session.console.line()
        session.console.line(t("explain.written", path=display_name(written)))
    else:
        session.console.note(t("explain.hint"))


def _tell(session: Session, found: Explanation, decimals: int, *, named: str) -> None:
    """Say everything in plain words."""
    console = session.console
    score, low, high = (f"{value:.{decimals}f}" for value in (found.score, found.low, found.high))
    console.line(console.bold(t("explain.score", name=display_name(Path(found.path).name), score=score)))
    console.paragraph(t("explain.interval", low=low, high=high, model=display_name(named or found.model_id)))
    if found.standing is not None:
        share = round(found.standing.percentile)
        console.paragraph(t("explain.standing", share=share, n=found.standing.n))
    if found.far:
        console.paragraph(t("explain.far"))
    console.line()
    if found.nearest:
        console.line(t("explain.nearest"))
        rows = [[item.name, format_score(round(item.score, 4)), f"{item.similarity:.2f}"] for item in found.nearest]
        headings = [t("cli.table.photo"), t("explain.your_score"), t("explain.similarity")]
        console.table(headings, rows, right=[1, 2])
    else:
        console.paragraph(t("explain.no_nearest"))
    if found.heat is not None:
        from engine.outputs.heat_words import where_it_looked

        console.line()
        console.line(t("explain.heat"))
        for sentence in where_it_looked(found.heat):
            console.paragraph(say(sentence))
        console.paragraph(t(f"explain.by.{found.heat.method}"))
        if found.heat.box != (0.0, 0.0, 1.0, 1.0):
            console.paragraph(t("explain.part"))
    if found.measurements is not None:
        console.line()
        console.line(t("explain.measurements"))
        for line in measurement_lines(found.measurements):
            console.line(line)


def measurement_lines(measured: Measurements) -> list[str]:
    """Return the measurements as lines of a name and a value, aligned."""
    rows = [
        ("sharpness", t("explain.of_100", value=round(measured.sharpness))),
        ("exposure", t("explain.of_100", value=round(measured.exposure))),
        ("contrast", f"{measured.contrast:.0f}"),
        ("colourfulness", f"{measured.colourfulness:.0f}"),
        ("tilt", _tilt(measured.tilt)),
        ("clipped_dark", f"{measured.clipped_dark:.1f} %"),
        ("clipped_bright", f"{measured.clipped_bright:.1f} %"),
    ]
    names = [t(f"explain.measured.{key}") for key, _ in rows]
    longest = max(width(name) for name in names)
    return [f"  {pad(name, longest)}  {value}" for name, (_, value) in zip(names, rows, strict=True)]


def _tilt(tilt: float | None) -> str:
    if tilt is None:
        return t("explain.tilt.none")
    if abs(tilt) < 0.25:
        return t("explain.tilt.level")
    side = "right" if tilt > 0 else "left"
    return t(f"explain.tilt.{side}", degrees=f"{abs(tilt):.1f}")
