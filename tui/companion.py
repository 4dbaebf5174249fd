"""The face's end of the companion process, which holds a model warm: ask, restart it when it dies, end it at exit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import BeholderError, Interrupted, Message, NeedMissing, display_name
from engine.jobs.launch import child_environment
from engine.prediction.explanation import Explanation
from engine.workspace import Workspace
from tui.companion_lines import AnswerLines, line_of
from tui.i18n import say
from tui.messages import CompanionChanged

_MOST_DEATHS = 3
_WITHIN_SECONDS = 60.0
_ENDS_WITHIN = 1.0  # seconds; it ends with its standard input, at once
_TAIL_BYTES = 4096


class Warmed(NamedTuple):
    """The model that a reference means: its id, and what the person calls it (empty where it has no name)."""

    model_id: str
    name: str


class Suggested(NamedTuple):
    """A photo to score next: its name in ``data/``, why, and what the model thinks of it (None without a model)."""

    name: str
    reason: Message
    score: float | None


class Refitted(NamedTuple):
    """What `taste` says after it has learned the scores as they are now.

    Args:
        n: how many scored photos it learned from.
        guesses: name of an unscored photo → score, and both ends of its 90 % interval.
    """

    n: int
    guesses: dict[str, tuple[float, float, float]]


class _Question:
    def __init__(self, fields: Mapping[str, Any], answer: asyncio.Future[dict[str, Any]]) -> None:
        self.fields, self.answer = fields, answer
        self.died_once = False


class Companion:
    """Asks the companion process of one workspace; it is started at the first question.

    A coroutine that is cancelled takes its question back. Each of them raises what went wrong as a `BeholderError`.

    Args:
        workspace: whose models and photos.
        post: called with each `CompanionChanged`, in the event loop.
        command: another program than beholder's own; the workspace's folder is appended.
        clock: seconds, for how often the process dies.
    """

    def __init__(
        self,
        workspace: Workspace,
        post: Callable[[CompanionChanged], object],
        *,
        command: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._post, self._clock = workspace, post, clock
        self._command = command or (sys.executable, "-P", "-m", "engine.jobs.companion")
        self._open: dict[int, _Question] = {}
        self._last_number = 0
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._deaths: deque[float] = deque(maxlen=_MOST_DEATHS)
        self._warm: Mapping[str, Any] | None = None
        self._log_start = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is none."""
        return None if self._process is None else self._process.pid

    async def warm(self, model: str = "") -> Warmed:
        """Load a model and its network, so that the next question is answered at once.

        Args:
            model: an id, a name, ``latest`` or ``best``; empty means the default.
        """
        fields = {"ask": "warm", "model": model}
        answer = await self._ask(fields)
        self._warm = fields
        return Warmed(str(answer["model_id"]), str(answer["name"]))

    async def predict(self, path: Path, model: str = "") -> tuple[dict[str, Any], bool]:
        """Return the contract's six columns for one photo, and whether it is far from all that the model has seen.

        A photo that can't be scored has the reason in the column ``error``, in the present language.
        """
        answer = await self._ask({"ask": "predict", "path": os.fspath(path.absolute()), "model": model})
        row = dict(answer["row"])
        row["error"] = say(Message.from_dict(answer["error"])) if answer["error"] else None
        return row, bool(answer["far"])

    async def explain(self, path: Path, model: str = "", *, heat: bool = True) -> Explanation:
        """Return what can be said of one photo's score.

        Args:
            path: the photo.
            model: as for `warm`.
            heat: whether to find out where in the photo the score comes from, which may take seconds.

        Raises:
            ImageError: the photo can't be scored.
        """
        fields = {"ask": "explain", "path": os.fspath(path.absolute()), "model": model, "heat": heat}
        return Explanation.from_dict((await self._ask(fields))["explanation"])

    async def next(self, n: int, model: str = "") -> list[Suggested]:
        """Return up to `n` unscored photos that it is worth to score next, the most useful first.

        Without a trained model they are chosen to cover the album. Empty when every photo has a score.
        """
        answer = await self._ask({"ask": "next", "n": n, "model": model})
        return [
            Suggested(str(item["name"]), Message.from_dict(item["reason"]), item["score"])
            for item in answer["suggestions"]
        ]

    async def refit(self) -> Refitted:
        """Let `taste` learn the scores as they are now, in memory, and return what it says of unscored photos.

        Raises:
            NotEnoughData: there are too few scores, or too few of their photos have been looked at by the network.
        """
        answer = await self._ask({"ask": "refit"})
        guesses = {str(name): (low[0], low[1], low[2]) for name, low in answer["guesses"].items()}
        return Refitted(int(answer["n"]), guesses)

    async def aclose(self) -> None:
        """End the process; questions that are still open fail. Takes a second at most."""
        self._closed = True
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        self._fail_all(Interrupted("The app is being closed."))
        if keeper is not None:
            self._post(CompanionChanged("off"))

    # --- questions --------------------------------------------------------------------------------------------

    async def _ask(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if self._closed:
            raise Interrupted("The app is being closed.")
        self._last_number += 1
        number = self._last_number
        question = self._open[number] = _Question(fields, asyncio.get_running_loop().create_future())
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep(), name="companion")
        else:
            self._write({**fields, "id": number})
        try:
            return await question.answer
        finally:
            if self._open.pop(number, None) is not None:
                self._write({"ask": "forget", "id": number})

    def _write(self, message: Mapping[str, Any]) -> None:
        """Send a line; while there is no process nothing is lost: a new one is sent all that is open."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(line_of(message))

    def _take(self, message: Mapping[str, Any]) -> None:
        number = message.get("id")
        question = self._open.pop(number, None) if isinstance(number, int) else None
        if question is None or question.answer.done():
            return
        if "error" in message:
            question.answer.set_exception(BeholderError.from_dict(message["error"]))
        else:
            question.answer.set_result(message["answer"])

    def _fail_all(self, error: BeholderError) -> None:
        self._fail(list(self._open), error)

    def _fail(self, numbers: list[int], error: BeholderError) -> None:
        for number in numbers:
            question = self._open.pop(number)
            if not question.answer.done():
                question.answer.set_exception(error)

    # --- the process ------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Start the process, take its answers, and start it again when it dies."""
        reason = ""
        while True:
            self._post(CompanionChanged("starting", reason))
            try:
                process = await self._start()
            except OSError as error:
                self._give_up(_not_started(error))
                return
            try:
                await self._serve(process, reason)
            finally:
                await self._end(process)
            died = await asyncio.to_thread(self._why_it_died, process.returncode)
            reason = say(died)
            self._deaths.append(self._clock())
            if len(self._deaths) == _MOST_DEATHS and self._deaths[-1] - self._deaths[0] < _WITHIN_SECONDS:
                self._give_up(_keeps_dying(reason))
                return
            twice = [number for number, question in self._open.items() if question.died_once]
            self._fail(twice, _died_of_it(reason))
            for question in self._open.values():
                question.died_once = True

    def _give_up(self, error: BeholderError) -> None:
        self._post(CompanionChanged("failed", say(error.message)))
        self._fail_all(error)

    async def _start(self) -> asyncio.subprocess.Process:
        log = await asyncio.to_thread(self._open_log)
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                str(self._workspace.root.absolute()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=child_environment(os.environ),
                # a signal from the terminal is meant for the face; the end of its input ends this process
                start_new_session=True,
            )
        finally:
            os.close(log)

    def _open_log(self) -> int:
        """Return a descriptor of the process's log, where an error that comes before it opens the log itself goes."""
        from engine.jobs.companion import open_log

        with open_log(self._workspace) as log:
            self._log_start = os.fstat(log.fileno()).st_size
            return os.dup(log.fileno())

    async def _serve(self, process: asyncio.subprocess.Process, reason: str) -> None:
        """Send what is open and take the answers until the process is gone."""
        assert process.stdout is not None
        self._process = process
        if self._warm is not None and reason:
            self._write({**self._warm, "id": 0})  # nobody waits for this answer, but for the next one
        for number, question in self._open.items():
            self._write({**question.fields, "id": number})
        async for message in AnswerLines(process.stdout):
            if message.get("event") == "ready":
                self._post(CompanionChanged("restarted" if reason else "ready", reason))
            else:
                self._take(message)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        self._process = None
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _ENDS_WITHIN)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _why_it_died(self, code: int | None) -> Message:
        """Return the last line that the process left in its log, or else how it ended."""
        path, line = self._workspace.internal / "companion.log", ""
        with contextlib.suppress(OSError), path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            begin = self._log_start if self._log_start <= size else 0  # it is begun anew when it has grown too long
            log.seek(max(begin, size - _TAIL_BYTES))
            lines = log.read(_TAIL_BYTES).decode("utf-8", "replace").split("\n")
            line = next((text.strip() for text in reversed(lines) if text.strip()), "")
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return Message("It was ended by the signal {signal}.", {"signal": signal.Signals(-code).name})
        if line:
            return Message("It ended with: {line}", {"line": display_name(line[:200])})
        return Message("It ended with the exit code {code}.", {"code": str(code)})


def _not_started(error: OSError) -> BeholderError:
    return NeedMissing(
        "The companion process, which predicts for the app, could not be started: {cause}.",
        remedy="Close other programs and try again; beholder predict works without it.",
        cause=error.strerror or type(error).__name__,
    )


def _keeps_dying(reason: str) -> BeholderError:
    return BeholderError(
        "The companion process, which predicts for the app, died three times in a minute. {reason}",
        remedy="Try again; .beholder/companion.log says more. beholder predict works without it.",
        reason=reason,
    )


def _died_of_it(reason: str) -> BeholderError:
    return BeholderError(
        "The companion process died twice while it worked on this. {reason}",
        remedy="Try another photo or model; .beholder/companion.log says more.",
        reason=reason,
    )
