"""Every text a person may see exists in English and in Chinese, with the same places for values."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import engine
import tui
from engine import errors
from tests.tui.literal_texts import sources
from tui.i18n import language, language_of_terminal, say, set_language, t, texts

ENGINE = Path(engine.__file__).parent
TUI = Path(tui.__file__).parent
ERRORS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.BeholderError)
}
# Names, formats and commands that are the same in both languages.
SAME_IN_BOTH = frozenset({"beholder", "SRCC", "{name}: {old} → {new}"})


@cache
def _templates() -> list[tuple[str, str | None]]:
    """Return place and template of every message; None for one that can't be translated."""
    return list(_read_templates())


def _read_templates() -> Iterator[tuple[str, str | None]]:
    for source in [*sources(ENGINE), *sources(TUI)]:
        if source.name == "engine/errors.py":
            continue
        for call in source.calls():
            if call.name not in {*ERRORS, "Message"}:
                continue
            words = [word.value for word in call.node.keywords if word.arg in {"remedy", "template"}]
            for node in [*call.node.args[:1], *words]:
                # A Message for a remedy has a call of its own.
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Message":
                    continue
                found = source.texts(node)
                yield from ((call.place, text) for text in ([None] if found is None else found) if text != "")


@cache
def _keys() -> list[tuple[str, str | None, bool]]:
    """Return place and key of every ``t(…)``, and whether it is only the beginning of keys."""
    return list(_read_keys())


def _read_keys() -> Iterator[tuple[str, str | None, bool]]:
    for source in sources(TUI):
        for call in source.calls():
            if call.name != "t" or source.name == "tui/i18n.py" or not call.node.args:
                continue
            node = call.node.args[0]
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                yield call.place, str(node.values[0].value), True
                continue
            found = source.texts(node)
            yield from ((call.place, key, False) for key in ([None] if found is None else found))


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_message_is_a_literal_template() -> None:
    assert [place for place, text in _templates() if text is None] == []


def test_every_message_has_its_chinese() -> None:
    chinese = texts("zh")
    assert sorted({text for _, text in _templates() if text is not None and text not in chinese}) == []


def test_the_chinese_of_a_message_has_the_same_places() -> None:
    chinese = texts("zh")
    wrong = [
        text
        for _, text in _templates()
        if text is not None and text in chinese and not _places(chinese[text]) <= _places(text)
    ]
    assert wrong == []


def test_every_key_is_a_literal() -> None:
    assert [place for place, key, _ in _keys() if key is None] == []


@pytest.mark.parametrize("name", ["en", "zh"])
def test_every_key_has_its_text(name: str) -> None:
    known = texts(name)
    missing = [
        (place, key)
        for place, key, beginning in _keys()
        if key is not None and not (any(other.startswith(key) for other in known) if beginning else key in known)
    ]
    assert missing == []


def _pairs() -> list[tuple[str, str, str]]:
    english, chinese = texts("en"), texts("zh")
    return [(key, english[key], chinese[key]) for key in english if key in chinese]


def test_both_languages_have_the_same_keys() -> None:
    templates = {text for _, text in _templates()}
    chinese = {key for key in texts("zh") if " " not in key and "{" not in key and key not in templates}
    keys = {key for key in chinese if "." in key and not key.endswith(".")}
    assert sorted(texts("en").keys() - texts("zh").keys()) == []
    assert sorted(keys - texts("en").keys()) == []


def test_both_languages_have_the_same_places() -> None:
    assert [key for key, english, chinese in _pairs() if _places(english) != _places(chinese)] == []


def test_no_chinese_text_was_left_in_english() -> None:
    left = [key for key, english, chinese in _pairs() if english == chinese and english not in SAME_IN_BOTH]
    left += [key for key, text in texts("zh").items() if key == text]
    assert [key for key in left if _has_words(texts("zh")[key])] == []


def _has_words(text: str) -> bool:
    """Say whether a text holds more than places, signs and numbers."""
    rest = "".join(literal for literal, _, _, _ in string.Formatter().parse(text))
    return any(char.isalpha() for char in rest)


def test_the_language_is_that_of_the_terminal() -> None:
    assert language_of_terminal({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language_of_terminal({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}) == "en"
    assert language_of_terminal({}) == "en"


def test_an_error_is_said_in_chinese_with_its_values() -> None:
    set_language("zh")
    error = errors.UsageError("There is no command “{name}”.", name="trian\x1b")
    assert language() == "zh"
    assert say(error.message) == "没有命令“trian\\x1b”。"
    assert t("cli.error", text="x") == "错误：x"
