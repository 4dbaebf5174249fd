"""Ratings given a second time, blind: how consistent a person is. Kept in ``data/rerates.tsv``, apart from the scores.

The file only grows: one line of time, person, name, score before and score now, parted by tabs, below a line of
headings. Names and persons are escaped as in ``scores.txt``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.labels.login import login_name
from engine.labels.score_lock import locked_scores
from engine.labels.scorefile import escape, unescape
from engine.storage import disk_errors
from engine.workspace import Scale, Workspace, format_score

_HEADINGS = "time\twho\tname\tbefore\tagain\n"
_FEWEST = 3  # pairs; the order of two says nothing


@dataclass(frozen=True)
class Rerate:
    """One photo that was rated again without its score being shown.

    Args:
        time: ISO time in UTC.
        who: login name.
        name: its file name in ``data/``.
        before: its score until then.
        again: the score given this time.
    """

    time: str
    who: str
    name: str
    before: float
    again: float


@dataclass(frozen=True)
class Consistency:
    """How well second ratings agree with the first ones.

    Args:
        n: pairs.
        mae: mean absolute difference, in points; 0 without pairs.
        bias: mean of second minus first, in points; 0 without pairs.
        srcc: rank correlation (Spearman), -1 to 1; None below three pairs or where all scores are equal.
        share: `mae` as a part of the scale, 0 to 1.
    """

    n: int
    mae: float
    bias: float
    srcc: float | None
    share: float


def rerates_file(workspace: Workspace) -> Path:
    """Return the place of the second ratings."""
    return workspace.data / "rerates.tsv"


def add_rerate(
    workspace: Workspace, name: str, before: float, again: float, who: str | None = None, *, now: datetime | None = None
) -> None:
    """Append one second rating; on the disk when this returns. The score itself is not touched.

    Args:
        workspace: whose photo.
        name: its file name in ``data/``.
        before: its score.
        again: the score given this time.
        who: the person; None for the login name.
        now: the present time, with its time zone; None for the clock's.

    Raises:
        NotFound: there is no workspace.
        BeholderError: the disk is full or read-only; the file is as it was.
    """
    time = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
    cells = [time, escape(who or login_name()), escape(name), format_score(before), format_score(again)]
    line = "\t".join(cells) + "\n"
    path = rerates_file(workspace)
    with locked_scores(workspace), disk_errors(path), path.open("a+b", buffering=0) as out:
        size = out.seek(0, os.SEEK_END)
        if size == 0:
            line = _HEADINGS + line
        else:
            out.seek(size - 1)
            if out.read(1) != b"\n":
                line = "\n" + line  # a crash cut the last line off
        try:
            data = line.encode()
            while data:
                data = data[out.write(data) :]
            os.fsync(out.fileno())
        except OSError:
            out.truncate(size)
            raise


def read_rerates(workspace: Workspace) -> list[Rerate]:
    """Return all second ratings, oldest first; lines that can't be read are passed over, see `damaged_rerates`.

    Raises:
        BeholderError: the file can't be opened.
    """
    return [rerate for rerate, _, _ in _lines(workspace) if rerate is not None]


def damaged_rerates(workspace: Workspace) -> list[tuple[int, str]]:
    """Return number and text of each line that is no second rating."""
    return [(number, text) for rerate, number, text in _lines(workspace) if rerate is None]


def consistency(rerates: Sequence[Rerate], scale: Scale) -> Consistency:
    """Return how well second ratings agree with the first ones.

    Args:
        rerates: the pairs.
        scale: the scale of both ratings.
    """
    n = len(rerates)
    if not n:
        return Consistency(0, 0.0, 0.0, None, 0.0)
    differences = [rerate.again - rerate.before for rerate in rerates]
    mae = math.fsum(map(abs, differences)) / n
    srcc = _rank_correlation([rerate.before for rerate in rerates], [rerate.again for rerate in rerates])
    return Consistency(n, mae, math.fsum(differences) / n, srcc, mae / scale.span)


def _lines(workspace: Workspace) -> Iterator[tuple[Rerate | None, int, str]]:
    path = rerates_file(workspace)
    with disk_errors(path):
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return
    for number, raw in enumerate(content.split(b"\n"), start=1):
        line = raw.removesuffix(b"\r")
        if line.strip() and line + b"\n" != _HEADINGS.encode():
            yield _parsed(line), number, line.decode("utf-8", "surrogateescape")


def _parsed(line: bytes) -> Rerate | None:
    try:
        time, who, name, before, again = line.decode("utf-8").split("\t")
        pair = float(before), float(again)
        datetime.fromisoformat(time)
        rerate = Rerate(time, unescape(who), unescape(name), *pair)
    except ValueError:  # not UTF-8, too few cells, no time, no number, no escape
        return None
    return rerate if name and all(map(math.isfinite, pair)) else None


def _rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's coefficient: Pearson's of the ranks, equal values sharing their mean rank."""
    if len(first) < _FEWEST:
        return None
    left, right = _centred(_ranks(first)), _centred(_ranks(second))
    spread = math.sqrt(math.fsum(a * a for a in left) * math.fsum(b * b for b in right))
    if spread == 0:
        return None
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(left, right, strict=True)) / spread))


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + end - 1) / 2
        start = end
    return ranks


def _centred(ranks: Sequence[float]) -> list[float]:
    mean = math.fsum(ranks) / len(ranks)
    return [rank - mean for rank in ranks]
