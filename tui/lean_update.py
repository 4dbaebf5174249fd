"""Sends of a frame only the cells that are to be painted anew.

Textual sends a line of a widget from its left edge up to the last cell that changed: of a tile in the middle of the
gallery, everything left of it too. It has no public way to do less, so this leans on its compositor.
"""

from __future__ import annotations

from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate


class LeanUpdate(ChopsUpdate):
    """A frame of some spans of cells."""

    def render_segments(self, console: Console) -> str:
        """Return the bytes that move to each span and paint it."""
        parts = []
        for y, x1, x2 in self.spans:
            place = -1
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                left, right = max(x, x1), min(end, x2)
                if strip is None or left >= right:
                    continue
                if left != place:
                    parts.append(f"\x1b[{y + 1};{left + 1}H")
                parts.append(strip.crop(left - x, right - x).render(console))
                place = right
        return "".join(parts)


def lean(update: RenderableType | None) -> RenderableType | None:
    """Return the leaner kind of a frame that paints a part of the screen; anything else as it is."""
    if type(update) is not ChopsUpdate:
        return update
    return LeanUpdate(update.chops, update.spans, update.chop_ends)
