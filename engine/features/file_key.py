"""Tell by a look at a photo's file whether its content can still be what was read before."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple, Self

# A file's times are taken from a clock of the system that ticks less often than `time.time_ns`, and on some file
# systems from one of whole seconds, of which FAT counts only every second one.
TICK_NS = 20_000_000
_SECOND_NS = 1_000_000_000


class FileKey(NamedTuple):
    """Which file, and in which state: as long as all of it is the same, so is the content.

    The time of the last change of the file's state (ctime) can't be set by a program: a file that another one of the
    same size and modification time took the place of, as a copy that keeps times or a restored backup does, is told
    by it.

    Args:
        path: absolute, as the system has it.
        size: bytes.
        mtime_ns: when the content was last changed, as the file says; ns since 1970.
        ctime_ns: when anything of the file was last changed, as the system says; ns since 1970.
    """

    path: bytes
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: str | bytes | os.PathLike[str]) -> Self | None:
        """Look at a file; None where there is none, or it is no regular one."""
        try:
            state = os.stat(path)  # noqa: PTH116 - asked for thousands of photos
        except (OSError, ValueError):
            return None
        return cls.seen(path, state) if stat.S_ISREG(state.st_mode) else None

    @classmethod
    def seen(cls, path: str | bytes | os.PathLike[str], state: os.stat_result) -> Self:
        """Return the key of a file that was looked at already."""
        name = os.fsencode(path)
        if name[:1] != b"/":
            name = os.fsencode(Path(os.fsdecode(name)).absolute())
        return cls(name, state.st_size, state.st_mtime_ns, state.st_ctime_ns)

    def is_settled(self, looked_ns: int) -> bool:
        """Say whether any later change would show in the key; see `settles_in`."""
        return self.settles_in(looked_ns) <= 0

    def settles_in(self, looked_ns: int) -> int:
        """Return how long after a look any later change would show in the key, in ns; 0 or less: by then already.

        A change that came within the same tick of the system's clock would not, so a file is settled only if its last
        change was a tick before it was looked at.

        Args:
            looked_ns: a moment before the look, ns since 1970.
        """
        tick = TICK_NS if self.ctime_ns % _SECOND_NS else 2 * _SECOND_NS
        return self.ctime_ns + tick + 1 - looked_ns
