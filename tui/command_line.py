"""The commands: each is imported when it is asked for, so that none waits for typer to look through all of them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, NamedTuple

import typer

from tui.help_pages import HelpfulGroup
from tui.i18n import t
from tui.session import Session
from tui.usage_errors import usage_hint, usage_text


class _Place(NamedTuple):
    """Where a command is made, and what it does, in the present language."""

    module: str
    help: Callable[[], str]


# in the order in which a newcomer meets them
_PLACES = {
    "demo": _Place("demo", lambda: t("cli.demo.help")),
    "init": _Place("workspace", lambda: t("cli.init.help")),
    "import": _Place("importing", lambda: t("cli.import.help")),
    "scores": _Place("scores", lambda: t("cli.scores.help")),
    "trash": _Place("trash", lambda: t("labels.trash.help")),
    "backbones": _Place("backbones", lambda: t("cli.backbones.help")),
    "train": _Place("train", lambda: t("cli.train.help")),
    "compare": _Place("compare", lambda: t("training_cli.compare.help")),
    "tune": _Place("tune", lambda: t("training_cli.tune.help")),
    "jobs": _Place("jobs", lambda: t("cli.jobs.help")),
    "models": _Place("models", lambda: t("cli.models.help")),
    "predict": _Place("predict", lambda: t("predicting.help")),
    "next": _Place("next", lambda: t("companion.next.help")),
    "explain": _Place("explain", lambda: t("explain.help")),
    "cull": _Place("cull", lambda: t("sidecars.cull.help")),
    "report": _Place("report", lambda: t("report.help")),
    "cache": _Place("cache", lambda: t("cache.help")),
    "doctor": _Place("doctor", lambda: t("cli.doctor.help")),
}


class _Commands(MutableMapping[str, Any]):
    """All commands by name; one is imported and made when it is first taken."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            if name not in _PLACES:
                raise KeyError(name)
            app = typer.Typer(add_completion=False, rich_markup_mode=None)
            importlib.import_module(f"tui.commands.{_PLACES[name].module}").register(app)
            self._made |= typer.main.get_group(app).commands
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in _PLACES  # without making it

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


class RootGroup(HelpfulGroup):
    """``beholder`` itself; its help page names the commands without importing them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": _Commands()})

    def one_liners(self, ctx: Any) -> list[tuple[str, str]]:
        return [(name, _PLACES[name].help().split("\n")[0]) for name in self.list_commands(ctx)]


def root_command() -> Any:
    """Return the command ``beholder`` with all of its commands, its texts in the present language."""
    app = typer.Typer(
        cls=RootGroup,
        help=t("cli.about"),
        epilog="beholder demo --open\nbeholder import ~/Pictures --dry-run",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        options_metavar=t("cli.help.options_place"),
        subcommand_metavar=t("cli.help.command_place"),
    )
    app.callback()(_nothing)  # typer makes a group of what has a callback, though it knows no command of it
    return typer.main.get_command(app)


def _nothing() -> None:
    pass


def call(session: Session, arguments: list[str]) -> int:
    """Run a command and return its exit code.

    Args:
        session: handed to the command.
        arguments: its name, and what follows it.
    """
    try:
        code = root_command().main(args=arguments, prog_name="beholder", standalone_mode=False, obj=session)
    except typer.TyperException as error:
        print(t("cli.error", text=usage_text(error)), file=sys.stderr)
        print(usage_hint(error), file=sys.stderr)
        return error.exit_code
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    sys.stdout.flush()
    return code if isinstance(code, int) else 0
