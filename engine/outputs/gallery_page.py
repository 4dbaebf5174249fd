"""The pieces of a gallery's page, each written when its turn comes: head, photos, what failed, the large view."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import display_name
from engine.outputs.gallery_script import SCRIPT
from engine.outputs.gallery_style import STYLE
from engine.outputs.report_words import Words

MARK = '<meta name="generator" content="beholder gallery">'
"""What tells a gallery from any other file; it stands among the first lines."""

_SORTS = ("score", "name", "width")
_KEYS = (
    ("← → ↑ ↓", "key_arrows"),
    ("Home End", "key_ends"),
    ("Enter", "key_enter"),
    ("Esc", "key_escape"),
    ("s", "key_sort"),
    ("r", "key_reverse"),
    ("/", "key_filter"),
    ("t", "key_theme"),
    ("?", "key_help"),
)


@dataclass(frozen=True)
class Picture:
    """A small picture as it lies in the page.

    Args:
        data: the JPEG file. width: in pixels. height: in pixels.
    """

    data: bytes
    width: int
    height: int

    def uri(self) -> str:
        """Return it as a ``data:`` address."""
        return "data:image/jpeg;base64," + base64.b64encode(self.data).decode("ascii")


@dataclass(frozen=True)
class Card:
    """One photo of the page.

    Args:
        name: as it is shown. place: its place in the natural order of the names, from 0.
        rank: its place by score, from 1. score: on the model's scale.
        low: lower end of the interval, high: the upper one; None where there is none.
        stars: 1 to 5. link: relative address of the original, percent-encoded; empty for none.
        small: its small picture; None where the photo can't be read. large: a larger one; None for most.
    """

    name: str
    place: int
    rank: int
    score: float
    low: float | None
    high: float | None
    stars: int
    link: str
    small: Picture | None
    large: Picture | None

    @property
    def width(self) -> float:
        """The interval's width in score units; infinite where there is none."""
        return math.inf if self.low is None or self.high is None else self.high - self.low


