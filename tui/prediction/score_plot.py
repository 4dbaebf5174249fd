"""A small picture of the person's own scores with a mark at a predicted one, made of text: it needs no colour."""

from __future__ import annotations

from collections.abc import Sequence

from engine.workspace import Scale, format_score

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def plot_lines(counts: Sequence[int], score: float, scale: Scale, width: int, height: int) -> list[str]:
    """Return bars, an axis with a mark, and the numbers below it.

    Args:
        counts: how many scores there are in each of equally wide bins over the scale; at least one bin.
        score: where the mark goes; one outside the scale goes to its end.
        scale: of the scores.
        width: columns, at least 8.
        height: rows of the bars, at least 1.

    Returns:
        ``height + 2`` lines, none wider than `width`.

    >>> for line in plot_lines((1, 2, 4, 2), 62, Scale(), 12, 1): print(line)
    ▂▂▂▄▄▄███▄▄▄
    ───────▲────
    0     62 100
    """
    bins = list(counts)
    while len(bins) > width:
        bins = [sum(bins[place : place + 2]) for place in range(0, len(bins), 2)]
    each = width // len(bins)
    most = max(*bins, 1)
    # the smallest bar is seen too: there is a photo
    levels = [max(round(8 * height * count / most), 1) if count else 0 for count in bins]
    lines = [
        "".join(_EIGHTHS[min(max(level - 8 * row, 0), 8)] * each for level in levels) for row in reversed(range(height))
    ]
    columns = each * len(bins)
    share = (scale.clip(score) - scale.low) / (scale.high - scale.low)
    mark = min(int(share * columns), columns - 1)
    return [*lines, "─" * mark + "▲" + "─" * (columns - mark - 1), _numbers(score, scale, mark, columns)]


def _numbers(score: float, scale: Scale, mark: int, columns: int) -> str:
    """Return the ends of the scale, and the score below its mark where there is room."""
    low, high, middle = format_score(scale.low), format_score(scale.high), f"{score:.0f}"
    if scale.high - scale.low <= 20:
        middle = f"{score:.1f}"
    start = mark - len(middle) // 2
    line = [" "] * columns
    line[: len(low)] = low
    line[columns - len(high) :] = high
    if len(low) < start and start + len(middle) < columns - len(high):
        line[start : start + len(middle)] = middle
    return "".join(line)
