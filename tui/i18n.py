"""Every string a person sees, in English and Chinese.

The face's own strings have keys (``home.title``) in ``locales/*.en.toml`` and ``locales/*.zh.toml``. The engine's
messages are English templates; ``locales/engine.zh.toml`` maps each template to its Chinese.
"""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import Message

LANGUAGES = ("en", "zh")
_LOCALES = Path(__file__).with_name("locales")
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


@functools.cache
def texts(language: str) -> Mapping[str, str]:
    """Return all strings of one language: dotted key (or engine template) → text."""
    found: dict[str, str] = {}
    for file in sorted(_LOCALES.glob(f"*.{language}.toml")):
        content = tomllib.loads(file.read_text("utf-8"))
        found |= content.pop("templates", {})
        found |= dict(_flat(content, ""))
    return found


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
