"""The dialog of work that takes a while: how far it is, and a key that stops it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Footer, Static

from engine.errors import BeholderError, Interrupted
from engine.events import Progress, StopCheck
from tui.i18n import t
from tui.keymap import bind
from tui.screens.base import BaseDialog
from tui.screens.import_work import progress_text

ResultT = TypeVar("ResultT")
Job = Callable[[Callable[[Progress], object], StopCheck], ResultT]
_NARROW = 60


class WorkingDialog(BaseDialog[ResultT | BeholderError], Generic[ResultT]):
    """Does something in a thread; returns what came of it, or why it failed.

    Args:
        title: what is done, in the present language.
        job: does it; is given a function that takes `Progress` and one that says whether to stop.
    """

    BINDINGS: ClassVar[list[BindingType]] = [bind("escape", "stop", "predict.key.stop", id="working.stop")]

    @dataclass
    class Advanced(Message):
        """How far the work is."""

        progress: Progress

    @dataclass
    class Ended(Message):
        """The work has ended."""

        result: object

    def __init__(self, title: str, job: Job[ResultT]) -> None:
        super().__init__()
        self._title, self._job = title, job
        self._stopped = threading.Event()

    def compose(self) -> ComposeResult:
        """Yield the title and the progress."""
        with Vertical(classes="dialog -working"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Static(t("app.phase.running"), id="working-progress", markup=False)
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin."""
        self._run()

    def on_unmount(self) -> None:
        """Leave no work behind."""
        self._stopped.set()

    @work
    async def _run(self) -> None:
        def tell(progress: Progress) -> None:
            self.post_message(self.Advanced(progress))

        try:
            result: object = await asyncio.to_thread(self._job, tell, self._stopped.is_set)
        except BeholderError as error:
            result = error
        except Exception as error:  # noqa: BLE001 - a fault of the program is told like one, not a crash
            from tui.faults import explained

            result = explained(self.app.workspace, error)  # type: ignore[attr-defined]
        self.post_message(self.Ended(result))

    @on(Advanced)
    def _advanced(self, message: Advanced) -> None:
        self.query_one("#working-progress", Static).update(progress_text(message.progress, _NARROW))

    @on(Ended)
    def _ended(self, message: Ended) -> None:
        self.dismiss(message.result)  # type: ignore[arg-type]

    def action_stop(self) -> None:
        """Stop as soon as the work can be stopped."""
        self._stopped.set()
        self.query_one("#working-progress", Static).update(t("predict_room.stopping"))


def was_stopped(result: object) -> bool:
    """Say whether a person stopped the work, which is no error to be shown."""
    return isinstance(result, Interrupted)
