"""How an import's items are told: their cells in the table, the line of counts, and one photo in words."""

from __future__ import annotations

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from engine.errors import display_name
from engine.images import ImageInfo
from engine.labels.importing import ImportItem
from engine.workspace import format_score
from tui.cell_width import cut_left
from tui.i18n import say, t
from tui.photo_info import info_line
from tui.screens.import_draft import KINDS, Draft

_FOLDER_ROOM = 14


def item_cells(draft: Draft, item: ImportItem) -> tuple[Text | str, ...]:
    """Return an item's file, size, score, why and state, one a column."""
    return (
        short_path(draft.relative(item)),
        size_text(item.size),
        format_score(item.score) or "–",
        why(item),
        state(draft, item),
    )


def short_path(relative: str) -> Text:
    """Return a path whose folders give way to the file's name where there is little room."""
    folder, slash, name = relative.rpartition("/")
    return Text.assemble((f"{cut_left(display_name(folder), _FOLDER_ROOM)}{slash}", "dim"), display_name(name))


def state(draft: Draft, item: ImportItem) -> str:
    """Return what becomes of an item, in a word or two."""
    if draft.is_out(item):
        return t("importing.state.out")
    if item.renamed:
        return t("importing.state.renamed")
    return t(f"app.state.{item.state}")


def why(item: ImportItem) -> str:
    """Return where an item's score comes from, or why it has none; and its new name, if it gets one."""
    reason = t("app.import.typed") if item.typed else say(item.reason)
    return f"→ {display_name(item.name)} · {reason}" if item.renamed else reason


def item_text(draft: Draft, item: ImportItem, info: ImageInfo | None, *, folded: bool) -> Text:
    """Return an item in words: its path, what becomes of it, and where its score comes from.

    Args:
        draft: what it is part of.
        item: the item.
        info: size, date and camera of the photo; None while they are not known.
        folded: whether there is room for several lines.
    """
    text = Text(overflow="fold" if folded else "ellipsis", no_wrap=not folded)
    text.append(display_name(draft.relative(item)), style="bold")
    text.append("\n" if folded else "  ").append(f"{state(draft, item)} · {why(item)}", style="dim")
    return text.append(f"\n{info_line(info)}", style="dim") if info is not None else text


def counts_line(draft: Draft, width: int) -> Text:
    """Return how many items there are of each kind; the kind that is shown is marked, and a click shows another.

    Args:
        draft: what is counted.
        width: cells there are; the marked one comes first where not all fit.
    """
    kinds = [kind for kind in KINDS if kind == "all" or draft.count(kind) or kind == draft.kind]
    parts = {kind: f" {t(f'importing.kind.{kind}', n=draft.count(kind))} " for kind in kinds}
    if sum(cell_len(part) for part in parts.values()) + len(parts) > width and draft.kind != "all":
        kinds.sort(key=lambda kind: kind != draft.kind)
    line = Text(no_wrap=True, overflow="ellipsis")
    for kind in kinds:
        is_shown = kind == draft.kind
        mark = "▸" if is_shown and len(kinds) > 1 else ""
        style = Style(bold=is_shown, reverse=bool(mark), meta={"@click": f"screen.narrow('{kind}')"})
        line.append(f" {mark}{parts[kind].strip()} ", style)
    return line


def size_text(size: int) -> str:
    """Return a file's size in a few characters."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(size, 0) / 1e3:.0f} kB"
