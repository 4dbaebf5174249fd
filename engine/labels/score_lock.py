"""One lock for a workspace's scores and what belongs to them, held by one program at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from filelock import FileLock, Timeout

from engine.errors import BeholderError, NotFound
from engine.storage import disk_errors
from engine.workspace import Workspace

LOCK_SECONDS = 20.0
_POLL_SECONDS = 0.003  # a change takes about as long; waiting longer would let a busy program starve the others


@contextlib.contextmanager
def locked_scores(workspace: Workspace, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Keep every other thread and program from changing the scores, flags and ratings while the block runs.

    It is not reentrant: a block that holds it must not ask for it again.

    Args:
        workspace: whose scores.
        seconds: how long to wait for another one that holds it.

    Raises:
        NotFound: there is no workspace.
        BeholderError: another program held it all the time, or the disk can't be written.
    """
    if not workspace.exists():
        raise NotFound(
            "There is no workspace in {path}.",
            remedy="Make one with: beholder init",
            path=workspace.root,
        )
    workspace.ensure()
    path = workspace.internal / "scores.lock"
    with contextlib.ExitStack() as stack:
        try:
            with disk_errors(path):
                stack.enter_context(FileLock(path, timeout=seconds, poll_interval=_POLL_SECONDS))
        except Timeout as error:
            raise BeholderError(
                "Another program has held the scores of {path} for {seconds} seconds.",
                remedy="Close it and try again.",
                path=workspace.root,
                seconds=int(seconds),
            ) from error
        yield
