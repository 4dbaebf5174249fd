"""Run a program, and tell how long it took and how much memory it had, at its peak and over time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

BEHOLDER = (sys.executable, "-P", "-m", "tui")
_PACE = 0.1


class Watched(NamedTuple):
    """What a program took.

    Args:
        seconds: from its start to its end. peak: the largest resident memory that it ever had, in bytes.
        memory: (seconds since the start, resident bytes) over time. code: its exit status.
    """

    seconds: float
    peak: int
    memory: list[tuple[float, int]]
    code: int

    def growth(self) -> int:
        """Return by how many bytes its peak lies above the most that it had in the first quarter of its time."""
        begin = [size for moment, size in self.memory if moment <= self.seconds / 4]
        return max((size for _, size in self.memory), default=0) - max(begin, default=0)


def watched(command: Sequence[str], *, kill_after: float | None = None) -> Watched:
    """Run a program to its end.

    Args:
        command: the program and its arguments.
        kill_after: seconds after which it gets SIGKILL.

    Raises:
        SystemExit: it failed, unless it was to be killed.
    """
    start = time.perf_counter()
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    assert program.stderr is not None
    said: list[bytes] = []
    reader = threading.Thread(target=lambda: said.append(program.stderr.read() if program.stderr else b""))
    reader.start()
    memory: list[tuple[float, int]] = []
    peak = 0
    while True:
        pid, status = os.waitpid(program.pid, os.WNOHANG)
        moment = time.perf_counter() - start
        if pid:
            break
        now, most = _resident(program.pid)
        memory.append((moment, now))
        peak = max(peak, most)
        if kill_after is not None and moment >= kill_after:
            os.killpg(program.pid, signal.SIGKILL)
            kill_after = None
        time.sleep(min(_PACE, max(moment / 50, 0.002)))
    code = program.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if code not in {0, -signal.SIGKILL}:
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{said[0].decode('utf-8', 'replace')}")
    return Watched(moment, peak, memory, code)


def _resident(pid: int) -> tuple[int, int]:
    """Return what a process has, and the most that it had since it became this program.

    What ``wait4`` tells would not do: it counts what the caller had, too, which the process was before.
    """
    found = {"VmRSS": 0, "VmHWM": 0}
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0]) * 1024
    except (OSError, ValueError):
        pass  # it has just ended
    return found["VmRSS"], found["VmHWM"]
