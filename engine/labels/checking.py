"""Check a workspace's labels, and mend what can be mended without losing a score or a line."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import Message
from engine.labels.history import parse_change
from engine.labels.problems import (
    Problem,
    ScoreLine,
    damaged_logs,
    leftovers,
    line_problems,
    numbered,
    photo_problems,
    photo_sizes,
    read_lines,
)
from engine.labels.score_lock import locked_scores
from engine.labels.scorefile import ScoreText, format_scores, unescape
from engine.storage import copy_file, disk_errors, write_bytes, write_text
from engine.workspace import Scale, Workspace, format_score

__all__ = ["Problem", "check", "repair"]

# A name and its number where an editor or a person has lost the tab.
_UNTABBED = re.compile(r"(?P<name>.+?)\s*[\s,;=:，；＝：]\s*(?P<value>\S+)\s*")


def check(workspace: Workspace, *, now: float | None = None) -> list[Problem]:
    """Return everything that is wrong with the scores and what belongs to them; nothing is changed.

    Args:
        workspace: one that exists.
        now: seconds since 1970; None for the clock's.

    Raises:
        DamagedFile: the settings are damaged, so that the scale is not known.
        BeholderError: a file can't be opened.
    """
    lines = read_lines(workspace)
    return [
        *line_problems(workspace, lines),
        *damaged_logs(workspace),
        *leftovers(workspace, time.time() if now is None else now),
        *photo_problems(workspace, photo_sizes(workspace), lines),
    ]


def repair(workspace: Workspace, *, now: float | None = None) -> list[Problem]:
    """Mend what `check` finds, as far as that is safe, and say of each problem what became of it.

    ``scores.txt`` keeps its good lines. Where a line is damaged, or a name stands there twice, the score is the one
    that the history knows, else the last one that can be read. Each file is copied into the trash before lines are
    taken out of it, and leftovers are moved there. Photos and scores without one are left alone. Other programs may
    have the workspace open meanwhile.

    Args:
        workspace: one that exists.
        now: seconds since 1970; None for the clock's.

    Raises:
        DamagedFile: the settings are damaged, so that the scale is not known.
        BeholderError: the disk is full or read-only.
    """
    moment = time.time() if now is None else now
    with locked_scores(workspace):
        lines = read_lines(workspace)
        mended = _mend_scores(workspace, lines, list(line_problems(workspace, lines)), moment)
        logs = _mend_logs(workspace, list(damaged_logs(workspace)), moment)
    moved = [_throw_away(workspace, problem) for problem in leftovers(workspace, moment)]
    left = photo_problems(workspace, photo_sizes(workspace), read_lines(workspace))
    return [*mended, *logs, *moved, *left]


def _mend_scores(
    workspace: Workspace, lines: Sequence[ScoreLine], problems: Sequence[Problem], moment: float
) -> list[Problem]:
    if not problems:
        return []
    copy = _keep_copy(workspace, workspace.scores_file, moment)
    scale = workspace.scale
    remembered = _remembered(workspace, scale)
    scores = {line.name: line.score for line in lines if line.name is not None and line.score is not None}
    known = photo_sizes(workspace).keys() | remembered.keys() | scores.keys()
    mended = []
    for problem in problems:
        if problem.kind == "doubled":
            name: str | None = problem.text
            read: float | None = scores[problem.text]
        else:
            name, read = _guessed(lines[problem.line - 1].raw, known, scale, scores)
        score = read if name is None else remembered.get(name, read)
        if name is None or score is None:
            outcome = Message("No score could be read; the line is kept in {copy}.", {"copy": copy})
            mended.append(dataclasses.replace(problem, outcome=outcome))
            continue
        scores[name] = score
        values = {"name": name, "score": format_score(score)}
        outcome = (
            Message("{name} has {score}, as the history says.", values)
            if name in remembered
            else Message("{name} has {score}, the last score that can be read.", values)
        )
        mended.append(dataclasses.replace(problem, repaired=True, outcome=outcome))
    comments = tuple(_comments(lines))
    write_text(workspace.scores_file, format_scores(ScoreText(scores, comments)))
    return mended


def _comments(lines: Iterable[ScoreLine]) -> Iterable[str]:
    for line in lines:
        text = line.raw.decode("utf-8", "replace").removesuffix("\r").removeprefix("\ufeff")
        if line.name is None and line.error is None and text.startswith("#"):
            yield text


def _remembered(workspace: Workspace, scale: Scale) -> dict[str, float]:
    """Return the score that the history saw last for each name, where it is one."""
    found: dict[str, float | None] = {}
    for _, raw in numbered(workspace.history_file):
        change = parse_change(raw)
        for edit in change.edits if change is not None else ():
            found[edit.name] = edit.new
    return {name: score for name, score in found.items() if score is not None and score in scale}


def _guessed(
    raw: bytes, known: AbstractSet[str], scale: Scale, scores: Mapping[str, float]
) -> tuple[str | None, float | None]:
    """Return which photo a damaged line is about, and its score: the line's own, else one that stands elsewhere."""
    text = raw.decode("utf-8", "surrogateescape").removesuffix("\r")
    written, tab, value = text.partition("\t")
    pairs = [(written, value)] if tab else []
    match = _UNTABBED.fullmatch(text)
    if match is not None:
        pairs.append((match["name"], match["value"]))
    pairs.append((text.strip(), ""))
    for candidate, number in pairs:
        for name in (_unescaped(candidate), candidate):
            if name in known:
                score = _number(number)
                return name, score if score is not None and score in scale else scores.get(name)
    return None, None


