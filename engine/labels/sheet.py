"""The scores in memory, ready to be written at any moment: a hundred thousand lines are not made anew for one score."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from engine.labels.history import Edit
from engine.labels.scorefile import ScoreText, score_line
from engine.natural_order import natural_key, natural_sorted

_FEW = 500


class Sheet:
    """All scores and comments of a workspace.

    Args:
        text: what the file says.
    """

    def __init__(self, text: ScoreText) -> None:
        self.scores = dict(text.scores)
        self.comments: Sequence[str] = text.comments
        # names in natural order and the line of each; made when first asked for
        self._names: list[str] = []
        self._lines: list[str] = []

    def apply(self, edits: Sequence[Edit]) -> None:
        """Make changes, whatever the scores were before."""
        for name, _, new in edits:
            if new is None:
                self.scores.pop(name, None)
            else:
                self.scores[name] = new
        if len(edits) > _FEW:
            self._lines.clear()
        elif self._lines:
            self._write(edits)

    def content(self) -> bytes:
        """Return the file's bytes: comments first, then the scores in natural order of their names."""
        if not self._lines:
            self._names = natural_sorted(self.scores)
            self._lines = [score_line(name, self.scores[name]) for name in self._names]
        return "".join([*(f"{comment}\n" for comment in self.comments), *self._lines]).encode("utf-8")

    def _write(self, edits: Iterable[Edit]) -> None:
        for name, _, new in edits:
            place = bisect.bisect_left(self._names, natural_key(name), key=natural_key)
            is_there = place < len(self._names) and self._names[place] == name
            if new is None and is_there:
                del self._names[place], self._lines[place]
            elif new is not None and is_there:
                self._lines[place] = score_line(name, new)
            elif new is not None:
                self._names.insert(place, name)
                self._lines.insert(place, score_line(name, new))
