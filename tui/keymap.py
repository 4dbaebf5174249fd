"""The keys of the whole app, and bindings whose texts are translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import ActiveBinding, Binding, BindingType

from tui.i18n import language, texts

AREAS: Mapping[str, str] = {
    "import": "f2",
    "data": "f3",
    "train": "f4",
    "predict": "f5",
    "models": "f6",
    "jobs": "f8",
}
"""The app's screens beside Home, and the function key of each."""


def bind(
    keys: str, action: str, key: str, *, id: str, show: bool = True, priority: bool = False, display: str = ""
) -> Binding:
    """Return a binding whose description and tooltip are i18n keys.

    Args:
        keys: the keys, separated by commas.
        action: the action to run.
        key: i18n key of the short text in the footer; ``<key>_tip`` holds the longer one.
        id: a unique name, by which a person's keymap can give it other keys.
        show: whether the footer shows it.
        priority: whether it works before the focused widget sees the key.
        display: how the footer writes the key; empty means: as Textual does.
    """
    return Binding(
        keys,
        action,
        key,
        show=show,
        priority=priority,
        id=id,
        tooltip=f"{key}_tip",
        key_display=display or None,
    )


APP_BINDINGS: list[BindingType] = [
    bind("f1", "help", "app.key.help", id="app.help", priority=True),
    bind("escape", "home", "app.key.home", id="app.home"),
    *(
        bind(key, f"go('{area}')", f"app.area.{area}", id=f"app.{area}", show=False, priority=True)
        for area, key in AREAS.items()
    ),
    bind("f7", "score", "scoring.key.open", id="app.score", show=False, priority=True),
    bind("ctrl+q", "quit", "app.key.quit", id="app.quit", priority=True),
]


def shown_text(key: str) -> str:
    """Return the text of an i18n key; a text that is no key stays as it is."""
    return texts(language()).get(key) or texts("en").get(key) or key


def translated(active: dict[str, ActiveBinding]) -> dict[str, ActiveBinding]:
    """Return the active bindings with descriptions and tooltips in the present language."""
    return {
        key: found._replace(
            binding=replace(
                found.binding,
                description=shown_text(found.binding.description),
                tooltip=shown_text(found.binding.tooltip),
            ),
            tooltip=shown_text(found.tooltip),
        )
        for key, found in active.items()
    }
