"""Die in the middle of writing: after some steps nothing reaches the disk any more, as after SIGKILL."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

STEPS = ("fsync", "fdatasync", "replace", "rename", "link", "unlink", "write", "ftruncate", "mkdir", "rmdir", "utime")


class Death(BaseException):
    """The process is gone."""


@contextlib.contextmanager
def dying_at(step: int | None) -> Iterator[None]:
    """Let the n-th step that changes the disk, and all after it, not happen any more; a write is cut in the middle.

    Args:
        step: 1 for the first one; None to live on.
    """
    left = [step or 0]

    def mortal(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] > 0:
                return real(*arguments, **options)
            if left[0] == 0 and name == "write":
                handle, data = arguments
                real(handle, data[: len(data) // 2])
            raise Death

        return call

    if step is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        for name in STEPS:
            stack.enter_context(patch.object(os, name, mortal(name, getattr(os, name))))
        with contextlib.suppress(Death):
            yield
