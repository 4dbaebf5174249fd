"""Writes scores in the order in which they were typed, in one thread, and tells the screen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from textual.message import Message as TextualMessage
from textual.message_pump import MessagePump

from engine.errors import BeholderError
from engine.labels.scorebook import Change, Entry, ScoreBook
from engine.storage import disk_error
from engine.workspace import Workspace


@dataclass
class ScoresRead(TextualMessage):
    """All entries, as they are on the disk."""

    entries: list[Entry]


@dataclass
class ScoresChanged(TextualMessage):
    """A change reached the disk."""

    change: Change


@dataclass
class ScoresRefused(TextualMessage):
    """Reading or writing the scores did not work; `reading` says which."""

    error: BeholderError
    reading: bool


class ScoreKeeper:
    """One thread that reads and writes the scores of a workspace, one thing after the other.

    What was handed over is still written when the app closes: Python waits for the thread's queue at exit.

    Args:
        workspace: whose scores.
        listener: gets `ScoresRead`, `ScoresChanged` and `ScoresRefused`.
    """

    def __init__(self, workspace: Workspace, listener: MessagePump) -> None:
        self._workspace = workspace
        self._book: ScoreBook | None = None
        self._listener = listener
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scores")

    def read(self) -> None:
        """Ask for all entries."""
        self._hand_over(lambda book: ScoresRead(book.entries()), reading=True)

    def set(self, name: str, score: float | None) -> None:
        """Write one score; None removes it."""
        self._hand_over(lambda book: ScoresChanged(book.set(name, score)))

    def undo(self) -> None:
        """Take the last change back."""
        self._hand_over(lambda book: ScoresChanged(book.undo()))

    def redo(self) -> None:
        """Make the last undone change again."""
        self._hand_over(lambda book: ScoresChanged(book.redo()))

    def close(self) -> None:
        """Take no more work; what was handed over is still done."""
        self._thread.shutdown(wait=False)

    def _hand_over(self, work: Callable[[ScoreBook], TextualMessage], *, reading: bool = False) -> None:
        self._thread.submit(self._do, work, reading)

    def _do(self, work: Callable[[ScoreBook], TextualMessage], reading: bool) -> None:
        try:
            if self._book is None:
                self._book = ScoreBook(self._workspace)
            message = work(self._book)
        except BeholderError as error:
            message = ScoresRefused(error, reading)
        except OSError as error:
            message = ScoresRefused(disk_error(error, error.filename or self._workspace.scores_file), reading)
        self._listener.post_message(message)
