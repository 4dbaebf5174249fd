"""Finds the cells in which two drawings of a widget differ, so that only these are sent to the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat, zip_longest

from rich.cells import cell_len, get_character_cell_size
from textual.geometry import Region
from textual.strip import Strip

from tui.picture_strip import JoinedStrip, PictureStrip

_Cell = tuple[str | int, object]
_NOTHING = Strip([], 0)
_MOVE = 8
"""Bytes of moving the terminal's cursor: so much plain text is not worth a gap between two spans."""


def changed_regions(before: Sequence[Strip], after: Sequence[Strip]) -> list[Region]:
    """Return where two drawings differ.

    A wide character is never cut in two. Equal rows of spans are joined to one region.

    Args:
        before: what the widget shows now, one strip a row.
        after: what it is going to show.

    Returns:
        Regions in cells, (0, 0) the first cell of the first strip; none overlap. Empty when nothing changed.
        Where one drawing is larger than the other, what only one of them has counts as changed.

    >>> from rich.segment import Segment
    >>> changed_regions([Strip([Segment("score 80")])], [Strip([Segment("score 85")])])
    [Region(x=7, y=0, width=1, height=1)]
    """
    regions: list[Region] = []
    growing: dict[tuple[int, int], int] = {}  # a span → the place in `regions` of the one that reaches the row above
    for y, (old, new) in enumerate(zip_longest(before, after, fillvalue=_NOTHING)):
        above, growing = growing, {}
        for start, end in _changed_spans(old, new):
            place = above.get((start, end))
            if place is None:
                place = len(regions)
                regions.append(Region(start, y, end - start, 1))
            else:
                x, top, width, height = regions[place]
                regions[place] = Region(x, top, width, height + 1)
            growing[start, end] = place
    return regions


def _changed_spans(before: Strip, after: Strip) -> list[tuple[int, int]]:
    if before is after:
        return []
    old, new = _cells(before), _cells(after)
    common = min(len(old), len(new))
    changed = [x for x in range(common) if old[x] != new[x]]
    changed += range(common, max(len(old), len(new)))
    spans: list[tuple[int, int]] = []
    for start, end in _runs(changed):
        while any(start < len(line) and line[start][0] == "" for line in (old, new)):
            start -= 1
        while any(end < len(line) and line[end][0] == "" for line in (old, new)):
            end += 1
        last = spans[-1] if spans else (-1, -1)
        if spans and (start <= last[1] or _is_short(new[last[1] - 1 : start])):
            spans[-1] = (last[0], max(end, last[1]))
        else:
            spans.append((start, end))
    return spans


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return where numbers follow each other: the first, and the one behind the last."""
    starts = [place for before, place in zip([-2, *places], places, strict=False) if place != before + 1]
    ends = [place + 1 for place, after in zip(places, [*places[1:], -2], strict=False) if after != place + 1]
    return list(zip(starts, ends, strict=True))


def _is_short(gap: list[_Cell]) -> bool:
    """Say whether sending unchanged cells costs less than moving past them; the first one lies before the gap."""
    return len(gap) <= _MOVE + 1 and all(style == gap[0][1] for _, style in gap)


def _cells(strip: Strip) -> list[_Cell]:
    """Return what is in each cell of a strip, and its style; the right half of a wide character is an empty text."""
    if isinstance(strip, PictureStrip):
        return [(shape, (ink, paper)) for shape, ink, paper in strip.cells]
    if isinstance(strip, JoinedStrip):
        return [cell for part in strip.parts for cell in _cells(part)]
    cells: list[_Cell] = []
    for text, style, control in strip:
        if control:
            continue
        if text.isascii() or cell_len(text) == len(text):
            cells.extend(zip(text, repeat(style)))
            continue
        for character in text:
            width = get_character_cell_size(character)
            if width:
                cells.append((character, style))
                cells.extend(repeat(("", style), width - 1))
            elif cells:  # a mark that stands on the character before
                cells[-1] = (f"{cells[-1][0]}{character}", cells[-1][1])
    return cells
