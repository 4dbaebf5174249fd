"""Every string a person sees, in English and Chinese.

The face's own strings have keys (``home.title``) in ``locales/*.en.toml`` and ``locales/*.zh.toml``. The engine's
messages are English templates; ``locales/engine.zh.toml`` maps each template to its Chinese.
"""

from __future__ import annotations

import functools
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import Message

LANGUAGES = ("en", "zh")
_LOCALES = Path(__file__).with_name("locales")
_KEY = re.compile(r"[a-z_]+(\.[a-z0-9_-]+)+", re.IGNORECASE)
_current = "en"


def set_language(language: str) -> None:
    """Choose the language of everything that is shown from now on.

    Args:
        language: one of `LANGUAGES`; anything else means English.
    """
    global _current
    _current = language if language in LANGUAGES else "en"


def language() -> str:
    """Return the present language."""
    return _current


def language_of_terminal(environ: Mapping[str, str] = os.environ) -> str:
    """Return the language that ``LC_ALL``, ``LC_MESSAGES`` or ``LANG`` ask for, in this order."""
    asked = next((environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(key)), "")
    return "zh" if asked.lower().startswith("zh") else "en"


class Texts(Mapping[str, str]):
    """All strings of one language: dotted key (or engine template) → text.

    Reading all files takes as long as a fifth of the app's start. The first word of a key names the file in which it
    most likely is: only where it isn't there, all files are read.

    Args:
        language: one of `LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._found: dict[str, str] = {}
        self._looked_at: set[str] = set()

    def __getitem__(self, key: str) -> str:
        if key not in self._found:
            is_key = _KEY.fullmatch(key) is not None
            if self._language == "en" and not is_key:
                raise KeyError(key)  # an English template needs no English
            # what is no key may be one of Textual's own texts, which are wanted at once, too
            self._look_at(f"{key.partition('.')[0] if is_key else 'textual'}.{self._language}.toml")
            if key not in self._found:
                self._look_at_all()
        return self._found[key]

    def __iter__(self) -> Iterator[str]:
        self._look_at_all()
        return iter(self._found)

    def __len__(self) -> int:
        self._look_at_all()
        return len(self._found)

    def _look_at_all(self) -> None:
        for file in sorted(_LOCALES.glob(f"*.{self._language}.toml")):
            self._look_at(file.name)

    def _look_at(self, name: str) -> None:
        if name in self._looked_at:
            return
        file = _LOCALES / name
        if file.is_file():
            content = tomllib.loads(file.read_text("utf-8"))
            self._found |= content.pop("templates", {})
            self._found |= dict(_flat(content, ""))
        self._looked_at.add(name)  # last, because other threads look, too


@functools.cache
def texts(language: str) -> Texts:
    """Return all strings of one language."""
    return Texts(language)


def _flat(content: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", str(value)))
    return pairs


def t(key: str, **values: object) -> str:
    """Return the string behind a key in the present language, its ``{name}`` places filled.

    Raises:
        KeyError: no language has the key: a mistake in the program.
    """
    text = texts(_current).get(key)
    if text is None:
        text = texts("en")[key]
    return text.format(**values) if values else text


def say(message: Message) -> str:
    """Return an engine message in the present language."""
    return message.render(texts(_current).get(message.template))
