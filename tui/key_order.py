"""Keys one after the other: each has taken effect before the next one is sent on.

Textual sends a key to the widget that has the focus when the key arrives, and runs its action some steps later. Of
keys that arrive together, as they do over a slow line, the later ones would then go where the focus was before: the
letters of a filter after ``/`` would be taken for commands, and its digits for a score.
"""

from __future__ import annotations

import asyncio
from collections import deque

from textual import events, on
from textual.app import App
from textual.message import Message

_ROUNDS = 3  # ways through the screen that the messages get to which a key leads
_PATIENCE = 0.5  # seconds after which a key counts as done although its widget was taken away meanwhile
_PAUSE = 0.01  # between two looks at a screen that is not ready


class KeyOrder(App[None]):
    """An app in which keys and pasted texts never overtake what earlier ones lead to."""

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
        if not self._is_ready_for_keys:
            self._key_number += 1
            self._wait_for_key(_PAUSE)
            return
        await super().on_event(self._typed_keys.popleft())
        self._key_rounds = 0
        self._follow_key()

    @property
    def _is_ready_for_keys(self) -> bool:
        """Whether the screen on top is built, so that it has its focus."""
        return not self.screen_stack or self.screen.is_mounted

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
