"""``beholder report``: write one page that tells what a model learned, how good it is and where it errs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import display_name
from tui.help_pages import add_command
from tui.i18n import t
from tui.report_words import page_words
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(
        app, "report", report, help=t("report.help"), example="beholder report best --out report.html --lang zh"
    )


def report(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL_ID", help=t("report.model"))] = "best",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.html", help=t("report.out"))] = None,
    force: Annotated[bool, typer.Option("--force", help=t("report.force"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Write the report on one model."""
    from engine.models.bundle import find_bundle
    from engine.outputs.report import write_report

    session = Session.of(context)
    workspace = session.existing_workspace()
    info = find_bundle(workspace, model)
    place = out if out is not None else Path(f"report-{info.model_id}.html")
    written = write_report(workspace, info, place, page_words(), force=force)
    size = written.stat().st_size if written.is_file() else 0
    if as_json:
        session.console.json({"model_id": info.model_id, "path": str(written), "bytes": size})
        return
    session.console.line(t("report.written", path=display_name(written), size=f"{size / 1000:.0f} kB"))
