"""What typer says about wrong usage, in our words and the chosen language."""

from __future__ import annotations

from typing import Any

import typer

from tui.i18n import t

_EXTRA = "Got unexpected extra argument"


def usage_text(error: typer.TyperException) -> str:
    """Return the sentence that says what was wrong with the command line."""
    kind, found = type(error).__name__, vars(error)
    message = error.format_message()
    if kind == "NoSuchOption":
        name, near = found["option_name"], sorted(found.get("possibilities") or [])
        if near:
            return t("cli.usage.no_option_near", name=name, near=", ".join(near))
        return t("cli.usage.no_option", name=name)
    if kind == "MissingParameter":
        return t("cli.usage.missing", name=_place(found))
    if kind == "BadOptionUsage":
        return t("cli.usage.bad_option", name=found["option_name"])
    if kind == "BadParameter" and found.get("param") is not None:
        return t("cli.usage.bad_value", name=_place(found), cause=error.message)
    if message.startswith(_EXTRA):
        return t("cli.usage.extra", words=message.partition("(")[2].partition("(")[2].rstrip(")") or message)
    return message


def usage_hint(error: typer.TyperException) -> str:
    """Return the line that says where to read on."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "beholder"
    return t("cli.usage.hint", command=command)


def _place(found: dict[str, Any]) -> str:
    param = found.get("param")
    if param is None:
        return str(found.get("param_hint") or "")
    return str(param.metavar or param.name) if param.param_type_name == "argument" else "/".join(param.opts)
