"""End the app when its terminal is gone, also where nobody sends SIGHUP: a session without a controlling terminal."""

from __future__ import annotations

import os
import select
import signal
import threading


def end_with_terminal(handle: int) -> None:
    """Watch a terminal in a thread; once it hangs up, this process gets the signal that the system should have sent.

    Without it the app would wait for ever to write to a terminal that nobody reads. What was scored is on the disk.

    Args:
        handle: a file descriptor of the terminal.
    """
    watch = select.poll()
    watch.register(handle, 0)  # POLLHUP and POLLERR are always told
    threading.Thread(target=_wait, args=(watch,), name="lost-terminal", daemon=True).start()


def _wait(watch: select.poll) -> None:
    watch.poll()
    os.kill(os.getpid(), signal.SIGHUP)
    os._exit(128 + signal.SIGHUP)  # somebody had it ignored, as nohup does; but an app is nothing without a terminal
