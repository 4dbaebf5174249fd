"""Draws pictures in a few threads: what is seen first, what nobody wants any more not at all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from textual.message import Message as TextualMessage
from textual.message_pump import MessagePump

from engine.errors import BeholderError

THREADS = 2
_NEAR_SECONDS = 0.03
"""What may be seen soon is begun so much later, so that what is to be seen now gets to the screen first."""


class Wish(NamedTuple):
    """A picture that a widget wants.

    Args:
        key: names the picture; wishes of equal keys are one piece of work, whoever has them.
        draw: makes it, in a thread. A `BeholderError` is told to the widget.
    """

    key: Hashable
    draw: Callable[[], Any]


@dataclass
class PictureReady(TextualMessage, bubble=False):
    """A wish was fulfilled, or could not be.

    Args:
        key: of the wish.
        result: what `draw` returned; None when it failed.
        problem: why it failed.
    """

    key: Hashable
    result: Any
    problem: BeholderError | None = None


class PicturePool:
    """A few threads that draw pictures for widgets; the results come as `PictureReady` messages.

    A widget always names everything that it wants now. What it wanted before and names no more is dropped, unless it is
    being drawn already. What is seen comes before what may be seen soon, and one thread is kept free for it.

    Args:
        explain: turns an error that nobody foresaw into one that can be shown.
        threads: how many pictures are drawn at once.
    """

    def __init__(self, explain: Callable[[Exception], BeholderError], threads: int = THREADS) -> None:
        self._explain = explain
        self._near_limit = max(threads - 1, 1)
        self._changed = threading.Condition()
        self._wishes: dict[MessagePump, tuple[dict[Hashable, Wish], dict[Hashable, Wish]]] = {}
        self._running: dict[Hashable, bool] = {}  # key → whether it was begun for somebody who will see it only soon
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._near_from = 0.0
        self._threads = threads
        self._started = 0

    def want(self, owner: MessagePump, seen: Sequence[Wish], near: Sequence[Wish] = ()) -> None:
        """Say what a widget wants from now on; call it on the event loop.

        Args:
            owner: gets the messages.
            seen: what is to be seen now, the most wanted first.
            near: what may be seen soon; drawn when nobody waits for anything else.
        """
        self._loop = asyncio.get_running_loop()
        with self._changed:
            if self._closed:
                return
            self._wishes.pop(owner, None)
            self._near_from = time.monotonic() + _NEAR_SECONDS
            if seen or near:
                self._wishes[owner] = ({wish.key: wish for wish in seen}, {wish.key: wish for wish in near})
            while self._started < min(self._threads, len(self._waiting()) + len(self._running)):
                self._started += 1
                threading.Thread(target=self._work, name=f"pictures-{self._started}", daemon=True).start()
            self._changed.notify_all()

    def forget(self, owner: MessagePump) -> None:
        """Drop all wishes of a widget that goes away."""
        with self._changed:
            self._wishes.pop(owner, None)

    def close(self) -> None:
        """Draw nothing more and tell nobody anything; does not wait for what is being drawn."""
        with self._changed:
            self._closed = True
            self._wishes.clear()
            self._changed.notify_all()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being drawn or waits to be."""
        with self._changed:
            return not self._wishes and not self._running

    def _waiting(self) -> list[tuple[int, int, int, Wish]]:
        """Return what may be begun: (0 seen or 1 near, place, age of the owner's wishes) and the wish."""
        found = [
            (urgency, place, -age, wish)
            for age, both in enumerate(self._wishes.values())
            for urgency, wishes in enumerate(both)
            for place, wish in enumerate(wishes.values())
            if wish.key not in self._running
        ]
        return found

    def _next(self) -> Wish | None:
        best = min(self._waiting(), key=lambda found: found[:3], default=None)
        if best is None:
            return None
        is_near = best[0] == 1
        if is_near and (sum(self._running.values()) >= self._near_limit or time.monotonic() < self._near_from):
            return None
        self._running[best[3].key] = is_near
        return best[3]

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (wish := self._next()) is None:
                    late = self._near_from - time.monotonic()
                    self._changed.wait(late if late > 0 else None)
                if self._closed:
                    return
            assert wish is not None
            ready = self._draw(wish)
            with self._changed:
                del self._running[wish.key]
                if self._closed:
                    return
                owners = [owner for owner, both in self._wishes.items() if any(wish.key in part for part in both)]
                for owner in owners:
                    both = self._wishes[owner]
                    for part in both:
                        part.pop(wish.key, None)
                    if not any(both):
                        del self._wishes[owner]
                assert self._loop is not None
                if self._loop.is_closed():
                    return  # the app went away without a word
                for owner in owners:
                    self._loop.call_soon_threadsafe(owner.post_message, PictureReady(*ready))
                self._changed.notify_all()

    def _draw(self, wish: Wish) -> tuple[Hashable, Any, BeholderError | None]:
        try:
            return wish.key, wish.draw(), None
        except BeholderError as error:
            return wish.key, None, error
        except Exception as error:  # noqa: BLE001 - the thread must live on, and the widget must hear of it
            return wish.key, None, self._explain(error)
