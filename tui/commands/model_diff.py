"""``beholder models diff A B``: which of two models is better, by how much, and where they disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import display_name
from engine.workspace import format_score
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.session import Session

if TYPE_CHECKING:
    from engine.prediction.difference import Difference

_HEADINGS = {"srcc": "SRCC", "plcc": "PLCC", "kendall": "Kendall", "mae": "MAE", "rmse": "RMSE", "r2": "R²"}


def register(group: typer.Typer) -> None:
    """Add the command to the group ``models``."""
    add_command(group, "diff", diff, help=t("report.diff.help"), example="beholder models diff best latest")


def diff(
    context: typer.Context,
    left: Annotated[str, typer.Argument(metavar="A", help=t("report.diff.left"))],
    right: Annotated[str, typer.Argument(metavar="B", help=t("report.diff.right"))],
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Compare two models on the photos that both judged unseen."""
    from engine.models.bundle import find_bundle
    from engine.prediction.difference import compare_bundles

    session = Session.of(context)
    workspace = session.existing_workspace()
    found = compare_bundles(workspace, find_bundle(workspace, left), find_bundle(workspace, right))
    if as_json:
        session.console.json(found.to_dict())
        return
    _print(session, found, 1 if workspace.scale.span >= 20 else 2)


def _print(session: Session, found: Difference, digits: int) -> None:
    from engine.prediction.difference import label

    console = session.console
    names = label(found.left, found.right), label(found.right, found.left)
    rows = []
    ours, theirs = found.left_metrics.to_dict(), found.right_metrics.to_dict()
    for metric, heading in _HEADINGS.items():
        if metric not in ours:
            continue
        gap = found.gaps.get(metric)
        interval = None if gap is None else f"{gap.low:+.3f} … {gap.high:+.3f}"
        difference = None if gap is None else f"{gap.difference:+.3f}"
        rows.append([heading, _figure(ours[metric]), _figure(theirs[metric]), difference, interval])
    console.table(
        ["", *map(display_name, names), t("report.diff.difference"), t("report.diff.interval")], rows, right=range(1, 5)
    )
    console.line()
    console.paragraph(say(found.verdict))
    if found.rescored:
        console.note(t("report.diff.rescored", n=found.rescored))
    if found.photos:
        console.line()
        console.line(t("report.diff.photos"))
        console.table(
            [t("cli.table.photo"), t("report.given"), *map(display_name, names)],
            [
                [photo.name, format_score(photo.given), f"{photo.left:.{digits}f}", f"{photo.right:.{digits}f}"]
                for photo in found.photos
            ],
            right=(1, 2, 3),
        )


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
