"""The filter of photos in the present language."""

from __future__ import annotations

from engine.labels.filtering import Test, compile_filter, unfinished_parts
from tui.i18n import language, texts


def photo_filter(text: str) -> Test:
    """Return the test that a filter text means; English words are understood beside those of the language."""
    return compile_filter(text, filter_words())


def unfinished(text: str) -> list[str]:
    """Return the parts of a filter text that count for nothing, as they were typed."""
    return unfinished_parts(text, filter_words())


def filter_words() -> dict[str, str]:
    """Return the words of the present language that stand for English words of the filter."""
    own = texts(language())
    return {
        word: key.rpartition(".")[2]
        for key, words in own.items()
        if key.startswith("filter.word.")
        for word in words.split()
    }
