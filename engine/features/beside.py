"""Let a process of its own do what needs torch, so that a face never imports it; the answer comes back as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import engine
from engine.errors import BeholderError

_ERROR = "error"


class NoAnswer(Exception):
    """The process could not be started, took too long, or died; the text is the last thing it said."""


def ask(module: str, arguments: Sequence[str], seconds: float) -> dict[str, Any]:
    """Run ``python -m module …`` and return what it answered through `answer`.

    Args:
        module: dotted name of one of our modules.
        arguments: for its command line.
        seconds: after which it is ended.

    Raises:
        NoAnswer: there is none. BeholderError: the one that the process raised.
    """
    environ = dict(os.environ)
    home = Path(engine.__file__).parent.parent
    if home.name not in {"site-packages", "dist-packages"}:
        # A checkout: the process must run the same code, installed or not.
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(home), environ.get("PYTHONPATH", "")]))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environ,
            timeout=seconds,
            check=True,
        )
        told: dict[str, Any] = json.loads(done.stdout.decode("utf-8").splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        last = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise NoAnswer(last or str(error).partition("\n")[0]) from error
    if _ERROR in told:
        raise BeholderError.from_dict(told[_ERROR])
    return told


def answer(told: dict[str, Any] | BeholderError) -> None:
    """Print what `ask` returns or raises on the other side, as the last line of stdout."""
    print(json.dumps({_ERROR: told.to_dict()} if isinstance(told, BeholderError) else told), flush=True)
