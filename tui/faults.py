"""The last line of defence of the app: a fault of the program is recorded and told, and the app stays open."""

from __future__ import annotations

import contextlib
import traceback
from datetime import UTC, datetime

from engine.errors import BeholderError
from engine.storage import disk_error
from engine.workspace import Workspace


def explained(workspace: Workspace, error: Exception) -> BeholderError:
    """Return what to tell the person about any error; a fault of the program is recorded on the way."""
    if isinstance(error, BeholderError):
        return error
    if isinstance(error, OSError):
        return disk_error(error, error.filename or workspace.root)
    return _recorded(workspace, error)


def _recorded(workspace: Workspace, fault: Exception) -> BeholderError:
    """Append the fault's traceback to ``.beholder/faults.log`` and return what to tell the person.

    Nothing is written where there is no workspace yet, or where it can't be written.
    """
    log = workspace.internal / "faults.log"
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8", errors="backslashreplace") as out:
        out.write(f"{datetime.now(UTC).isoformat(timespec='seconds')}\n")
        out.writelines(traceback.format_exception(fault))
    return BeholderError(
        "This is a fault of the program, not yours ({cause}).",
        remedy="Your scores are safe on disk. Try again; {log} says where it happened.",
        cause=f"{type(fault).__name__}: {fault}",
        log=log,
    )
