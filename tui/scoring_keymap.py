"""The keys of the scoring mode: each one a priority binding to what it does and what it writes."""

from __future__ import annotations

import string
from functools import partial

from textual.binding import Binding, BindingType

from tui.keymap import bind

_SHOWN = ("skip", "undo", "flag", "zoom", "style", "order", "leave")
_VERBS = {
    "s": "skip",
    "u": "undo",
    "x": "flag",
    "z": "zoom",
    "q": "style",
    "o": "order",
    "r": "redo",
    "n": "next",
    "t": "advance",
    "f": "find",
    "p": "summary",
    "i": "info",
    "c": "cells",
    "left": "left",
    "right": "right",
    "up": "up",
    "down": "down",
    "home": "first",
    "end": "last",
    "enter": "enter",
    "backspace": "erase",
    "plus": "nearer",
    "minus": "farther",
    "escape": "leave",
}
_TYPED = {
    **{digit: digit for digit in "0123456789"},
    # As Chinese and Japanese keyboards send them.
    **{chr(ord(digit) + 0xFEE0): digit for digit in "0123456789"},
    "full_stop": ".",
    "comma": ".",
    "grave_accent": "`",
    "fullwidth_full_stop": ".",
    "ideographic_full_stop": ".",
    "fullwidth_comma": ".",
    "middle_dot": "`",
}
_SAME = {
    "equals_sign": ("nearer", "="),
    "fullwidth_plus_sign": ("nearer", "+"),
    "fullwidth_hyphen_minus": ("farther", "-"),
}
_WRITTEN = {"plus": "+", "minus": "-"}


def _press(verb: str, character: str) -> str:
    return f"press({verb!r}, {character!r})"


def _described(key: str, verb: str) -> Binding:
    character = key if len(key) == 1 else _WRITTEN.get(key, "")
    return bind(
        key,
        _press(verb, character),
        f"scoring.key.{verb}",
        id=f"scoring.{verb}",
        show=verb in _SHOWN,
        priority=True,
    )


_silent = partial(Binding, description="", show=False, priority=True)

_PRIORITY: list[Binding] = [
    *(_described(key, verb) for key, verb in _VERBS.items()),
    *(_silent(key, _press("type", character)) for key, character in _TYPED.items()),
    *(_silent(key, _press(verb, character)) for key, (verb, character) in _SAME.items()),
    *(_silent(letter, _press("", letter)) for letter in string.ascii_letters if letter not in _VERBS),
    _silent("space", _press("", " ")),
    _silent("underscore", _press("", "_")),
]

SCORING_BINDINGS: list[BindingType] = [
    *_PRIORITY,
    *(Binding(binding.key, binding.action, "", show=False) for binding in _PRIORITY),
]
"""All run ``press(verb, character)``: what the key does, and what it writes where a name is typed.

Those without priority are for keys that were on their way through another screen when this one was opened.
"""
