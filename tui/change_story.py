"""Tells in one line what happened to scores and photos."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import display_name
from engine.labels.scorebook import Change
from engine.workspace import format_score
from tui.i18n import t


def counted(what: str, n: int) -> str:
    """Return a number of things in words; English tells one from many.

    Args:
        what: which things: the part of an i18n key below ``data.count`` before ``_one`` and ``_many``.
        n: how many.
    """
    return t(f"data.count.{what}_{'one' if n == 1 else 'many'}", n=n)


def change_line(change: Change) -> str:
    """Return what a change did, such as ``Undone: 85_1.jpg  85 → none yet · 2 photos are back``."""
    begin = {"undo": t("data.story.undone"), "redo": t("data.story.redone")}.get(change.kind, t("data.story.done"))
    parts = []
    if len(change.edits) == 1:
        edit, none = change.edits[0], t("app.score.none")
        name, old, new = display_name(edit.name), format_score(edit.old) or none, format_score(edit.new) or none
        parts.append(t("data.story.one", name=name, old=old, new=new))
    elif change.edits:
        parts.append(counted("scores", len(change.edits)))
    for out, key in ((False, "came"), (True, "went")):
        names = [move.name for move in change.moves if move.out == out]
        if len(names) == 1:
            parts.append(t(f"data.story.{key}_named", name=display_name(names[0])))
        elif names:
            parts.append(counted(key, len(names)))
    return t("data.story.line", done=begin, what=t("data.story.comma").join(parts) or t("data.story.nothing"))


def outside_lines(changes: Sequence[Change], added: Sequence[str], gone: Sequence[str]) -> list[str]:
    """Return what others did behind our back: one line about the scores, one about the photos, or less.

    Args:
        changes: their changes of scores.
        added: photos that came.
        gone: photos that went.
    """
    lines = []
    edited = len({edit.name for change in changes if change.kind == "outside" for edit in change.edits})
    if edited:
        lines.append(t("data.outside.file", what=counted("scores", edited)))
    imported = len({edit.name for change in changes if change.kind == "import" for edit in change.edits})
    if imported:
        lines.append(t("data.outside.imported", what=counted("scores", imported)))
    others = [change for change in changes if change.kind not in {"outside", "import"}]
    touched = len({edit.name for change in others for edit in change.edits})
    if touched:
        who = t("data.story.comma").join(sorted({display_name(change.who) for change in others}))
        lines.append(t("data.outside.person", who=who, what=counted("scores", touched)))
    photos = [
        t(f"data.story.{key}_named", name=display_name(names[0])) if len(names) == 1 else counted(key, len(names))
        for key, names in (("came", added), ("went", gone))
        if names
    ]
    if photos:
        lines.append(t("data.story.comma").join(photos))
    return lines
