"""Lets the terminal itself move lines that scroll, so that only the lines which came into sight are sent.

Textual sends a scrolled widget whole: 6 kB for a table of 120×40 cells. Every terminal since the VT100 can move a range
of its lines with a few bytes. This works where a widget spans the whole width and nothing lies over it.
"""

from __future__ import annotations

from textual.geometry import Region
from textual.widget import Widget


def can_move(widget: Widget, lines: Region) -> bool:
    """Say whether the terminal may move these lines.

    Args:
        widget: what is drawn there.
        lines: where, in cells of the screen.
    """
    app, screen = widget.app, widget.screen
    driver = app._driver
    if driver is None or driver.is_headless or driver.is_inline or app._batch_count:
        return False
    if not screen.is_current or screen._layout_required or lines.x or lines.width != app.size.width:
        return False
    own = {widget, *widget.ancestors}
    return lines.bottom <= app.size.height and not any(
        region.overlaps(lines) for other, (region, _) in screen._compositor.visible_widgets.items() if other not in own
    )


def move_lines(widget: Widget, lines: Region, by: int) -> list[Region]:
    """Let the terminal move the lines of a widget; it must be able to, see `can_move`.

    Args:
        widget: what is drawn there.
        lines: where, in cells of the screen; what moves out at one end is lost.
        by: how far, positive to move them up.

    Returns:
        What is to be drawn now, in cells of the screen: the lines that came, and what still waited to be drawn and
        has moved meanwhile.
    """
    assert widget.app._driver is not None
    end, step = (lines.bottom, "\x1bD") if by > 0 else (lines.y + 1, "\x1bM")
    widget.app._driver.write(f"\x1b[{lines.y + 1};{lines.bottom}r\x1b[{end};1H{step * abs(by)}\x1b[r")
    waiting = {region.translate(widget.region.offset) for region in widget._repaint_regions}
    waiting |= widget.screen._compositor._dirty_regions
    moved = [region.intersection(lines).translate((0, -by)) for region in waiting if region.overlaps(lines)]
    came = Region(lines.x, lines.bottom - by if by > 0 else lines.y, lines.width, abs(by))
    return [piece for region in (*moved, came) if (piece := region.intersection(lines))]
