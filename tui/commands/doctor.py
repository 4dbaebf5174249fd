"""``beholder doctor``: what works on this machine and in this terminal, each with a remedy where it doesn't."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import NeedMissing
from tui.cell_width import pad, width
from tui.help_pages import add_command
from tui.i18n import say, t
from tui.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    add_command(app, "doctor", doctor, help=t("cli.doctor.help"), example="beholder doctor")


def doctor(
    context: typer.Context,
    cache: Annotated[bool, typer.Option("--cache", help=t("cache.option"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=t("cli.option.json"))] = False,
) -> int:
    """Print all findings; exit code 5 when something needed is missing."""
    session = Session.of(context)
    console = session.console
    if cache:
        from tui.commands.cache import tell_survey

        tell_survey(session.workspace, console, as_json)
        return 0

    from engine.diagnosis import diagnose
    from tui.terminal_check import check_terminal

    findings = [*check_terminal(session.wanted_pictures()), *diagnose(session.workspace)]
    code = NeedMissing.exit_code if any(finding.state == "missing" for finding in findings) else 0
    if as_json:
        console.json(
            [
                {
                    "topic": finding.topic,
                    "state": finding.state,
                    "message": say(finding.message),
                    "remedy": say(finding.remedy) if finding.remedy.template else "",
                }
                for finding in findings
            ]
        )
        return code
    states = {state: t(f"cli.doctor.{state}") for state in ("ok", "warn", "missing")}
    topics = {finding.topic: t(f"cli.topic.{finding.topic}") for finding in findings}
    first, second = (max(map(width, words.values())) for words in (topics, states))
    for finding in findings:
        head = f"{pad(topics[finding.topic], first)}  {pad(states[finding.state], second)}  "
        console.line(f"{head}{say(finding.message)}")
        if finding.remedy.template:
            console.line(" " * (first + second + 4) + say(finding.remedy))
    return code
