"""The words of a gallery in the present language, for the command and the app alike."""

from __future__ import annotations

from tui.i18n import language, texts


def gallery_words() -> dict[str, str]:
    """Return the page's words in the present language, for `engine.outputs.gallery.write_gallery`."""
    from engine.outputs.gallery_words import ENGLISH

    known = texts(language())
    return {key: known.get(template, template) for key, template in ENGLISH.items()} | {"language": language()}