def head(title: str, *, total: int, shown: int, models: Sequence[str], words: Words) -> str:
    """Return the page's beginning, up to where the photos begin.

    Args:
        title: of the page. total: photos that have a score. shown: how many of them are on the page.
        models: ids of the models that scored them. words: the page's words.
    """
    name = html.escape(display_name(title))
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(STYLE)}'; "
        f"script-src 'sha256-{_digest(SCRIPT)}'; base-uri 'none'; form-action 'none'"
    )
    key = "none" if not total else "all_shown" if shown == total else "best_shown"
    under = words(key, total=total, shown=shown)
    by = "".join(f" · {words('model', model=display_name(model))}" for model in models)
    return (
        f'<!doctype html>\n<html lang="{words("language")}">\n<head>\n<meta charset="utf-8">\n{MARK}\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header><h1>{name}</h1><p class="soft">{under}{by}</p></header>\n'
        f'<main>\n{_bar(words)}<ol class="photos" id="photos" aria-label="{words("photos")}">\n'
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _bar(words: Words) -> str:
    choices = "".join(f'<option value="{key}">{words(f"sort_{key}")}</option>' for key in _SORTS)
    return (
        f'<form class="bar" id="bar" aria-label="{words("controls")}">'
        f'<label>{words("sort")} <select id="sort" aria-keyshortcuts="s">{choices}</select></label>'
        f'<button type="button" id="reverse" aria-pressed="false" aria-keyshortcuts="r">{words("reverse")}</button>'
        f'<label>{words("search")} <input type="search" id="search" autocomplete="off" aria-keyshortcuts="/"></label>'
        f'<label>{words("minimum")} <input type="number" id="minimum" step="any" autocomplete="off"></label>'
        '<button type="button" id="theme" aria-keyshortcuts="t"></button>'
        f'<button type="button" id="keys" aria-keyshortcuts="?">{words("help")}</button>'
        '<span class="count" id="count" role="status"></span></form>\n'
    )


def card(photo: Card, score: ScoreText, words: Words) -> str:
    """Return one photo of the page, its picture inside."""
    name, value = html.escape(photo.name), score(photo.score)
    between = ""
    if photo.low is not None and photo.high is not None:
        between = words("interval", low=score(photo.low), high=score(photo.high))
    stars = words("stars", stars=photo.stars)
    data = {
        "text": name,
        "score": f"{photo.score:.6g}",
        "name": str(photo.place),
        "width": "Infinity" if math.isinf(photo.width) else f"{photo.width:.6g}",
        "interval": between,
        "stars": stars,
        "rank": words("rank", rank=photo.rank),
        "link": html.escape(photo.link),
        "large": "" if photo.large is None else photo.large.uri(),
    }
    held = "".join(f' data-{key}="{text}"' for key, text in data.items() if text)
    picture = f'<span class="gone">{words("no_picture")}</span>'
    if photo.small is not None:
        size = f'width="{photo.small.width}" height="{photo.small.height}"'
        picture = f'<img alt="{name}" {size} decoding="async" src="{photo.small.uri()}">'
    signs = "★" * photo.stars + "☆" * (5 - photo.stars)
    return (
        f'<li><button type="button" class="photo" aria-haspopup="dialog"{held}>{picture}'
        f'<span class="name"{"" if photo.small is None else " aria-hidden=true"} dir="auto">{name}</span>'
        f'<span class="facts" data-said="{words("score", score=value)}"><b>{value}</b>'
        f'<span class="stars" role="img" aria-label="{stars}">{signs}</span>'
        f"<small>{between}</small></span></button></li>\n"
    )


def tail(failed: Sequence[tuple[str, str]], more: int, size: str, words: Words) -> str:
    """Return the page's end: what failed, the large view, the keys, the script.

    Args:
        failed: name and reason of each photo without a score. more: how many such are not listed.
        size: how much is in the page, in words. words: the page's words.
    """
    return (
        f'</ol>\n<p id="nothing" hidden>{words("nothing_fits")}</p>\n{_failed(failed, more, words)}</main>\n'
        f"<footer><p>{words('made')} {html.escape(size)}</p></footer>\n{_large(words)}{_help(words)}"
        f"{_said(words)}<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _failed(failed: Sequence[tuple[str, str]], more: int, words: Words) -> str:
    if not failed:
        return ""
    items = "".join(
        f"<li><bdi>{html.escape(name)}</bdi>: {html.escape(display_name(reason)) or words('no_reason')}</li>\n"
        for name, reason in failed
    )
    rest = f"<p>{words('failed_more', n=more)}</p>" if more else ""
    title = words("failed", n=len(failed) + more)
    return (
        f'<section class="failed" aria-labelledby="failed"><h2 id="failed">{title}</h2><ul>{items}</ul>{rest}'
        "</section>\n"
    )


def _large(words: Words) -> str:
    return (
        '<dialog id="large" aria-labelledby="large-name"><img id="picture" alt="" hidden>'
        '<h2 id="large-name" dir="auto"></h2><p class="figures" id="large-facts" role="status"></p>'
        '<p class="soft" id="large-note"></p>'
        f'<div class="row"><a id="original" hidden>{words("original")}</a><span class="space"></span>'
        f'<button type="button" id="previous">← {words("previous")}</button>'
        f'<button type="button" id="next">{words("next")} →</button>'
        f'<button type="button" id="close" autofocus>{words("close")}</button></div></dialog>\n'
    )


def _help(words: Words) -> str:
    keys = "".join(
        f"<dt>{' '.join(f'<kbd>{key}</kbd>' for key in signs.split())}</dt><dd>{words(word)}</dd>"
        for signs, word in _KEYS
    )
    return (
        f'<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">{words("help")}</h2>'
        f'<dl class="keys">{keys}</dl>'
        f'<button type="button" id="help-close" autofocus>{words("close")}</button></dialog>\n'
    )


def _said(words: Words) -> str:
    """Return the words that the script needs, as attributes of an element that nobody sees."""
    said = {
        "count": words("count", shown="{shown}", total="{total}"),
        "theme": words("theme"),
        "auto": words("theme_auto"),
        "light": words("theme_light"),
        "dark": words("theme_dark"),
        "small": words("small_only"),
        "gone": words("no_picture"),
    }
    held = "".join(f' data-{key}="{text}"' for key, text in said.items())
    return f'<div id="words" hidden{held}></div>\n'


class ScoreText:
    """Writes scores with as many decimals as their scale needs.

    Args:
        span: the scale's width.
    """

    def __init__(self, span: float) -> None:
        self._decimals = 1 if span > 20 else 2

    def __call__(self, score: float) -> str:
        return f"{score:.{self._decimals}f}"


def scored(row: Mapping[str, Any], column: str) -> float | None:
    """Return a number of a row; None where it has none there."""
    value = row.get(column)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
