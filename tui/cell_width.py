"""How many terminal cells a text takes, and padding, cutting and wrapping by it."""

from __future__ import annotations

_LATIN_END = "\u0300"
_NARROW_SIGNS = frozenset("–—‘’“”…•→≥≤█░")
_WIDE = "\u2e80"
_OPENING = "“（《「"
_CLOSING = "，。、；：？！）》”」"


def width(text: str) -> int:
    """Return how many cells a text takes; Chinese characters and most emoji take two."""
    if text.isascii() or all(char < _LATIN_END or char in _NARROW_SIGNS for char in text):
        return len(text)
    from rich.cells import cell_len  # only texts beyond Latin pay for the import

    return cell_len(text)


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """Return the text filled with blanks to a width; `right` puts the blanks before it."""
    blanks = " " * max(cells - width(text), 0)
    return blanks + text if right else text + blanks


def cut(text: str, cells: int) -> str:
    """Return the text, its end replaced by ``…`` where it is wider than `cells`.

    >>> cut("photograph", 6)
    'photo…'
    """
    if width(text) <= cells:
        return text
    kept = text[: max(cells - 1, 0)]
    while kept and width(kept) > cells - 1:
        kept = kept[:-1]
    return f"{kept}…"


def cut_left(text: str, cells: int) -> str:
    """Return the text, its beginning replaced by ``…`` where it is wider than `cells`.

    >>> cut_left("photograph", 6)
    '…graph'
    """
    if width(text) <= cells:
        return text
    kept = text[-max(cells - 1, 1) :]
    while kept and width(kept) > cells - 1:
        kept = kept[1:]
    return f"…{kept}"


def wrap(text: str, cells: int) -> list[str]:
    """Return the lines of a paragraph; it breaks at blanks, and between wide characters."""
    lines: list[str] = []
    line = ""
    for word in _pieces(text):
        if line and width(line) + width(word.rstrip()) > cells:
            lines.append(line.rstrip())
            line = ""
        line += word if line else word.lstrip()
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _pieces(text: str) -> list[str]:
    """Return the parts between which a line may break; closing signs never begin a line, opening ones never end it."""
    pieces: list[str] = []
    for char in text:
        last = pieces[-1][-1] if pieces else " "
        after_blank = last == " " and char != " "
        beside_wide = (char >= _WIDE and char not in _CLOSING) or (last >= _WIDE and char not in _CLOSING + " ")
        if not pieces or after_blank or (beside_wide and last not in _OPENING):
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces
