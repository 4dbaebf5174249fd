"""Take back one's own score, also where somebody else has changed another one since."""

from __future__ import annotations

from engine.errors import UsageError
from engine.labels.scorebook import Change, ScoreBook
from engine.workspace import format_score


def take_back(book: ScoreBook, name: str, given: float, before: float | None) -> Change:
    """Undo the change that gave a photo its score; where others came after it, set the score from before.

    Args:
        book: the scores.
        name: the photo.
        given: the score that was given.
        before: the score until then.

    Raises:
        UsageError: somebody else gave this photo another score since; it stays.
    """
    latest = book.next_undo()
    if latest and _is_only(latest, name, before, given):
        return book.undo()
    return _set(book, name, given, before)


def give_again(book: ScoreBook, name: str, given: float, before: float | None) -> Change:
    """Redo the change that gave a photo its score; where others came after it, set that score.

    Raises:
        UsageError: somebody else gave this photo another score since; it stays.
    """
    undone = book.next_redo()
    if undone and _is_only(undone, name, given, before):  # the undo went the other way
        return book.redo()
    return _set(book, name, before, given)


def _is_only(change: Change, name: str, old: float | None, new: float | None) -> bool:
    return not change.moves and [(edit.name, edit.old, edit.new) for edit in change.edits] == [(name, old, new)]


def _set(book: ScoreBook, name: str, now: float | None, wanted: float | None) -> Change:
    found = book.scores().get(name)
    if found != now:
        raise UsageError(
            "{name} now has the score “{now}”, not “{left}”: it was changed outside the history.",
            remedy="Set its score by hand.",
            name=name,
            now=format_score(found),
            left=format_score(now),
        )
    return book.set(name, wanted)