def _number(text: str) -> float | None:
    """Return the number that a person meant: full-width digits and a decimal comma count too."""
    plain = unicodedata.normalize("NFKC", text).strip().replace(",", ".")
    try:
        return float(plain) if "_" not in plain else None
    except ValueError:
        return None


def _unescaped(written: str) -> str:
    try:
        return unescape(written)
    except ValueError:
        return written


def _mend_logs(workspace: Workspace, problems: Sequence[Problem], moment: float) -> list[Problem]:
    mended = []
    for path in dict.fromkeys(problem.file for problem in problems):
        here = [problem for problem in problems if problem.file == path]
        copy = _keep_copy(workspace, path, moment)
        bad = {problem.line for problem in here}
        if path == workspace.history_file:
            _blank(path, bad)
        else:
            write_bytes(path, b"\n".join(raw for number, raw in numbered(path) if number not in bad))
        outcome = Message("It was taken out; a copy of the file is {copy}.", {"copy": copy})
        mended += [dataclasses.replace(problem, repaired=True, outcome=outcome) for problem in here]
    return mended


def _blank(path: Path, bad: AbstractSet[int]) -> None:
    """Write blanks over lines: those who read the history remember places in it, so no other line may move."""
    with disk_errors(path), path.open("r+b", buffering=0) as out:
        place = 0
        for number, raw in numbered(path):
            if number in bad:
                out.seek(place)
                out.write(b" " * len(raw))
            place += len(raw) + 1
        os.fsync(out.fileno())


def _keep_copy(workspace: Workspace, path: Path, moment: float) -> Path:
    """Copy a file into the trash, under a name that says when; return the place."""
    stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")
    place = workspace.trash / "scores" / f"{stamp}-{secrets.token_hex(2)}-{path.name}"
    with disk_errors(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
    copy_file(path, place)
    return place


def _throw_away(workspace: Workspace, problem: Problem) -> Problem:
    place = workspace.trash / "leftovers" / f"{secrets.token_hex(4)}{problem.file.name}"
    with disk_errors(problem.file):
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another one was sooner
            problem.file.rename(place)
    return dataclasses.replace(problem, repaired=True, outcome=Message("It was moved to {place}.", {"place": place}))
