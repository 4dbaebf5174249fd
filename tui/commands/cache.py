"""``beholder cache``: what is kept so that nothing is computed twice, and removing what nobody needs any more."""

from __future__ import annotations

import re
import time
from typing import Annotated

import typer

from engine.errors import UsageError
from engine.workspace import Workspace
from tui.cache_words import report_lines, survey_lines
from tui.cell_width import pad, width
from tui.console import Console
from tui.help_pages import add_command, add_group
from tui.i18n import t
from tui.session import Session

_DAY_SECONDS = 86_400
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    group = add_group(app, "cache", help=t("cache.help"), example="beholder cache\nbeholder cache prune", default=bare)
    example = "beholder cache prune --dry-run\nbeholder cache prune --older-than 90 --keep-under 2GB"
    add_command(group, "prune", prune, help=t("cache.prune.help"), example=example)


def bare(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Say what is kept when no command is named."""
    if context.invoked_subcommand is None:
        session = Session.of(context)
        tell_survey(session.existing_workspace(), session.console, as_json)


def tell_survey(workspace: Workspace, console: Console, as_json: bool) -> None:
    """Print what is kept."""
    from engine.cache_survey import survey_cache

    survey = survey_cache(workspace, int(time.time() // _DAY_SECONDS))
    if as_json:
        console.json(survey.to_dict())
        return
    lines = list(survey_lines(survey))
    first = max(width(line.topic) for line in lines)
    for line in lines:
        console.line(f"{pad(line.topic, first)}  {line.text}")
        if line.remedy:
            console.line(" " * (first + 2) + line.remedy)


def prune(
    context: typer.Context,
    stale: Annotated[bool, typer.Option("--stale", help=t("cache.prune.stale"))] = False,
    missing: Annotated[bool, typer.Option("--missing", help=t("cache.prune.out_of_reach"))] = False,
    older: Annotated[
        int | None, typer.Option("--older-than", metavar="DAYS", min=1, help=t("cache.prune.older"))
    ] = None,
    under: Annotated[str | None, typer.Option("--keep-under", metavar="SIZE", help=t("cache.prune.under"))] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help=t("cache.prune.dry"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> None:
    """Remove what nobody will ask for again, and say what was removed."""
    from engine.cache_prune import PruneWish, prune_cache

    session = Session.of(context)
    limit = None if under is None else parse_size(under)
    if stale and (missing or older is not None or limit is not None):
        raise UsageError("--stale removes nothing else.", remedy="Leave --stale out: without it stale vectors go, too.")
    wish = PruneWish(stale, missing, older, limit)
    report = prune_cache(session.existing_workspace(), wish, time.time(), dry_run=dry)
    if as_json:
        session.console.json(report.to_dict())
        return
    for line in report_lines(report):
        session.console.line(line)


def parse_size(text: str) -> int:
    """Return the bytes that a person means.

    >>> parse_size("500MB"), parse_size("1.5g"), parse_size("2 GiB"), parse_size("0")
    (500000000, 1500000000, 2000000000, 0)

    Raises:
        UsageError: it is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError("“{text}” is not a size.", remedy="Write one such as 500MB or 2GB.", text=text)
    return int(float(found[1]) * _UNITS[found[2].lower()])
