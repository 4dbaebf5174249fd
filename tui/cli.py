"""Where every run begins: global options, then the app or a command; every error becomes words and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import BeholderError, Interrupted, UsageError
from engine.workspace import Workspace
from tui.console import Console, prepare_streams, silence_stdout
from tui.global_options import GlobalOptions, take_global_options
from tui.i18n import language_of_terminal, set_language, t
from tui.interrupts import terminate_interrupts
from tui.session import Session
from tui.terminal_probe import CELL_MODES, find_graphics


def main(argv: Sequence[str] | None = None) -> int:
    """Run beholder.

    Args:
        argv: the arguments without the program's name; None means: those of the process.

    Returns:
        The exit code: 0 done · 1 some items failed · 2 wrong usage · 3 not found · 4 damaged · 5 something
        is missing · 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    prepare_streams()
    set_language(language_of_terminal())
    debug = "--debug" in arguments
    console = Console(quiet="--quiet" in arguments)
    try:
        options, rest = take_global_options(arguments)
        return _run(options, rest)
    except BeholderError as error:
        console.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.error(Interrupted("Interrupted.", remedy="What was done is kept; the same command continues."))
        return Interrupted.exit_code
    except BrokenPipeError:
        silence_stdout()
        return 0
    except OSError as error:
        from engine.storage import disk_error

        if debug:
            _print_traceback()
        found = disk_error(error, error.filename or os.environ.get("PWD", os.curdir))
        console.error(found)
        return found.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence: nobody should see a traceback unasked
        if debug:
            _print_traceback()
        print(t("cli.fault", kind=type(error).__name__, text=error), file=sys.stderr)
        return 1


def _run(options: GlobalOptions, rest: list[str]) -> int:
    set_language(options.language or language_of_terminal())
    if options.version:
        from importlib.metadata import version

        print(f"beholder {version('beholder')}")
        return 0
    session = Session(
        Workspace.find(Path(options.workspace) if options.workspace else None),
        Console(options.quiet, color=not options.no_color and not os.environ.get("NO_COLOR")),
        options.pictures,
        options.low_bandwidth,
    )
    if not rest and not os.environ.get("_BEHOLDER_COMPLETE"):
        if sys.stdin.isatty() and sys.stdout.isatty():
            return open_app(session, options.language)
        from tui.command_line import call

        call(session, ["--help"])
        return UsageError.exit_code
    from tui.command_line import call  # typer takes a quarter of the app's start, which needs nothing of it

    with terminate_interrupts():
        return call(session, rest)


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def open_app(session: Session, language: str | None = None) -> int:
    """Open the full-screen app and return its exit code once it is closed.

    Args:
        session: the workspace that it shows, and how photos are to be drawn.
        language: what was asked for; None means: as the workspace's settings or the terminal say.
    """
    asked = session.wanted_pictures()
    graphics = None
    if asked not in CELL_MODES:
        with terminate_interrupts():
            # before Textual would read the terminal's answers as keys
            graphics = replace(find_graphics(asked), notice=session.pictures is not None)

    from tui.app import BeholderApp
    from tui.lost_terminal import end_with_terminal

    end_with_terminal(sys.stdin.fileno())
    pictures = graphics.mode or "half" if graphics else asked
    if pictures == "sixel" and asked == "auto" and session.low_bandwidth:
        pictures = "half"  # Sixel takes five times the bytes of coarse cells; Kitty's pixels take no more than these
    app = BeholderApp(
        session.workspace, language, pictures=pictures, low_bandwidth=session.low_bandwidth, graphics=graphics
    )
    try:
        app.run()
    finally:
        if app.pixel_layer is not None:
            with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
                print(app.pixel_layer.farewell(), end="", flush=True)
    return app.return_code or 0
