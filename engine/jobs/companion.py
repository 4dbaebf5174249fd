"""The process that holds models warm for a face: ``python -m engine.jobs.companion WORKSPACE``.

One JSON object a line comes in on standard input, ``{"id": n, "ask": …}``, and one goes out for each on standard
output, in the order in which they are done: ``{"id": n, "answer": {…}}`` or ``{"id": n, "error": {…}}``; before all
others ``{"event": "ready"}``. The newest question is taken first: it is what a person looks at now.
``{"ask": "forget", "id": n}`` says that nobody waits for an answer any more; that question is answered with the error
`Interrupted`, unless it was answered already. The process ends with its standard input.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from engine.errors import BeholderError, Interrupted, NeedMissing, UsageError
from engine.workspace import Workspace

LOG_NAME = "companion.log"
LOG_BYTES = 1 << 20
"""The log is begun anew when it has grown to this."""
LONGEST_LINE = 64 << 10
"""Bytes of a question; a path has 4 kB at most."""
MOST_WAITING = 256
"""Questions that wait; of more, the oldest ones are dropped."""

_NICE = 3  # the face goes first, jobs last
_PARENT_SECONDS = 2.0


class Question:
    """One question; called, it says whether nobody waits for its answer any more."""

    def __init__(self, number: int, fields: Mapping[str, Any]) -> None:
        self.number, self.fields = number, fields
        self.forgotten = False

    def __call__(self) -> bool:
        """Say whether it was forgotten; cheap, so that it may be asked for every step."""
        return self.forgotten


class Waiting:
    """The questions that wait for the one thread which works; the newest is taken first."""

    def __init__(self) -> None:
        self._questions: list[Question] = []
        self._current: Question | None = None
        self._changed = threading.Condition()

    def put(self, question: Question) -> list[Question]:
        """Add a question; return the oldest ones, which had to make room."""
        with self._changed:
            self._questions.append(question)
            dropped, self._questions = self._questions[:-MOST_WAITING], self._questions[-MOST_WAITING:]
            self._changed.notify()
        return dropped

    def take(self, use_pause: Callable[[], bool]) -> Question:
        """Return the newest question; wait for one if need be, and let the pause be used as long as there is a use."""
        is_useful = True
        while True:
            with self._changed:
                self._current = None
                if not is_useful:
                    self._changed.wait_for(lambda: self._questions)
                if self._questions:
                    self._current = self._questions.pop()
                    return self._current
            is_useful = use_pause()

    def forget(self, number: int) -> list[Question]:
        """Return the waiting questions of this number, taken out; the one that is worked on is told to stop."""
        with self._changed:
            gone = [question for question in self._questions if question.number == number]
            self._questions = [question for question in self._questions if question.number != number]
            if self._current is not None and self._current.number == number:
                self._current.forgotten = True
        return gone


class Out:
    """Writes whole lines to the face, from any thread.

    Args:
        handle: the descriptor; nobody else writes to it.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._mutex = threading.Lock()

    def say(self, message: Mapping[str, Any]) -> None:
        """Write one message; where nobody reads any more, the process ends."""
        rest = memoryview(json.dumps(message).encode("ascii") + b"\n")
        with self._mutex:
            try:
                while rest:
                    rest = rest[os.write(self._handle, rest) :]
            except OSError:
                os._exit(0)

    def refuse(self, number: int | None, error: BeholderError) -> None:
        """Answer a question with an error; None: nobody knows which question it was."""
        self.say({"id": number, "error": error.to_dict()})


