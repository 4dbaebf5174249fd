"""Typer's commands with our own help pages: in the chosen language, wrapped by width, ending with an example."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from engine.errors import Interrupted, UsageError
from engine.workspace import PICTURES
from tui.cell_width import pad, width, wrap
from tui.console import silence_stdout
from tui.i18n import t

_INDENT = "  "


def add_command(
    app: typer.Typer, name: str, function: Callable[..., int | None], *, help: str, example: str, **settings: Any
) -> None:
    """Add one command to a typer app.

    Args:
        app: the app or one of its groups.
        name: what the person types.
        function: does the work and returns the exit code (None means 0).
        help: what it does, in the present language.
        example: command lines that end its help page, one a line.
        settings: more for typer's ``command``.
    """
    app.command(
        name, cls=HelpfulCommand, help=help, epilog=example, options_metavar=t("cli.help.options_place"), **settings
    )(function)


def add_group(
    app: typer.Typer, name: str, *, help: str, example: str, default: Callable[..., int | None] | None = None
) -> typer.Typer:
    """Add a group of commands and return it; `default` runs when none of them is named."""
    group = typer.Typer(
        cls=HelpfulGroup,
        help=help,
        epilog=example,
        rich_markup_mode=None,
        invoke_without_command=default is not None,
        options_metavar=t("cli.help.options_place"),
        subcommand_metavar=t("cli.help.command_place"),
    )
    if default is not None:
        group.callback()(default)
    app.add_typer(group, name=name)
    return group


class HelpfulCommand(TyperCommand):
    """One command: our help page, and clean ends for a closed pipe and Ctrl+C."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_page(self, ctx, []))

    def invoke(self, ctx: Any) -> Any:
        return _invoke(lambda: super(HelpfulCommand, self).invoke(ctx))


class HelpfulGroup(TyperGroup):
    """A group of commands: our help page, and a hint for a misspelt command."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(_page(self, ctx, self.one_liners(ctx)))

    def one_liners(self, ctx: Any) -> list[tuple[str, str]]:
        """Return each command's name and the first line of what it does, in the order of the page."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, (command.help or "").split("\n")[0]))
        return rows

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        try:
            return super().make_context(*arguments, **settings)  # which prints help, where it is asked for
        except BrokenPipeError:
            silence_stdout()
            raise typer.Exit(0) from None

    def invoke(self, ctx: Any) -> Any:
        return _invoke(lambda: super(HelpfulGroup, self).invoke(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            choices = list(self.commands)
            near = difflib.get_close_matches(name, choices, n=3, cutoff=0.5)
            raise UsageError(
                "There is no command “{name}”.",
                remedy="Choose one of: {choices}.",
                name=f"{ctx.command_path} {name}".removeprefix("beholder "),
                choices=", ".join(near or choices),
            )
        return super().resolve_command(ctx, args)


def _invoke(work: Callable[[], Any]) -> Any:
    try:
        result = work()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`| head`) has enough; nothing more may be written, not even at exit.
        silence_stdout()
        return 0
    except KeyboardInterrupt as interrupt:
        raise Interrupted("Interrupted.", remedy="What was done is kept; the same command continues.") from interrupt
    return result


def _page(command: Any, ctx: Any, commands: list[tuple[str, str]]) -> str:
    columns = min(max(typer.get_terminal_size().columns, 50), 100) - 1
    lines = wrap(" ".join([t("cli.help.usage"), ctx.command_path, *command.collect_usage_pieces(ctx)]), columns)
    for paragraph in (command.help or "").strip().split("\n"):
        lines += ["", *(_INDENT + line for line in wrap(paragraph.strip(), columns - 2))]
    arguments, options = [], []
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and param.param_type_name == "argument":
            arguments.append((param.metavar or record[0], param.help or ""))
        elif record is not None:
            options.append((record[0], _OWN_WORDS[param.name]() if param.name in _OWN_WORDS else param.help or ""))
    lines += _section(t("cli.help.commands"), commands, columns)
    lines += _section(t("cli.help.arguments"), arguments, columns)
    lines += _section(t("cli.help.options"), options, columns)
    lines += _section(t("cli.help.everywhere"), _everywhere(), columns)
    if command.epilog:
        example = [_INDENT + line.strip() for line in command.epilog.strip().split("\n")]
        lines += ["", t("cli.help.example"), *example]
    return "\n".join(lines) + "\n"


_OWN_WORDS: dict[str, Callable[[], str]] = {
    "help": lambda: t("cli.help.help"),
    "install_completion": lambda: t("cli.help.install_completion"),
    "show_completion": lambda: t("cli.help.show_completion"),
}


def _everywhere() -> list[tuple[str, str]]:
    return [
        (t("cli.global.workspace_option"), t("cli.global.workspace")),
        ("--lang en|zh", t("cli.global.lang")),
        ("--quiet", t("cli.global.quiet")),
        ("--no-color", t("cli.global.no_color")),
        ("--debug", t("cli.global.debug")),
        ("--version", t("cli.global.version")),
        (f"--pictures {'|'.join(PICTURES)}", t("pixels.option.pictures")),
        ("--low-bandwidth", t("pixels.option.low_bandwidth")),
    ]


def _section(heading: str, rows: list[tuple[str, str]], columns: int) -> list[str]:
    if not rows:
        return []
    left = min(max(width(name) for name, _ in rows), 30)
    lines = ["", heading]
    for name, text in rows:
        first, *more = wrap(text, columns - left - 4)
        if width(name) > left:
            lines += [_INDENT + name, _INDENT + " " * (left + 2) + first]
        else:
            lines.append(f"{_INDENT}{pad(name, left)}  {first}".rstrip())
        lines += [_INDENT + " " * (left + 2) + line for line in more]
    return lines
