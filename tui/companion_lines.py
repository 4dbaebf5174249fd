"""The lines that go between the face and its companion process: one JSON object each, of any length."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

_CHUNK = 1 << 18
_LONGEST = 64 << 20  # bytes of an answer: guesses for half a million photos
_QUICK = 64 << 10  # bytes that are parsed in a ms, so that the event loop may do it


def line_of(message: Mapping[str, Any]) -> bytes:
    """Return a message as a line; a name that is not valid text comes through too."""
    return json.dumps(message).encode("ascii") + b"\n"


class AnswerLines:
    """Iterates over the messages that come out of a process; ends with it, or when it sends what is none.

    Args:
        stream: its standard output; asyncio's own limit for a line does not matter.
    """

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        parts: list[bytes] = []
        size = 0
        while chunk := await self._stream.read(_CHUNK):
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                message = await _parse(b"".join([*parts, end]))
                parts, size = [], 0
                if message is None:
                    return
                yield message
            parts.append(rest)
            size += len(rest)
            if size > _LONGEST:
                return


async def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        found = await asyncio.to_thread(json.loads, line) if len(line) > _QUICK else json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