def read_lines(handle: int, too_long: Callable[[], None]) -> Iterator[bytes]:
    """Yield the lines of a descriptor until its end; of one that is too long, nothing is kept.

    Args:
        handle: what to read.
        too_long: called for each line above `LONGEST_LINE` bytes.
    """
    rest, skipping = b"", False
    while chunk := os.read(handle, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if skipping or len(line) > LONGEST_LINE:
                if not skipping:
                    too_long()
                skipping = False
            else:
                yield line
        if len(rest) > LONGEST_LINE:
            if not skipping:
                too_long()
            rest, skipping = b"", True


def parse(line: bytes) -> tuple[int | None, dict[str, Any]]:
    """Return a question's number and fields; the number is None where it has none.

    Raises:
        UsageError: it is no JSON object.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError("A question must be one JSON object a line.") from error
    if not isinstance(fields, dict):
        raise UsageError("A question must be one JSON object a line.")
    number = fields.get("id")
    return (number if type(number) is int and abs(number) < 1 << 53 else None), fields


def listen(handle: int, waiting: Waiting, out: Out) -> NoReturn:
    """Take questions in until the face is gone, then end the process at once, whatever is being worked on."""
    try:
        for line in read_lines(handle, lambda: out.refuse(None, _too_long())):
            if not line.strip():
                continue
            try:
                number, fields = parse(line)
                if number is None:
                    raise UsageError("A question needs a whole number as its “id”.")
            except UsageError as error:
                out.refuse(None, error)
                continue
            is_wish = fields.get("ask") == "forget"
            dropped = waiting.forget(number) if is_wish else waiting.put(Question(number, fields))
            for question in dropped:
                out.refuse(question.number, _forgotten())
    except BaseException:  # noqa: BLE001 - without ears the process would stay for ever
        traceback.print_exc()
    finally:
        # what is written is written whole or not at all; to wait for a thread could take a minute
        os._exit(0)


def work(workspace: Workspace, waiting: Waiting, out: Out, keep_log_short: Callable[[], None]) -> NoReturn:
    """Answer questions for ever."""
    from engine.jobs.answers import Answers

    answers = Answers(workspace)
    out.say({"event": "ready"})
    while True:
        question = waiting.take(answers.use_pause)
        try:
            out.say({"id": question.number, "answer": answers.answer(question.fields, question)})
        except BeholderError as error:
            out.refuse(question.number, error)
        except MemoryError:
            answers.let_go()
            out.refuse(question.number, _no_memory())
        except Exception as error:  # noqa: BLE001 - one question that fails must not take the others along
            traceback.print_exc()
            out.refuse(question.number, _fault(error))
        keep_log_short()


def _too_long() -> UsageError:
    return UsageError("A question is longer than {limit} bytes.", limit=LONGEST_LINE)


def _forgotten() -> Interrupted:
    return Interrupted("Nobody waits for this answer any more.")


def _no_memory() -> NeedMissing:
    return NeedMissing("There is not enough memory.", remedy="Close other programs and try again.")


def _fault(error: Exception) -> BeholderError:
    return BeholderError(
        "The companion process could not answer ({cause}).",
        remedy="Try again; .beholder/companion.log says where it happened.",
        cause=f"{type(error).__name__}: {error}",
    )


def open_log(workspace: Workspace) -> IO[bytes]:
    """Return the workspace's log, to append to; what can't be kept is thrown away."""
    path = workspace.internal / LOG_NAME
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        log = os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)
        _shorten(log.fileno())
        return log
    return Path(os.devnull).open("ab", buffering=0)


def _shorten(handle: int) -> None:
    with contextlib.suppress(OSError):
        if os.fstat(handle).st_size > LOG_BYTES:
            os.ftruncate(handle, 0)


def take_streams(log: int) -> tuple[int, int]:
    """Return descriptors of the face's questions and answers; whatever else reads or prints gets nothing, and the log.

    Native libraries print to descriptor 1 and read 0 as they please.
    """
    questions, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    return questions, answers


def _end_with(parent: int) -> None:
    """End when the face has died and somebody else still holds its end of the pipe."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_PARENT_SECONDS)
    os._exit(0)


def main(argv: Sequence[str]) -> int:
    """Serve the workspace that the one argument names, until standard input ends."""
    if len(argv) != 1:
        print("usage: python -m engine.jobs.companion WORKSPACE", file=sys.stderr)
        return UsageError.exit_code
    parent = os.getppid()
    workspace = Workspace(Path(argv[0]).absolute())
    log = open_log(workspace)
    questions, answers = take_streams(log.fileno())
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # one photo's arithmetic is over before a second thread has woken up; OpenVINO and torch don't heed the last one
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OPENBLAS_NUM_THREADS": "1"}
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    waiting, out = Waiting(), Out(answers)
    threading.Thread(target=listen, args=(questions, waiting, out), name="listen", daemon=True).start()
    threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    work(workspace, waiting, out, lambda: _shorten(2))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
