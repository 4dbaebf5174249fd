"""Keys one after the other: each has taken effect before the next one is sent on.

Textual sends a key to the widget that has the focus when the key arrives, and runs its action some steps later. Of
keys that arrive together, as they do over a slow line, the later ones would then go where the focus was before: the
letters of a filter after ``/`` would be taken for commands, and its digits for a score.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from textual import events, on
from textual.app import App
from textual.message import Message
from textual.screen import Screen

_ROUNDS = 3  # ways through the screen that the messages get to which a key leads
_PATIENCE = 0.5  # seconds after which a key counts as done although its widget was taken away meanwhile
_PAUSE = 0.01  # between two looks at a screen that is not ready
_LONGEST_WAIT = 3.0  # seconds until a screen that is not ready gets keys all the same


class KeyOrder(App[None]):
    """An app in which keys and pasted texts never overtake what earlier ones lead to.

    A screen may have a property ``takes_keys``: while it says no, keys wait.
    """

    class _Done(Message, bubble=True):
        """Comes behind a key, by the same way."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__()
        self._typed_keys: deque[events.Key | events.Paste] = deque()
        self._key_number = 0
        self._key_rounds = 0
        self._giving_key_up: asyncio.TimerHandle | None = None
        self._unready_since = 0.0
        self._given_up_on: Screen[object] | None = None

    async def on_event(self, event: events.Event) -> None:
        """Let keys and pasted texts wait for each other; everything else goes its way."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._typed_keys.append(event)
            if self._giving_key_up is None:
                await self._send_next_key()
        else:
            await super().on_event(event)

    async def _send_next_key(self) -> None:
        if not self._typed_keys or not self.is_running:
            return
        if not self._is_ready_for_keys():
            self._key_number += 1
            self._wait_for_key(_PAUSE)
            return
        await super().on_event(self._typed_keys.popleft())
        self._key_rounds = 0
        self._follow_key()

    def _is_ready_for_keys(self) -> bool:
        """Say whether the screen on top is built and takes keys, or was waited for long enough."""
        if not self.screen_stack:
            return True
        screen, now = self.screen, time.monotonic()
        if screen.is_mounted and getattr(screen, "takes_keys", True):
            self._unready_since, self._given_up_on = 0.0, None
            return True
        self._unready_since = self._unready_since or now
        if now - self._unready_since > _LONGEST_WAIT:
            self._given_up_on = screen
        return self._given_up_on is screen

    def _follow_key(self) -> None:
        """Send a message behind the key."""
        self._key_number += 1
        self._wait_for_key(_PATIENCE)
        if self.screen_stack:
            (self.focused or self.screen).post_message(self._Done(self._key_number))

    def _wait_for_key(self, seconds: float) -> None:
        self._stop_waiting_for_key()
        number = self._key_number
        self._giving_key_up = asyncio.get_running_loop().call_later(seconds, self._give_key_up, number)

    def _stop_waiting_for_key(self) -> None:
        if self._giving_key_up is not None:
            self._giving_key_up.cancel()
            self._giving_key_up = None

    def _give_key_up(self, number: int) -> None:
        if number == self._key_number:
            self._key_rounds = _ROUNDS
            self.call_later(self._go_on_with_keys, number)

    @on(_Done)
    def _key_came_through(self, message: _Done) -> None:
        message.stop()
        if message.number == self._key_number:
            self._key_rounds += 1
            self.call_later(
                self._go_on_with_keys, message.number
            )  # behind what the key's action has asked for meanwhile

    async def _go_on_with_keys(self, number: int) -> None:
        if number != self._key_number:
            return
        if self._key_rounds < _ROUNDS:
            self._follow_key()
            return
        self._stop_waiting_for_key()
        await self._send_next_key()
