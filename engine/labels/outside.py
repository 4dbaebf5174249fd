"""Understand what another program did to ``scores.txt``: which scores it meant to change, on top of what is there now.

An editor that was opened before some scores were typed, and saves after them, writes the old ones back. So its text is
compared with the versions of the last day, and taken as an edit of the one that it resembles most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.labels.history import BEGINNING, Change, Edit, Position
from engine.labels.synced import Synced

Placed = tuple[Change, Position]


def replay(changes: Iterable[Change], scores: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return the scores after some changes.

    Args:
        changes: oldest first.
        scores: what was there before them; None for nothing.
    """
    after = dict(scores or {})
    for change in changes:
        for edit in change.edits:
            if edit.new is None:
                after.pop(edit.name, None)
            else:
                after[edit.name] = edit.new
    return after


def differences(before: Mapping[str, float], after: Mapping[str, float]) -> list[Edit]:
    """Return the edits that make one state of the scores out of another."""
    names = [*before, *(name for name in after if name not in before)]
    return [Edit(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def outside_edits(
    text: Mapping[str, float], changes: Sequence[Placed], synced: Synced | None, since: str, *, is_lost: bool = False
) -> tuple[list[Edit], Position]:
    """Return what another program changed, as edits of the present scores, and the version that it started from.

    An older version than the current one is taken only where that explains the text better, and leaves an edit: a text
    that equals an old version is a person's wish to go back to it. One that equals a newer version is our own, written
    just before a power cut that took the note of it away.

    Args:
        text: the scores that the file has now.
        changes: the whole history.
        synced: the versions that the other program may have found; None where nobody knows: then the text is the truth.
        since: ISO time in UTC; older versions are not considered.
        is_lost: whether nobody knows because the note of it can't be read.
    """
    everything = [change for change, _ in changes]
    present = replay(everything)
    count = _count(changes, synced.current.position) if synced else 0
    own = _equal_version(text, everything, count) if synced or is_lost else None
    if own is not None:
        return [], changes[own - 1][1]
    if synced is None:
        return differences(present, text), changes[-1][1] if changes else BEGINNING
    previous = _count(changes, synced.previous.position) if synced.previous else count
    base = _likely_base(text, everything[:count], previous, since)
    meant = differences(replay(everything[:base]), text)
    edits = [Edit(name, present.get(name), new) for name, _, new in meant if present.get(name) != new]
    return edits, changes[base - 1][1] if base else BEGINNING


def _count(changes: Sequence[Placed], position: Position) -> int:
    return sum(place.end <= position.end for _, place in changes)


def _equal_version(text: Mapping[str, float], changes: Sequence[Change], count: int) -> int | None:
    """Return how many changes lead to exactly this text, more than `count`; the most, or None where none do."""
    version = replay(changes[:count])
    unlike = {edit.name for edit in differences(version, text)}
    found = None
    for number, change in enumerate(changes[count:], start=count + 1):
        for name, _, new in change.edits:
            if text.get(name) == new:
                unlike.discard(name)
            else:
                unlike.add(name)
        if not unlike:
            found = number
    return found


def _likely_base(text: Mapping[str, float], changes: Sequence[Change], previous: int, since: str) -> int:
    """Return how many of the changes lie before the version from which the text was made.

    After a crash that may be the previous one, even if it was empty or is old.
    """
    version = replay(changes)
    unlike = {edit.name for edit in differences(version, text)}
    best, fewest = len(changes), len(unlike)
    if not text:
        return best  # whoever empties the file means it
    for count in range(len(changes) - 1, -1, -1):
        change = changes[count]
        if (change.time < since and count < previous) or fewest < 2:
            break
        for name, old, _ in change.edits:
            if old is None:
                version.pop(name, None)
            else:
                version[name] = old
            if text.get(name) == old:
                unlike.discard(name)
            else:
                unlike.add(name)
        is_likely = count == previous or (version and change.time >= since)  # nobody had an empty file open
        if is_likely and 0 < len(unlike) < fewest:
            best, fewest = count, len(unlike)
    return best
