"""``beholder scores check``: what is wrong with the labels, and a repair that loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import DamagedFile
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.session import Session

if TYPE_CHECKING:
    from engine.labels.checking import Problem

_MOST_OF_A_KIND = 20


def register(group: typer.Typer) -> None:
    """Add the command to the group of ``scores``."""
    add_command(
        group,
        "check",
        check_scores,
        help=t("labels.check.help"),
        example="beholder scores check\nbeholder scores check --repair",
    )


def check_scores(
    context: typer.Context,
    mend: Annotated[bool, typer.Option("--repair", help=t("labels.check.repair"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Name everything that is wrong; exit with 4 while ``scores.txt`` can't be read, with 1 while anything is left."""
    from engine.labels.checking import check, repair

    session = Session.of(context)
    workspace = session.existing_workspace()
    problems = repair(workspace) if mend else check(workspace)
    if as_json:
        session.console.json([problem.to_dict() for problem in problems])
    else:
        _show(session, problems)
    left = [problem for problem in problems if not problem.repaired]
    if not mend and any(problem.is_damage for problem in left):
        return DamagedFile.exit_code
    return 1 if left else 0


def _show(session: Session, problems: Sequence[Problem]) -> None:
    console = session.console
    for kind in dict.fromkeys(problem.kind for problem in problems):
        alike = [problem for problem in problems if problem.kind == kind]
        for problem in alike[:_MOST_OF_A_KIND]:
            console.line(say(problem.message))
            if problem.outcome.template:
                key = "labels.check.repaired" if problem.repaired else "labels.check.left"
                console.line(f"  {t(key, outcome=say(problem.outcome))}")
        if len(alike) > _MOST_OF_A_KIND:
            console.line(t("labels.more", n=len(alike) - _MOST_OF_A_KIND))
        if not all(problem.repaired or problem.outcome.template for problem in alike):
            console.line(f"  {say(alike[0].remedy)}")
    left = sum(not problem.repaired for problem in problems)
    if not problems:
        console.line(t("labels.check.fine"))
    else:
        console.note(t("labels.check.count", n=len(problems), repaired=len(problems) - left))
