"""An input for a path: completes folders while typing, and understands what terminals paste."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textual.suggester import Suggester
from textual.widgets import Input


class PathSuggester(Suggester):
    """Completes the last part of a typed path from the disk, in a thread.

    Args:
        suffixes: the files that are offered beside folders.
    """

    def __init__(self, suffixes: frozenset[str] = frozenset()) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._suffixes = suffixes

    async def get_suggestion(self, value: str) -> str | None:
        """Return the typed text with the rest of the first name that begins so."""
        return await asyncio.to_thread(self._complete, value)

    def _complete(self, value: str) -> str | None:
        folder, begun = os.path.split(value)
        if not value.startswith(("/", "~", ".")) or not begun:
            return None
        try:
            with os.scandir(Path(folder or "/").expanduser()) as entries:
                names = sorted(
                    entry.name + ("/" if entry.is_dir() else "")
                    for entry in entries
                    if entry.name.startswith(begun) and entry.name.isprintable() and self._offers(entry)
                )
        except (OSError, RuntimeError):
            return None
        return os.path.join(folder, names[0]) if names else None  # noqa: PTH118  (keeps ~ as it was typed)

    def _offers(self, entry: os.DirEntry[str]) -> bool:
        return entry.is_dir() or os.path.splitext(entry.name)[1].lower() in self._suffixes  # noqa: PTH122


class PathInput(Input):
    """A one-line input for a path.

    Args:
        placeholder: what belongs here, in the present language.
        suffixes: the files that are offered beside folders.
    """

    def __init__(self, placeholder: str, *, suffixes: frozenset[str] = frozenset(), id: str | None = None) -> None:
        super().__init__(
            placeholder=placeholder, suggester=PathSuggester(suffixes), id=id, compact=True, select_on_focus=False
        )
